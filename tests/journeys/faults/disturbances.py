"""Other misfortunes than kill -9: two commands at once, a full disk, a disk that fails, short writes, a wrong clock."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from tests.journeys.faults import places, promises
from tests.journeys.faults.kills import TRY_AGAIN, Ground, finish
from tests.journeys.faults.places import Operation, Place, Run, a_copy
from tests.journeys.faults.promises import Broken

from fivesafes.setting.trail.entry import event_of
from fivesafes.stores import trail

PARTLY: Final = 5
REFUSED: Final = 3
YEAR: Final = 365 * 24 * 3600.0
PAIRS: Final[Sequence[tuple[Operation, Operation]]] = (
    (places.INGEST, places.INGEST_SECOND),
    (places.INGEST, places.INGEST),
    (places.PROCESS, places.INGEST_MORE),
    (places.PROCESS, places.WITHDRAW),
    (places.RELEASE, places.WITHDRAW),
    (places.INGEST_MORE, places.WITHDRAW),
    (places.WORKER, places.WORKER),
    (places.WORKER, places.WITHDRAW),
    (places.INGEST_MORE, places.ROTATE_WORKER),
    (places.PROCESS, places.ROTATE_WORKER),
    (places.INGEST_MORE, places.ROTATE),
    (places.ROTATE, places.WITHDRAW),
)
"""Each on the stage of the first."""
ON_BAD_DISKS: Final = (
    places.REGISTER, places.INGEST, places.PROCESS, places.RELEASE, places.WITHDRAW_RELEASED, places.ROTATE_WORKER,
    places.ROTATE,
)  # fmt: skip


def at_once(ground: Ground, pair: tuple[Operation, Operation], rng: np.random.Generator) -> tuple[int, int]:
    """Run two commands at the same time; give their exit codes.  Each ends well or says "try again"; then it does."""
    with a_copy(ground.stages.at(pair[0].stage), ground.folder / "at-once") as place:
        before = promises.witnessed(place)
        withdraws = places.WITHDRAW in pair
        secret = promises.secret_of_victim(place) if withdraws else None
        first = Run.of(place, pair[0])
        time.sleep(float(rng.uniform(0, 1.0)))
        second = Run.of(place, pair[1])
        codes = [run.ended(*one.codes, PARTLY, TRY_AGAIN)[0] for run, one in zip((first, second), pair, strict=True)]
        promises.check(place, before)
        for one, code in zip(pair, codes, strict=True):
            if code == TRY_AGAIN or (one == places.WITHDRAW and code == PARTLY):
                _again(place, one)
        promises.check(place, before)
        if secret is not None:
            promises.check_withdrawn(place, secret)
        return codes[0], codes[1]


def _again(place: Place, operation: Operation) -> None:
    """Run it again, alone: it ends well, at the latest when the leases of killed or stopped workers have ended."""
    well = (*operation.codes, *operation.again, PARTLY)
    code, _ = Run.of(place, operation).ended(*well, TRY_AGAIN)
    if code == TRY_AGAIN:
        Run.of(place, operation, fault={"clock": 400.0}).ended(*well)


def full_disk(ground: Ground, operation: Operation, spare: int) -> int:
    """Run a command on a disk with so many bytes to spare; give its exit code.  With more room it ends well."""
    usual = ground.undisturbed(operation)
    original = ground.stages.at(operation.stage)
    used = int(subprocess.run(["du", "-sB4096", original.root], capture_output=True, check=True).stdout.split()[0])
    size = used * 4096 + spare + 65536
    with (
        _small_disk(ground.folder / "small-disk", bytes_=size) as (mount, enlarge),
        a_copy(original, mount / "round") as place,
    ):
        before = promises.witnessed(place)
        run = Run.of(place, operation)
        code, _ = run.ended(*operation.codes, TRY_AGAIN, PARTLY)
        _check_told(run)
        enlarge()
        promises.check(place, before)
        finish(place, operation)
        promises.check(place, before)
        promises.check_at_end(place, usual.end, elsewhere=True)
    return code


def may_mount() -> bool:
    """Tell whether small disks can be made here."""
    return os.geteuid() == 0


@contextmanager
def _small_disk(folder: Path, *, bytes_: int) -> Iterator[tuple[Path, Callable[[], None]]]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={bytes_}", "tmpfs", folder], check=True)

    def enlarge() -> None:
        subprocess.run(["mount", "-o", "remount,size=256m", folder], check=True)

    try:
        yield folder, enlarge
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def no_large_files(ground: Ground, operation: Operation, largest: int) -> int:
    """Run a command that may write no file larger than so many bytes: a full disk for who may not mount one."""
    return _disturbed(ground, operation, largest_file=largest)


def failing_disk(ground: Ground, operation: Operation, error: str, at: int) -> int:
    """Run a command whose files fail with this error from a moment on; give its exit code."""
    return _disturbed(ground, operation, fault={"fail": error, "at": at})


def short_writes(ground: Ground, operation: Operation) -> int:
    """Run a command each of whose writes takes half of what it was given; it ends as if nothing were the matter."""
    code = _disturbed(ground, operation, fault={"short": True})
    if code not in operation.codes:
        raise Broken("short writes are no reason to stop", f"{operation.name} ended with {code}")
    return code


def _disturbed(
    ground: Ground,
    operation: Operation,
    *,
    fault: Mapping[str, object] | None = None,
    largest_file: int | None = None,
) -> int:
    usual = ground.undisturbed(operation)
    with a_copy(ground.stages.at(operation.stage), ground.folder / "disturbed") as place:
        before = promises.witnessed(place)
        run = Run.of(place, operation, fault=fault, largest_file=largest_file)
        code = run.process.wait(places.LONGEST)
        _check_told(run)
        promises.check_after_kill(place, run, before, places.Manner.MAIN)
        finish(place, operation)
        promises.check(place, before)
        promises.check_at_end(place, usual.end)
    return code


def _check_told(run: Run) -> None:
    """See that a command which could not go on has said so in words."""
    if "Traceback" in (text := run.text()) or "fault of the program" in text:
        raise Broken("what a disk refuses is told in words", text)


def wrong_clock(ground: Ground) -> None:
    """Work a year ahead, then today, then a year ago: the trail keeps its order, and each day is judged as it is."""
    with a_copy(ground.stages.at(places.INGEST.stage), ground.folder / "clock") as place:
        before = promises.witnessed(place)
        Run.of(place, places.INGEST, fault={"clock": YEAR}).ended()
        Run.of(place, places.INGEST_MORE).ended()
        promises.check(place, before)
        with place.opened():
            backward = [event.facts.get("clock_back") for event in map(event_of, trail.entries())]
        if not any(isinstance(one, int) and one > 0.99 * YEAR for one in backward):
            raise Broken("the trail says that the clock went back", backward)
        code, _ = Run.of(place, places.PROCESS, fault={"clock": -YEAR}).ended(0, REFUSED)
        if code != REFUSED:
            raise Broken("approval and consents are judged by the day", f"a year ago: exit code {code}")
        Run.of(place, places.PROCESS).ended()
        promises.check(place, before)


def lease_from_the_future(ground: Ground) -> None:
    """Kill a worker whose clock is a year ahead: its lease does not keep the series for a year."""
    with a_copy(ground.stages.at(places.PROCESS.stage), ground.folder / "lease") as place:
        before = promises.witnessed(place)
        fault = {"clock": YEAR, "kill_at": "os.rename", "path": "/finished/", "later": 0}
        run = Run.of(place, places.PROCESS, fault=fault)
        run.process.wait(places.LONGEST)
        promises.check_after_kill(place, run, before, places.Manner.MAIN)
        finish(place, places.PROCESS)
        promises.check(place, before)
