"""The de-identifiers that are compared, and an environment of its own for each."""

import csv
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Final

from attrs import frozen

import fivesafes

RUNNERS: Final = Path(__file__).parent / "runners"
_TABLE: Final = Path(fivesafes.__file__).parent / "policies" / "allow" / "ps3.15-e1-1.csv"
_LONGEST: Final = 3600
_NOT_IN_DATA_SETS: Final = ("(0000", "(0002", "(0004")


@frozen(kw_only=True)
class Tool:
    """A de-identifier: what pip installs for it, or the program that Debian's ``package`` brings."""

    name: str
    runner: str
    says: str
    requires: tuple[str, ...] = ()
    program: str = ""
    package: str = ""


OURS: Final = Tool(name="fivesafes", runner="by_ours", says="profile mri-research")
TOOLS: Final = (
    OURS,
    Tool(name="dicognito", runner="by_dicognito", says="its own defaults", requires=("dicognito==0.19.0",)),
    Tool(name="deid", runner="by_deid", says="stock recipe, private removed", requires=("deid==0.4.13",)),
    Tool(
        name="dicom-anonymizer",
        runner="by_dicom_anonymizer",
        says="its own defaults",
        requires=("dicom-anonymizer==2.1.0",),
    ),
    Tool(name="dcmanon", runner="by_dcmanon", says="its own defaults", requires=("dcmanon==0.3.1",)),
    Tool(name="gdcmanon", runner="by_gdcmanon", says="-e", program="gdcmanon", package="libgdcm-tools"),
    Tool(name="dcmodify", runner="by_dcmodify", says="E.1-1 erased, -ep", program="dcmodify", package="dcmtk"),
)
PYDICOM: Final = Tool(
    name="pydicom", runner="by_pydicom_copy", says="read and save, nothing decoded", requires=("pydicom==3.0.1",)
)


@frozen(kw_only=True)
class Cost:
    """What a run over a folder cost: CPU and wall in seconds, peak memory in MiB; files given, written and failed."""

    files: int
    written: int
    failed: int
    cpu: float
    wall: float
    peak_mib: float


def python_of(tool: Tool, environments: Path) -> Path | None:
    """Give the interpreter in which a tool runs, made when there is none; None when its program is not installed."""
    if tool.program:
        return Path(sys.executable) if shutil.which(tool.program) else None
    if not tool.requires:
        return Path(sys.executable)
    place = environments / tool.name
    if not (place / "made").exists():
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        subprocess.run([place / "bin" / "pip", "install", "--quiet", *tool.requires], check=True)
        (place / "made").touch()
    return place / "bin" / "python"


def version_of(tool: Tool) -> str:
    """Say which version it is."""
    if tool.requires:
        return tool.requires[0].partition("==")[2]
    if not tool.program:
        return fivesafes.__version__
    said = subprocess.run([tool.program, "--version"], check=False, capture_output=True, text=True).stdout.split()
    return next((word.lstrip("v") for word in said if word.lstrip("v")[:1].isdigit()), "?")


def run(tool: Tool, python: Path, source: Path, into: Path) -> Cost:
    """Let a tool de-identify a folder.  Raises CalledProcessError when its runner can't even start."""
    words = [str(python), str(RUNNERS / f"{tool.runner}.py"), str(source), str(into)]
    surroundings = {**os.environ, "E11": " ".join(_listed())}
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=_LONGEST, env=surroundings)
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return Cost(**said)


def _listed() -> list[str]:
    """Give the tags that PS3.15 Table E.1-1 removes or empties, for the tool that has no list of its own."""
    with _TABLE.open(encoding="utf-8") as file:
        rows = list(csv.reader(line for line in file if not line.startswith("#")))[1:]
    erased = [row[0] for row in rows if row[3] != "U" and "x" not in row[0].lower()]
    return [tag for tag in erased if tag[:5] not in _NOT_IN_DATA_SETS]
