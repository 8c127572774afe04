"""Break havens a thousand times and see whether they keep what they promise.

Usage: python benchmarks/faults.py [--seed N] [--kills 1000] [--database sqlite|postgresql|both] [--at-once 2]
                                   [--only ROUND] [--keep DIR]

Commands are killed with kill -9 at random moments, alone, with their process group, or with everything that they have
started; after each kill every promise of docs/explanation/what-survives.md is looked at, and at the end of a round the
command is run to its end and the haven compared with one that nobody has disturbed.  The first promise that is not
kept ends it with exit code 1 and names the round: ``--only ROUND`` with the same seed and database repeats its draws.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.databases import running_cluster  # noqa: E402 - the tests' code lies beside the benchmarks
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
    said = parser.parse_args()
    kinds = KINDS if said.database == "both" else (said.database,)
    if len(kinds) == 1:
        return rounds(said, kinds[0])
    return both(said)


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
    with ExitStack() as stack:
        name = said.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="fs-faults-"))
        folder = Path(name) / kind
        folder.mkdir(parents=True, exist_ok=True)
        cluster = stack.enter_context(running_cluster()) if kind == "postgresql" else None
        stages = Stages(folder=folder / "stages", study=write_scans(folder / "study"), cluster=cluster)
        ground = Ground(stages=stages, folder=folder)
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
                told = "; ".join(map(str, kills[first:]))
                print(f"\nA promise was not kept, on {kind}, seed {said.seed}, round {number}: {operation.name}")
                print(f"  kills of this round: {told or 'none'}\n  {fault}", *getattr(fault, "__notes__", []), sep="\n  ")
                print(f"  the haven is in {folder / 'round'}" if said.keep else "  --keep DIR leaves the haven there")
                traceback.print_exc(limit=-4)
                return 1
            if said.only is not None:
                break
    if not said.lines:
        table([(kind, kill) for kill in kills], seconds=time.monotonic() - began)
    return 0


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
        print(f"{what}: " + ", ".join(f"{name} {number}" for name, number in Counter(getattr(k, what) for _, k in kills).items()))
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
