"""Find text with the ``tesseract`` program: pictures go to it on standard input, nothing is written in clear."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from fivesafes.core.errors import EngineMissing
from fivesafes.data.boxes import Box
from fivesafes.data.ports import FoundText, TextFinderFailed

_PROGRAM: Final = "tesseract"
_SECONDS: Final = 60
_SURE: Final = 60.0
_FEWEST_SIGNS: Final = 3
_WORD: Final = "5"
_LEVEL, _LEFT, _TOP, _WIDE, _HIGH, _CONFIDENCE, _TEXT = 0, 6, 7, 8, 9, 10, 11
_QUARTERS: Final = (0, 1, 3)


class Tesseract:
    """Runs the program once for each direction that text can have."""

    name: ClassVar[str] = "tesseract"

    def missing(self) -> str | None:
        """Say what must be installed first."""
        return None if shutil.which(_PROGRAM) else "install tesseract (Debian: apt-get install tesseract-ocr)"

    def version(self) -> str:
        """Name the program and its version."""
        told = subprocess.run(  # noqa: S603 - the program found on PATH
            [_program(), "--version"], capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
        ).stdout
        return told.split(b"\n")[0].decode("ascii", "replace").strip()

    def find(self, image: NDArray[np.uint8]) -> tuple[FoundText, ...]:
        """Say where text is in a picture, (rows, columns), upright or turned by a quarter to either side.

        Raises TextFinderFailed when the program fails or takes too long.
        """
        return tuple(
            FoundText(box=_turned_back(box, quarters, image.shape[0], image.shape[1]), confidence=sure)
            for quarters in _QUARTERS
            for box, sure in _words(_read(np.rot90(image, quarters)))
        )


def _turned_back(box: Box, quarters: int, rows: int, columns: int) -> Box:
    """Give a box of a picture that was turned against the clock in the picture as it was, of that size."""
    if quarters == 1:
        return Box(box.left, columns - box.bottom, box.right, columns - box.top)
    if quarters == 3:  # noqa: PLR2004 - quarters of a turn
        return Box(rows - box.right, box.top, rows - box.left, box.bottom)
    return box


def _read(image: NDArray[np.uint8]) -> str:
    """Give the program's table for a picture."""
    picture = b"P5\n%d %d\n255\n" % (image.shape[1], image.shape[0]) + np.ascontiguousarray(image).tobytes()
    with tempfile.TemporaryDirectory(prefix="fivesafes-") as home:
        surroundings = {"HOME": home, "TMPDIR": home, "PATH": os.defpath, "LC_ALL": "C.UTF-8", "OMP_THREAD_LIMIT": "1"}
        try:
            done = subprocess.run(  # noqa: S603 - an absolute path, no shell, no words of a user
                [_program(), "-", "-", "--psm", "11", "--dpi", "150", "tsv"],
                input=picture,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=surroundings,
                cwd=home,
                timeout=_SECONDS,
                check=True,
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
            raise TextFinderFailed from None
    return done.stdout.decode("utf-8", "replace")


def _program() -> str:
    found = shutil.which(_PROGRAM)
    if found is None:
        raise EngineMissing.named(kind="text_finder", name=_PROGRAM, have=[])
    return found


def _words(table: str) -> Iterator[tuple[Box, float]]:
    """Yield the place of each word in the program's table, and how sure it is; the word itself goes nowhere."""
    for line in table.splitlines()[1:]:
        cells = line.split("\t")
        if len(cells) <= _TEXT or cells[_LEVEL] != _WORD:
            continue
        sure = float(cells[_CONFIDENCE])
        if sure < _SURE or sum(sign.isalnum() for sign in cells[_TEXT]) < _FEWEST_SIGNS:
            continue
        left, top, wide, high = (int(cells[at]) for at in (_LEFT, _TOP, _WIDE, _HIGH))
        yield Box(top, left, top + high, left + wide), sure / 100
