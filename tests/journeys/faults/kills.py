"""Rounds of kill -9: a command is killed at random moments, looked at after each, and then run to its end."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from attrs import field, frozen
from tests.journeys.faults import places, promises
from tests.journeys.faults.places import Manner, Operation, Place, Run, Stages, a_copy

MOST_KILLS: Final = 3
_KILLS_OF_JOBS: Final = 2
"""A series whose worker was killed three times is set aside on purpose, and that is tested elsewhere."""
_START_UP: Final = 0.6
"""The share of the shortest command's seconds before which nothing can have happened: Python is still importing."""
_LATER: Final = 400.0
"""Seconds after which the lease of a killed worker has ended."""
TRY_AGAIN: Final = 75
_WITHDRAWALS: Final = (places.WITHDRAW, places.WITHDRAW_RELEASED)
_DESTROYS: Final = (*_WITHDRAWALS, places.DISPOSE)
_WITH_JOBS: Final = (places.PROCESS, places.RELEASE)


@frozen(kw_only=True)
class Undisturbed:
    """How a command goes when nobody disturbs it: its seconds, its moments, and how the haven is afterwards."""

    seconds: float
    moments: int
    end: Mapping[str, Any] = field(repr=False)


@frozen(kw_only=True)
class Kill:
    """One kill: of which command, drawn by ``clock`` or by ``moment``, and whether it met it alive."""

    operation: str
    manner: str
    by: str
    at: float
    met: bool

    def __str__(self) -> str:
        """Say it in a few words."""
        unit = " s" if self.by == "clock" else ". moment"
        return f"{self.manner} at {self.at:g}{unit}{'' if self.met else ' (it had ended)'}"


@frozen(kw_only=True)
class Ground:
    """Where rounds are run: havens to copy, a folder for the copies, and how each command goes undisturbed."""

    stages: Stages
    folder: Path
    _undisturbed: dict[str, Undisturbed] = field(factory=dict, repr=False)

    def undisturbed(self, operation: Operation) -> Undisturbed:
        """Give how a command goes when nobody disturbs it; run once."""
        if operation.name not in self._undisturbed:
            with a_copy(self.stages.at(operation.stage), self.folder / "undisturbed") as place:
                count = place.root / "moments"
                counting = Run.of(place, operation, fault={"count": str(count)})
                _, seconds = counting.ended(*operation.codes)
                made = Undisturbed(
                    seconds=seconds, moments=int(count.read_text(encoding="ascii")), end=promises.ended(place)
                )
            self._undisturbed[operation.name] = made
        return self._undisturbed[operation.name]

    def end_of(self, operation: Operation) -> Mapping[str, Any]:
        """Give how the haven is after a command; of one that leads to a stage, it is that stage."""
        stage = places.stage_after(operation)
        if stage is None or operation.name in self._undisturbed:
            return self.undisturbed(operation).end
        return promises.ended(self.stages.at(stage))

    def shortest(self) -> float:
        """Give the seconds of the command that does least."""
        return min(one.seconds for one in self._undisturbed.values())


def killing(
    ground: Ground,
    operation: Operation,
    rng: np.random.Generator,
    *,
    most: int = MOST_KILLS,
    note: Callable[[Kill], None],
) -> None:
    """Kill a command up to ``most`` times, then let it end.  ``note`` is told of each kill.

    Raises Broken when a promise was not kept; the haven is then left in ``ground.folder``.
    """
    usual = ground.undisturbed(operation)
    most = min(most, _KILLS_OF_JOBS) if operation in _WITH_JOBS else most
    with a_copy(ground.stages.at(operation.stage), ground.folder / "round") as place:
        before = promises.witnessed(place)
        secret = promises.secret_of_victim(place) if operation in _DESTROYS else None
        for _ in range(int(rng.integers(1, most + 1))):
            kill = _kill(place, operation, rng, usual=usual, shortest=ground.shortest(), before=before)
            note(kill)
            if not kill.met:
                break
            before = promises.witnessed(place)
        finish(place, operation, rng)
        promises.check(place, before)
        promises.check_at_end(place, usual.end)
        if secret is not None:
            check = promises.check_withdrawn if operation in _WITHDRAWALS else promises.check_gone
            check(place, secret)


def _kill(
    place: Place,
    operation: Operation,
    rng: np.random.Generator,
    *,
    usual: Undisturbed,
    shortest: float,
    before: promises.Witnessed,
) -> Kill:
    """Start the command and kill it; then look."""
    if rng.random() < 0.5:
        at, manner = int(rng.integers(1, usual.moments + 1)), Manner.MAIN
        run = Run.of(place, operation, fault={"kill": at})
        met = run.process.wait(places.LONGEST) == -9
        kill = Kill(operation=operation.name, manner=manner.value, by="moment", at=at, met=met)
    else:
        after = float(rng.uniform(_START_UP * shortest, 1.02 * usual.seconds))
        manner = Manner(rng.choice([Manner.MAIN, Manner.MAIN, Manner.GROUP, Manner.EVERYTHING]))
        run = Run.of(place, operation)
        met = run.killed(after, manner)
        kill = Kill(operation=operation.name, manner=manner.value, by="clock", at=round(after, 3), met=met)
    try:
        promises.check_after_kill(place, run, before, manner)
    except AssertionError as fault:
        fault.add_note(f"after: {kill}")
        raise
    return kill


def finish(place: Place, operation: Operation, rng: np.random.Generator | None = None) -> None:
    """Run the command to its end; a withdrawal that has begun may as well be finished by any other command."""
    if operation in _WITHDRAWALS and rng is not None and rng.random() < 0.5:
        Run.of(place, places.LOOK).ended()
        with place.opened() as haven:
            if haven.books.withdrawals():
                return
    code, _ = Run.of(place, operation).ended(*operation.codes, *operation.again, TRY_AGAIN)
    if code == TRY_AGAIN:  # a killed worker's lease lasts some minutes
        Run.of(place, operation, fault={"clock": _LATER}).ended(*operation.codes, *operation.again)


def drawn(rng: np.random.Generator, operations: Sequence[Operation]) -> Operation:
    """Draw a command by weight."""
    weights = np.array([one.weight for one in operations], dtype=float)
    return operations[int(rng.choice(len(operations), p=weights / weights.sum()))]
