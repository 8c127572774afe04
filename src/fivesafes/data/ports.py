"""What safe data needs from outside: engines that convert, deface, find text and validate."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from fivesafes.data.boxes import Box
from fivesafes.data.model import Defaced, FaceMode


@frozen(kw_only=True)
class Converted:
    """One image as a converter wrote it: uncleaned sidecar, NIfTI, companions (bval, bvec) by ending."""

    nifti: Path
    sidecar: Mapping[str, Any]
    companions: Mapping[str, Path] = field(factory=dict)


class Converter(Protocol):
    """Turns one series of de-identified DICOM into NIfTI with raw sidecars."""

    name: ClassVar[str]

    def missing(self) -> str | None:
        """Say what must be installed first, or None when ready."""

    def version(self) -> str:
        """Name the program and its version, for provenance."""

    def convert(self, series: Path, *, into: Path) -> tuple[Converted, ...]:
        """Convert the folder of one series; raises InvalidInput when the program can't."""


class Defacer(Protocol):
    """Removes the face from a structural image."""

    name: ClassVar[str]

    def missing(self) -> str | None:
        """Say what must be installed first, or None when ready."""

    def version(self) -> str:
        """Name the engine's version, for provenance."""

    def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
        """Write the defaced image and its removal mask into the folder; never touch ``image``.

        ``beside``: the image of the same session that shows the head best; a defacer may look there too.
        """


@frozen(kw_only=True)
class FoundText:
    """Where an engine found text, and how sure it is (0 to 1).  What it reads is never handed on."""

    box: Box
    confidence: float


class TextFinder(Protocol):
    """Finds text in a grey picture: typed or drawn, in any direction along its sides."""

    name: ClassVar[str]

    def missing(self) -> str | None:
        """Say what must be installed first, or None when ready."""

    def version(self) -> str:
        """Name the engine and its version, for provenance."""

    def find(self, image: NDArray[np.uint8]) -> tuple[FoundText, ...]:
        """Say where text is in a picture of 256 greys, (rows, columns); nothing of it is kept, told or logged.

        Raises TextFinderFailed when the engine gives no answer.
        """


class TextFinderFailed(Exception):
    """The engine gave no answer: nobody knows whether the picture has text."""


@frozen(kw_only=True)
class BidsIssue:
    """One thing the BIDS validator says: its code, ``error`` or ``warning``, and the place (relative)."""

    code: str
    severity: str
    location: str
    message: str


class BidsValidator(Protocol):
    """Judges whether a folder is valid BIDS."""

    name: ClassVar[str]

    def missing(self) -> str | None:
        """Say what must be installed first, or None when ready."""

    def version(self) -> str:
        """Name the program and its version, for provenance."""

    def validate(self, dataset: Path) -> tuple[BidsIssue, ...]:
        """List errors and warnings; an empty tuple means none."""
