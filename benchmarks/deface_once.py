"""Deface one image in a process that does nothing else, and say what came of it and what it took.

Usage: python -m benchmarks.deface_once IMAGE FOLDER ENGINE MODE

Prints JSON: ``answer``, ``why``, ``mask`` (a path or null), ``evidence``; CPU s and peak MB of the process, or of the
largest that it started, without what loading the program takes in CPU; ``tool_cpu``: the part of outside tools, saying
their version included.  ``failed``: an engine that gave up.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

from attrs import asdict
from benchmarks.bet_port import BetPort

from fivesafes.core.errors import FiveSafesError
from fivesafes.core.plugins import load
from fivesafes.data.face import deface
from fivesafes.data.face.pack import template
from fivesafes.data.model import FaceMode


def main(image: str, folder: str, engine: str, mode: str) -> None:
    """Deface it, and print what came of it."""
    template()
    deface.engine_version()
    before = cpu()
    came: dict[str, Any]
    try:
        by = BetPort if engine == BetPort.name else load("defacer", engine)
        answer = by().deface(Path(image), into=Path(folder), mode=FaceMode(mode))
    except FiveSafesError as error:
        came = {"answer": "failed", "why": error.what, "mask": None, "evidence": {}}
    else:
        mask = None if answer.mask is None else str(answer.mask)
        came = {"answer": answer.status.value, "why": answer.why, "mask": mask, "evidence": asdict(answer.evidence)}
    print(json.dumps(came | _spent(before)))


def cpu() -> float:
    """Count the CPU s of this process and of those that it waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_mb() -> float:
    """Say how much memory the process has had at most; the kernel's book of it alone (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))


def _spent(before: float) -> dict[str, Any]:
    tool = resource.getrusage(resource.RUSAGE_CHILDREN)
    tool_cpu = round(tool.ru_utime + tool.ru_stime, 1)
    return {"cpu": round(cpu() - before, 1), "tool_cpu": tool_cpu, "mb": round(max(peak_mb(), tool.ru_maxrss / 1024))}


if __name__ == "__main__":
    main(*sys.argv[1:])
