"""What a look at one control needs and gives."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from attrs import field, frozen

from fivesafes.setting.audit.machine import Machine
from fivesafes.setting.model import Declaration, Fact, State
from fivesafes.setting.ports import Ran

QUICK_SECONDS = 5.0
"""How long a program may take that only prints what it knows."""


@frozen(kw_only=True)
class Look:
    """Where to look: the machine, the folders that hold data and keys, and what the people of the place declared."""

    machine: Machine
    data: tuple[Path, ...] = ()
    keys: tuple[Path, ...] = ()
    temp: Path | None = None
    declared: Declaration = field(factory=Declaration)


@frozen
class Found:
    """What a look gave; ``at`` only where it was true at another moment than now (a report's own date)."""

    state: State
    how: str
    seen: str = ""
    version: str = ""
    at: datetime | None = None


Collector = Callable[[Look], Found]


def yes(how: str, seen: str, *, version: str = "", at: datetime | None = None) -> Found:
    """Say that it was looked at, and is so."""
    return Found(State.YES, how, seen, version, at)


def no(how: str, seen: str, *, version: str = "", at: datetime | None = None) -> Found:
    """Say that it was looked at, and is not so."""
    return Found(State.NO, how, seen, version, at)


def unknown(how: str, seen: str, *, version: str = "", at: datetime | None = None) -> Found:
    """Say that nobody could tell, and why."""
    return Found(State.UNKNOWN, how, seen, version, at)


class NotSeen(Exception):
    """A look that came to nothing; its message says why, and the fact is unknown."""

    def __init__(self, how: str, why: str) -> None:
        """Keep how it was tried and why it failed."""
        super().__init__(why)
        self.how = how
        self.why = why


def asked(look: Look, command: Sequence[str], *, seconds: float = QUICK_SECONDS, codes: Sequence[int] = (0,)) -> Ran:
    """Run an outside program.  Raises NotSeen when it is missing, not safe to run, too slow, or ends badly."""
    name, how = command[0], " ".join(command)
    if not look.machine.programs.has(name):
        raise NotSeen(how, f"{name} is not on PATH, or others than its owner may change it")
    try:
        ran = look.machine.programs.run(command, seconds=seconds)
    except OSError:
        raise NotSeen(how, f"{name} could not be started") from None
    if ran.code is None:
        raise NotSeen(how, f"{name} did not end within {seconds:g} s")
    if ran.code not in codes:
        raise NotSeen(how, f"{name} ended with code {ran.code} (it may need root)")
    return ran


def seen(name: str, collector: Collector, look: Look) -> Fact:
    """Look at one control; what can't be read is an unknown that says why, without the path."""
    try:
        found = collector(look)
    except NotSeen as why:
        return Fact(control=name, state=State.UNKNOWN, how=why.how, seen=why.why)
    except OSError as error:
        return Fact(
            control=name, state=State.UNKNOWN, how="looked", seen=f"can't be read: {error.strerror or 'no reason'}"
        )
    except Exception as error:  # noqa: BLE001 - whatever breaks a look, it was not seen, and the other looks still count
        return Fact(control=name, state=State.UNKNOWN, how="looked", seen=f"the look failed ({type(error).__name__})")
    return Fact(control=name, state=found.state, how=found.how, seen=found.seen, version=found.version, at=found.at)


def worst(parts: Sequence[Found], *, nothing: str = "there was nothing to look at") -> Found:
    """Join several looks at one control: one no makes a no, one unknown an unknown, and none at all an unknown."""
    if not parts:
        return unknown("not looked", nothing)
    for state in (State.NO, State.UNKNOWN, State.YES):
        same = [part for part in parts if part.state is state]
        if same:
            how = "; ".join(dict.fromkeys(part.how for part in same))
            seen = "; ".join(dict.fromkeys(part.seen for part in same))
            return Found(state, how, seen, same[0].version, min((p.at for p in same if p.at), default=None))
    raise AssertionError  # a part is in one of the three states
