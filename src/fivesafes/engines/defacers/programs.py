"""Where outside programs are, which version they are, and what they may see of this machine."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fivesafes.engines.program import run

HOMES: Final = {"FSLDIR": ("bin", "share/fsl/bin"), "FREESURFER_HOME": ("bin",), "AFNI_BIN": (".",)}
"""Variables that say where a suite lies, and where in it its programs are."""

ONE_THREAD: Final = dict.fromkeys(
    (
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
    ),
    "1",
)
BESIDE: Final = Path(sys.executable).parent
"""Where packages of this Python put their programs; it need not be on PATH."""

LIBRARIES: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
SECONDS: Final = 120.0
"""How long a program may take to say its version; the first start of a large one is slow."""

_INTERPRETER: Final = re.compile(r"#!\s*(\S*python[\d.]*)\s*$")


def find(program: str) -> Path | None:
    """Find a program on PATH, in a suite whose variable is set, or beside this Python."""
    suites = [Path(os.environ[name]) / part for name, parts in HOMES.items() if os.environ.get(name) for part in parts]
    here = [Path(place) for place in os.environ.get("PATH", os.defpath).split(os.pathsep)]
    places = [str(place) for place in (*here, *suites, BESIDE) if place.is_absolute()]
    found = shutil.which(program, path=os.pathsep.join(places))
    return Path(found) if found else None


def lacking(needs: Mapping[str, str]) -> str | None:
    """Say what must be installed so that each program is found; ``needs``: what brings each.  None when all are."""
    return "; ".join(dict.fromkeys(what for program, what in needs.items() if find(program) is None)) or None


def surroundings(programs: Sequence[str], inherited: Sequence[str]) -> dict[str, str]:
    """Give the variables that a tool needs: where its programs are, those named, and one thread."""
    folders = dict.fromkeys(str(place.parent) for place in map(find, programs) if place is not None)
    path = os.pathsep.join([*folders, os.defpath])
    named = {name: os.environ[name] for name in (*inherited, *LIBRARIES) if name in os.environ}
    return {**ONE_THREAD, **named, "PATH": path}


def said(command: Sequence[str | Path], pattern: str, environment: Mapping[str, str] | None = None) -> str:
    """Ask a program and take the first group of what it says; ``unknown`` when it does not say it."""
    with tempfile.TemporaryDirectory(prefix="fivesafes-") as home:
        messages = Path(home) / "messages"
        printed = run(command, home=Path(home), seconds=SECONDS, environment=environment, messages=messages).printed
        text = (printed + b"\n" + messages.read_bytes()).decode(errors="replace")
    found = re.search(pattern, text)
    return found[1] if found else "unknown"


def package_version(program: Path, package: str) -> str:
    """Ask the Python that a program's first line names which version of its package it has."""
    with program.open("rb") as script:
        first = script.readline(4096).decode(errors="replace")
    interpreter = _INTERPRETER.match(first)
    if interpreter is None or not Path(interpreter[1]).is_absolute():
        return "unknown"
    code = f"from importlib.metadata import version; print('version', version({package!r}))"
    return said([interpreter[1], "-I", "-c", code], r"version (\S+)")
