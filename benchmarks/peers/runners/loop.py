"""Runs one de-identifier over a folder, file by file, and prints what it cost.  Needs nothing but the standard library.

Usage of each runner: python RUNNER IN OUT.  Outputs are numbered in order of the input's paths, so that no input's name
is passed on by us; a file that the tool fails on is counted, and the rest goes on.
"""

import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path


def over_files(one: Callable[[Path, Path], None], *, who: int = resource.RUSAGE_SELF) -> None:
    """Call ``one(file, output)`` for each file below IN; ``who`` says whose CPU counts: ours, or our children's."""
    warnings.simplefilter("ignore")
    source, into = (Path(word) for word in sys.argv[1:3])
    files = sorted(path for path in source.rglob("*") if path.is_file())
    for path in files:  # into the page cache
        path.read_bytes()
    into.mkdir()
    failed = 0
    said = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # some tools talk
    before, started = resource.getrusage(who), time.perf_counter()
    for number, path in enumerate(files):
        target = into / f"{number:06d}.dcm"
        try:
            one(path, target)
        except Exception:  # noqa: BLE001 - whatever a tool raises, it did not do this file
            failed += 1
            target.unlink(missing_ok=True)
    after, ended = resource.getrusage(who), time.perf_counter()
    answer = {
        "files": len(files),
        "written": sum(1 for path in into.rglob("*") if path.is_file()),
        "failed": failed,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "wall": ended - started,
        "peak_mib": _peak_kib(who) / 1024,
    }
    os.write(said, (json.dumps(answer) + "\n").encode())


def _peak_kib(who: int) -> int:
    """Give the peak of resident memory; of this process from the kernel's own book, which forgets its parent's."""
    if who == resource.RUSAGE_SELF:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return resource.getrusage(who).ru_maxrss
