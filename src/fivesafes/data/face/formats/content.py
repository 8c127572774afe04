"""Read what a header announces and no more: it may be made so that this takes for ever, or leads elsewhere."""

import math
import zlib
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Protocol

import numpy as np
from numpy.typing import DTypeLike

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.itk import Affine
from fivesafes.data.face.stored import GZIP_MAGIC, PART, Stored, grid_of

LARGEST: Final = 1 << 29
"""Bytes of voxels that are read: a head in voxels of half a millimetre, as single floats."""

MOST_VOLUMES: Final = 10_000
LONGEST_HEADER: Final = 1 << 20  # bytes
LONGEST_SKIP: Final = 1 << 16
"""Bytes that a header may have left out before the voxels: more could be an image."""

_OF_GZIP_OR_ZLIB: Final = 47  # of zlib's wbits: either, told by the first bytes


class Packing(Enum):
    """How voxels are kept: as they are, or deflated, in gzip's frame or zlib's."""

    PLAIN = "plain"
    DEFLATED = "deflated"


class Source(Protocol):
    """Where bytes come from: a file, or what it uncompresses to."""

    def read(self, count: int, /) -> bytes:
        """Give up to so many bytes, none at the end."""


class Inflating:
    """What a file uncompresses to from where it stands, gzip (of several members too) or zlib, piece by piece."""

    def __init__(self, packed: BinaryIO) -> None:
        """Start where the file stands."""
        self._packed = packed
        self._inflate = zlib.decompressobj(_OF_GZIP_OR_ZLIB)
        self._waiting = b""

    def read(self, count: int, /) -> bytes:
        """Give up to so many bytes, none at the end.

        Raises InvalidInput for damaged ones, and where anything but zeros or another member follows.
        """
        try:
            while not self._inflate.eof or self._goes_on():
                piece = self._waiting or self._packed.read(PART)
                given = self._inflate.decompress(piece, min(count, PART))
                self._waiting = self._inflate.unconsumed_tail
                if given or not (piece or self._inflate.eof):
                    return given
        except zlib.error as error:
            what = "the compressed image is damaged"
            raise InvalidInput(what, fix="get it again from its source") from error
        return b""

    def _goes_on(self) -> bool:
        """Tell whether another member follows the one that has ended."""
        self._waiting = self._inflate.unused_data or self._packed.read(PART)
        if self._waiting.startswith(GZIP_MAGIC):
            self._inflate = zlib.decompressobj(_OF_GZIP_OR_ZLIB)
            return True
        while self._waiting and not self._waiting.strip(b"\0"):
            self._waiting = self._packed.read(PART)
        if self._waiting:
            raise _more()
        return False


def inflating(file: BinaryIO) -> Source:
    """Uncompress a file that gzip compressed; any other is given as it is."""
    packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    return Inflating(file) if packed else file


def exactly(source: Source, count: int) -> bytes:
    """Read so many bytes, a part at a time: what is announced and not there takes no memory.

    Raises InvalidInput when there are fewer.
    """
    content = bytearray()
    while len(content) < count:
        piece = source.read(min(PART, count - len(content)))
        if not piece:
            what = "the image is cut short"
            raise InvalidInput(what, fix="get it again from its source")
        content += piece
    return bytes(content)


def nothing_more(source: Source, *, but: int = 0) -> None:
    """Raise InvalidInput when more than ``but`` bytes follow; zeros that fill a file up are no matter."""
    while piece := source.read(PART):
        but -= len(piece)
        if but < 0 and piece.strip(b"\0"):
            raise _more()


def _more() -> InvalidInput:
    what = "the file holds more than the voxels that its header tells of, and a face may be in that"
    return InvalidInput(what, fix="convert it again from DICOM")


def size_of(shape: tuple[int, ...], dtype: DTypeLike) -> int:
    """Give the bytes that voxels take.  Raises InvalidInput when there are none, or more than is read here."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if min(shape, default=0) < 1 or size > LARGEST or math.prod(shape[3:]) > MOST_VOLUMES:
        what = "the image is empty, or larger than is read here"
        raise InvalidInput(what, fix="look at the image")
    return size


def voxels_of(path: Path, *, start: int, skip: int, size: int, how: Packing) -> bytes:
    """Read voxels that are all that a file holds from ``start`` on, but for ``skip`` bytes; -1: they end the file.

    Raises InvalidInput where that is not so.
    """
    if skip == -1 and how is Packing.PLAIN:
        skip = path.stat().st_size - start - size
    if not 0 <= skip <= (LONGEST_SKIP if how is Packing.PLAIN else 0):
        what = "the header leaves out more of the file than is left unseen here"
        raise InvalidInput(what, fix="look at the image")
    with path.open("rb") as file:
        file.seek(start + skip)
        source = file if how is Packing.PLAIN else Inflating(file)
        content = exactly(source, size)
        nothing_more(source)
    return content


def stored(content: bytes, shape: tuple[int, ...], dtype: DTypeLike, affine: Affine) -> Stored:
    """Put voxels together, the first axis fastest; ``affine`` goes to RAS mm.

    Raises InvalidInput when they are no plain numbers or lie nowhere.
    """
    kind = np.dtype(dtype)
    if kind.kind not in "iuf" or not np.isfinite(affine).all():
        what = "the image holds no plain numbers, or does not say where they lie"
        raise InvalidInput(what, fix="look at the image")
    grid, volumes = grid_of(shape, affine)
    return Stored(content=content, head=b"", offset=0, dtype=kind, grid=grid, volumes=volumes, slope=1.0, intercept=0.0)


def beside(header: Path, name: str, *, within: Path) -> Path:
    """Find the file that a header names for its voxels.

    Raises InvalidInput when it is not there, or lies outside of ``within``: a header may name any file of the machine.
    """
    named = PurePosixPath(name)
    if name and not named.is_absolute() and ".." not in named.parts and not set("\\%\0") & set(name):
        file = header.parent / named
        if file.resolve().is_relative_to(within.resolve()) and file.is_file():
            return file
    what = "the header names no single file of the data set for its voxels"
    raise InvalidInput(what, fix="look at the image")
