"""Break havens a thousand times and see whether they keep what they promise.

Usage: python benchmarks/faults.py [--seed N] [--kills 1000] [--database sqlite|postgresql|both] [--at-once 2]
                                   [--only ROUND] [--operation NAME] [--keep DIR]
       python benchmarks/faults.py --misfortunes [--seed N] [--database sqlite|postgresql] [--keep DIR]

Commands are killed with kill -9 at random moments, alone, with their process group, or with everything that they have
started; after each kill every promise of docs/explanation/what-survives.md is looked at, and at the end of a round the
command is run to its end and the haven compared with one that nobody has disturbed.  The first promise that is not
kept ends it with exit code 1 and names the round: ``--only ROUND`` with the same seed and database repeats its draws.

``--misfortunes`` does the rest instead: two commands at once, full disks, disks that fail, short writes, wrong clocks.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.databases import running_cluster  # noqa: E402 - the tests' code lies beside the benchmarks
from tests.journeys.faults.disturbances import (  # noqa: E402 - as above
    ON_BAD_DISKS,
    PAIRS,
    at_once,
    failing_disk,
    full_disk,
    lease_from_the_future,
    may_mount,
    no_large_files,
    short_writes,
    wrong_clock,
)
from tests.journeys.faults.kills import Ground, Kill, drawn, killing  # noqa: E402 - as above
from tests.journeys.faults.places import OPERATIONS, Stages  # noqa: E402 - as above
from tests.journeys.faults.scans import write_scans  # noqa: E402 - as above

KINDS = ("sqlite", "postgresql")


def main() -> int:
    """Read the words, run the rounds, print the table."""
    parser = argparse.ArgumentParser(description="Kill commands of a haven at random moments.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--database", choices=[*KINDS, "both"], default="both")
    parser.add_argument("--at-once", type=int, choices=[1, 2], default=2, help="2: both databases at the same time")
    parser.add_argument("--only", type=int, help="repeat the draws of this round alone")
    parser.add_argument("--operation", help="draw this operation alone")
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave a broken haven there")
    parser.add_argument("--lines", action="store_true", help="print a line of JSON for each kill (for --at-once)")
    parser.add_argument("--misfortunes", action="store_true", help="two at once, bad disks, wrong clocks")
    said = parser.parse_args()
    if said.misfortunes:
        return misfortunes(said, "postgresql" if said.database == "postgresql" else "sqlite")
    kinds = KINDS if said.database == "both" else (said.database,)
    if len(kinds) == 1:
        return rounds(said, kinds[0])
    return both(said)


@contextmanager
def ground_of(said: argparse.Namespace, kind: str) -> Iterator[Ground]:
    """Make the ground to work on, in a folder of its own."""
    with ExitStack() as stack:
        name = said.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="fs-faults-"))
        folder = Path(name) / kind
        folder.mkdir(parents=True, exist_ok=True)
        cluster = stack.enter_context(running_cluster()) if kind == "postgresql" else None
        stages = Stages(folder=folder / "stages", study=write_scans(folder / "study"), cluster=cluster)
        yield Ground(stages=stages, folder=folder)


def misfortunes(said: argparse.Namespace, kind: str) -> int:
    """Meet each of the other misfortunes once, at a moment drawn from the seed."""
    rng = np.random.default_rng([said.seed, KINDS.index(kind)])
    with ground_of(said, kind) as ground:
        for name, meet in planned(ground, rng):
            began = time.monotonic()
            try:
                code = meet()
            except AssertionError as fault:
                print(f"\nA promise was not kept, on {kind}, seed {said.seed}: {name}\n  {fault}")
                return 1
            print(f"{name:<44} exit code {code!s:<8} {time.monotonic() - began:4.0f} s", flush=True)
    return 0


def planned(ground: Ground, rng: np.random.Generator) -> Iterator[tuple[str, Callable[[], object]]]:
    """Name each misfortune with what meets it."""
    for pair in PAIRS:
        yield f"at once: {pair[0].name}, {pair[1].name}", partial(at_once, ground, pair, rng)
    for one in ON_BAD_DISKS:
        yield f"short writes: {one.name}", partial(short_writes, ground, one)
        for error in ("EIO", "ENOSPC"):
            at = int(rng.integers(1, ground.undisturbed(one).moments + 1))
            yield f"{error} from moment {at}: {one.name}", partial(failing_disk, ground, one, error, at)
        largest = int(rng.integers(1_000, 150_000))
        yield f"no file above {largest} bytes: {one.name}", partial(no_large_files, ground, one, largest)
        if may_mount() and ground.stages.cluster is None:
            spare = int(rng.integers(0, 200_000))
            yield f"{spare} bytes left on the disk: {one.name}", partial(full_disk, ground, one, spare)
    yield "clock a year ahead, right, a year behind", partial(wrong_clock, ground)
    yield "a lease from the future", partial(lease_from_the_future, ground)


def rounds(said: argparse.Namespace, kind: str) -> int:
    """Kill on one database until there were enough kills."""
    began = time.monotonic()
    kills: list[Kill] = []

    def note(kill: Kill) -> None:
        kills.append(kill)
        if said.lines:
            row = {"operation": kill.operation, "manner": kill.manner, "by": kill.by, "at": kill.at, "met": kill.met}
            print(json.dumps({"database": kind, **row}), flush=True)

    operations = [one for one in OPERATIONS if said.operation in {None, one.name}]
    with ground_of(said, kind) as ground:
        for one in operations:
            ground.undisturbed(one)
        number = said.only or 0
        while len(kills) < said.kills:
            number += said.only is None
            rng = np.random.default_rng([said.seed, KINDS.index(kind), number])
            operation = drawn(rng, operations)
            first = len(kills)
            try:
                killing(ground, operation, rng, note=note)
            except AssertionError as fault:
                where = f"on {kind}, seed {said.seed}, round {number}: {operation.name}"
                tell_broken(where, kills[first:], fault, kept=ground.folder / "round" if said.keep else None)
                return 1
            if said.only is not None:
                break
    if not said.lines:
        table([(kind, kill) for kill in kills], seconds=time.monotonic() - began)
    return 0


def tell_broken(where: str, kills: list[Kill], fault: AssertionError, *, kept: Path | None) -> None:
    """Say which promise was not kept, and how to see it again."""
    print(f"\nA promise was not kept, {where}")
    print(f"  kills of this round: {'; '.join(map(str, kills)) or 'none before'}")
    print(f"  {fault}", *getattr(fault, "__notes__", []), sep="\n  ")
    print(f"  the haven is in {kept}" if kept else "  --keep DIR leaves the haven there")
    traceback.print_exception(fault, limit=-4)


def both(said: argparse.Namespace) -> int:
    """Run both databases, each in a process of its own, beside or after one another."""
    began = time.monotonic()
    share = [said.kills // 2, said.kills - said.kills // 2]
    commands = [
        [sys.executable, __file__, "--seed", str(said.seed), "--kills", str(number), "--database", kind, "--lines"]
        + (["--keep", str(said.keep)] if said.keep else [])
        for kind, number in zip(KINDS, share, strict=True)
    ]
    running: list[subprocess.Popen[str]] = []
    told: list[str] = []
    for command in commands:
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        if said.at_once == 1:
            told.append(running[-1].communicate()[0])
    told += [process.communicate()[0] for process in running[len(told) :]]
    kills = []
    for line in "\n".join(told).splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            kills.append((row.pop("database"), Kill(**row)))
        else:
            print(line)
    table(kills, seconds=time.monotonic() - began)
    return max(process.returncode for process in running)


def table(kills: list[tuple[str, Kill]], *, seconds: float) -> None:
    """Print how often what was killed, and how often it was alive."""
    print(f"\n{'command':<18} {'database':<11} {'kills':>6} {'met it alive':>13}")
    counted = Counter((kill.operation, kind) for kind, kill in kills)
    met = Counter((kill.operation, kind) for kind, kill in kills if kill.met)
    for operation in [one.name for one in OPERATIONS]:
        for kind in KINDS:
            if counted[operation, kind]:
                print(f"{operation:<18} {kind:<11} {counted[operation, kind]:>6} {met[operation, kind]:>13}")
    print(f"{'all':<30} {len(kills):>6} {sum(met.values()):>13}")
    for what in ("manner", "by"):
        print(
            f"{what}: "
            + ", ".join(f"{name} {number}" for name, number in Counter(getattr(k, what) for _, k in kills).items())
        )
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
