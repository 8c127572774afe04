"""Converts DICOM to NIfTI with dcm2niix (C. Rorden, BSD-2-Clause), the program of its Python package.

Measured with v1.0.20260724 on scans of six vendors: ``-ba n`` and ``-ba y`` differ in who, when and which study only,
all of which the sidecar's cleaning drops, so that the safer one is asked for; ``-c ""`` empties ``aux_file``;
``-z n`` leaves compression to the rewriting of the header, which has to write the file anyway.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final

from fivesafes.core.errors import EngineMissing, FiveSafesError, InvalidInput, TryAgain
from fivesafes.data.bids.naming import STEM
from fivesafes.data.ports import Converted
from fivesafes.engines.program import run

_OPTIONS: Final = ("-g", "i", "-b", "y", "-c", "", "-z", "n", "-f", STEM, "-d", "0", "-w", "2")
_COMPANIONS: Final = (".bval", ".bvec")
_INSTALL: Final = "install it with: pip install dcm2niix"
_VERSION: Final = re.compile(rb"\bv\d+\.\d+\.\d{8}\b")
# C's printf writes these; JSON has no such numbers.
_NOT_A_NUMBER: Final = re.compile(r"(?<=[\s\[,:])-?(?:nan|inf)(?=\s*[,\]}\n])")
_FULL_BELOW: Final = 1 << 24

# dcm2niix's exit codes (nii_dicom_batch.h), as far as they say something of the input.
_WHY: Final = {
    None: "the converter took too long for one series",
    1: "the converter could not put one series together (slices may be missing)",
    2: "the converter found no images in one series",
    4: "the converter found a damaged file in one series",
    8: "the converter could use only some of the files of one series",
    10: "one series ends in the middle of a volume",
}


class Sidecars(StrEnum):
    """What the sidecars may say: dcm2niix's ``-ba``.  Only a comparison of originals wants all of it."""

    SAFER = "y"
    WHOLE = "n"


class Dcm2niix:
    """Runs dcm2niix on one series at a time, in a private place, with a time limit in seconds."""

    name: ClassVar[str] = "dcm2niix"

    def __init__(self, *, seconds: float = 3600.0, sidecars: Sidecars = Sidecars.SAFER) -> None:
        """Take the time limit for one series, and what the sidecars may say."""
        self._seconds = seconds
        self._sidecars = sidecars

    def missing(self) -> str | None:
        """Say what must be installed first, or None when ready."""
        return None if _program() else f"the program dcm2niix is missing: {_INSTALL}"

    def version(self) -> str:
        """Name the program's version, as it says it itself."""
        with tempfile.TemporaryDirectory(prefix="fivesafes-") as home:
            printed = run([_found(), "--version"], home=Path(home), seconds=60).printed
        told = _VERSION.search(printed)
        return told[0].decode() if told else "unknown"

    def convert(self, series: Path, *, into: Path) -> tuple[Converted, ...]:
        """Convert the folder of one series, its sub-folders included, and put the images into ``into``.

        Raises InvalidInput when the program can't use the series or only part of it, TryAgain when the disk is full.
        """
        program = _found()
        try:
            with tempfile.TemporaryDirectory(prefix=".converting-", dir=into.resolve()) as scratch:
                return self._convert(program, series, Path(scratch), into)
        except OSError as fault:
            message = "a series could not be read, or its images not be written"
            raise TryAgain(message, fix="make room on the disk (or mend it) and run the same command again") from fault

    def _convert(self, program: Path, series: Path, scratch: Path, into: Path) -> tuple[Converted, ...]:
        inputs, outputs, home = (scratch / name for name in ("in", "out", "home"))
        for folder in (inputs, outputs, home):
            folder.mkdir(mode=0o700)
        _link(series, inputs)
        finished = run(
            [program, *_OPTIONS, "-ba", self._sidecars, "-o", outputs, inputs], home=home, seconds=self._seconds
        )
        images = sorted(outputs.glob("*.nii"))
        if finished.code != 0 or not images:
            raise _failure(finished.code, into)
        taken = [(image, _read_sidecar(image.with_suffix(".json"))) for image in images]
        return tuple(_take(image, sidecar, into) for image, sidecar in taken)


def _program() -> Path | None:
    """Find the program inside its package, or else on the path of this machine."""
    spec = find_spec("dcm2niix")
    beside = Path(spec.origin).parent if spec is not None and spec.origin else None
    found = shutil.which("dcm2niix", path=str(beside)) if beside else None
    found = found or shutil.which("dcm2niix")
    return Path(found) if found else None


def _found() -> Path:
    program = _program()
    if program is None:
        message = "the program dcm2niix is missing"
        raise EngineMissing(message, fix=_INSTALL)
    return program


def _link(series: Path, inputs: Path) -> None:
    """Give every file a neutral name: dcm2niix skips hidden files, and its paths are of limited length."""
    files = sorted(path for path in series.resolve().rglob("*") if path.is_file())
    for number, path in enumerate(files):
        (inputs / f"{number:07}.dcm").symlink_to(path.resolve())


def _failure(code: int | None, into: Path) -> FiveSafesError:
    if shutil.disk_usage(into).free < _FULL_BELOW:
        message = "the disk is full"
        return TryAgain(message, fix="make room and run the same command again")
    why = _WHY.get(
        code, "the converter made nothing of one series" if code == 0 else "the converter failed on a series"
    )
    return InvalidInput(why, fix="send the whole series again from the scanner or archive; else leave it out by a rule")


def _take(image: Path, sidecar: Mapping[str, Any], into: Path) -> Converted:
    """Move one image with its companions to where they were wanted."""
    companions: dict[str, Path] = {}
    for ending in _COMPANIONS:
        written = image.with_suffix(ending)
        if written.is_file():
            companions[ending] = written.replace(into / written.name)
    return Converted(nifti=image.replace(into / image.name), sidecar=sidecar, companions=companions)


def _read_sidecar(path: Path) -> Mapping[str, Any]:
    """Read a sidecar; a series without one (an overlay has none) has an empty one."""
    if not path.is_file():
        return {}
    text = path.read_bytes().decode("utf-8", errors="replace")
    try:
        sidecar = json.loads(_NOT_A_NUMBER.sub("null", text), strict=False)
    except ValueError:
        sidecar = None
    if not isinstance(sidecar, dict):
        message = "the converter wrote a sidecar that can't be read"
        raise InvalidInput(message, fix="report it with the scanner's model; the series is left out")
    return sidecar
