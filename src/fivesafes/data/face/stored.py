"""A NIfTI file as it is stored: every byte of it, and where among them the voxels lie."""

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import nibabel
import numpy as np
from attrs import evolve, field, frozen
from isal import igzip
from isal.igzip_lib import IsalError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.itk import Affine, Bools, Floats, Grid

GZIP_MAGIC: Final = b"\x1f\x8b"
GZIP_LEVEL: Final = 2  # of ISA-L: a twentieth of the time that zlib's level 6 takes, for 6 % more bytes
SINGLE_FILE: Final = {348: (344, b"n+1\0"), 540: (4, b"n+2\0\r\n\032\n")}
"""Size of the header (NIfTI-1, NIfTI-2): where its magic stands, and what it is when image and header are one file."""

OF_A_PAIR: Final = {348: (344, b"ni1\0"), 540: (4, b"ni2\0\r\n\032\n")}
"""What it is where the header is a file of its own."""

HEADER_FIRST: Final = {".hdr": ".img", ".hdr.gz": ".img.gz"}
FIRST_VOXEL: Final = 352  # bytes; NIfTI-1 allows none before
UNIT_MM: Final = {"meter": 1000.0, "micron": 0.001}
Box = tuple[slice, slice, slice]


@frozen(kw_only=True, eq=False)
class Stored:
    """One NIfTI image in memory.  ``content`` is the whole file, uncompressed; ``offset`` is its first voxel's byte.

    ``head``: the header's own file, where it has one (``.hdr`` beside ``.img``); else empty.  ``dtype`` holds the byte
    order; real values are ``stored * slope + intercept``.  ``volumes`` counts what lies behind the third axis (echoes,
    time, directions).
    """

    content: bytes | bytearray = field(repr=False)
    head: bytes = field(repr=False)
    offset: int
    dtype: np.dtype[Any]
    grid: Grid
    volumes: int
    slope: float
    intercept: float

    @property
    def voxels(self) -> NDArray[Any]:
        """The stored numbers, (I, J, K, volumes): a view of the content."""
        count = int(np.prod(self.grid.shape)) * self.volumes
        flat = np.frombuffer(self.content, dtype=self.dtype, count=count, offset=self.offset)
        return flat.reshape((*self.grid.shape, self.volumes), order="F")

    def real(self, volume: int, box: Box | None = None) -> Floats:
        """Give one volume, or a box of it, in real units; what is no number becomes 0."""
        stored = self.voxels[..., volume] if box is None else self.voxels[(*box, volume)]
        real = stored.astype(np.float32)
        if (self.slope, self.intercept) != (1.0, 0.0):
            real = real * np.float32(self.slope) + np.float32(self.intercept)
        if self.dtype.kind == "f":
            np.nan_to_num(real, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return real

    def stored_value(self, real: float) -> int | float:
        """Give the stored number that means ``real``, or the nearest one there is."""
        value = (real - self.intercept) / self.slope
        if self.dtype.kind == "f":
            return value
        limits = np.iinfo(self.dtype)
        return int(np.clip(np.rint(value), limits.min, limits.max))

    def blank(self, real: float) -> float:
        """Give the real value that a voxel has when ``stored_value(real)`` stands in it."""
        return float(np.float32(self.stored_value(real)) * np.float32(self.slope) + np.float32(self.intercept))

    def blanked(self, removed: Bools, *, box: Box, fill: float) -> "Stored":
        """Set the removed voxels of the box to the stored number ``fill`` in every volume; no other byte changes."""
        copy = evolve(self, content=bytearray(self.content))
        voxels = copy.voxels
        for volume in range(self.volumes):
            voxels[(*box, volume)][removed] = fill
        return copy

    def painted(self, removed: Bools, *, box: Box, real: Iterable[Floats]) -> "Stored":
        """Set the removed voxels of the box to real values, as stored numbers; per volume one value for each.

        They stand in the order in which voxels are stored: the first axis runs fastest.
        What the numbers can't hold becomes the nearest that they can; no other byte changes.
        """
        copy = evolve(self, content=bytearray(self.content))
        voxels = copy.voxels
        for volume, values in enumerate(real):
            done = 0
            for plane, zone in zip(voxels[(*box, volume)].T, removed.T, strict=True):
                end = done + int(np.count_nonzero(zone))
                stored = (values[done:end].astype(np.float64) - self.intercept) / self.slope
                if self.dtype.kind != "f":
                    limits = np.iinfo(self.dtype)
                    stored = np.clip(np.rint(stored), limits.min, limits.max)
                plane[zone], done = stored.astype(self.dtype), end
        return copy


def files_of(path: Path) -> tuple[Path, ...]:
    """Give the files that an image consists of: the image, and the header where that is a file of its own."""
    for head, image in HEADER_FIRST.items():
        for ending in (head, image):
            if path.name.endswith(ending):
                stem = path.name.removesuffix(ending)
                return path.with_name(stem + image), path.with_name(stem + head)
    return (path,)


def read_stored(path: Path) -> Stored:
    """Read a .nii or .nii.gz file, or a pair of .hdr and .img.

    Raises InvalidInput when it is none, is cut short, holds no plain numbers, or more than its header tells of (zeros
    that fill it up are no matter).
    """
    files = files_of(path)
    content, head = _read(files[0]), b"".join(_read(other) for other in files[1:])
    try:
        header = _header(head or content, OF_A_PAIR if head else SINGLE_FILE)
        shape, dtype = tuple(int(size) for size in header.get_data_shape()), header.get_data_dtype()
        affine, unit = np.asarray(header.get_best_affine(), dtype=np.float64), header.get_xyzt_units()[0]
        slope, intercept = header.get_slope_inter()
        offset = int(header.get_data_offset())
    except (HeaderDataError, KeyError, ValueError, OverflowError) as error:
        what = "the image's header makes no sense"
        raise InvalidInput(what, fix="convert it again from DICOM") from error
    if dtype.kind not in "iuf" or dtype.itemsize > 8:  # noqa: PLR2004 - bytes; longer floats differ by machine
        what = "the image holds no plain numbers (colour or complex)"
        raise InvalidInput(what, fix="give the magnitude image")
    grid, volumes = _grid(shape, affine * np.array([[UNIT_MM.get(unit, 1.0)]] * 3 + [[1.0]]))
    end = offset + math.prod(shape) * dtype.itemsize
    if offset < (0 if head else FIRST_VOXEL) or end > len(content):
        what = "the image is cut short"
        raise InvalidInput(what, fix="get it again from its source")
    if content.count(0, end) < len(content) - end:
        what = "the file holds more than the voxels that its header tells of, and a face may be in that"
        raise InvalidInput(what, fix="convert it again from DICOM")
    return Stored(
        content=content,
        head=head,
        offset=offset,
        dtype=dtype,
        grid=grid,
        volumes=volumes,
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
    )


def write_stored(stored: Stored, path: Path) -> None:
    """Write an image: of a pair, the header first, so that an image never stands there without it."""
    image, *heads = files_of(path)
    for head in heads:
        write_aside(stored.head, head)
    write_aside(stored.content, image)


def write_aside(content: bytes | bytearray, path: Path) -> None:
    """Write the file under a temporary name beside its place, then rename: it is whole or not there.

    A name in .gz is compressed without name and time, so that the same content gives the same file.
    """
    aside = path.with_name(f".{os.getpid()}-{path.name}.part")
    try:
        aside.write_bytes(igzip.compress(content, GZIP_LEVEL, mtime=0) if path.suffix == ".gz" else content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def unpacked(content: bytes) -> bytes:
    """Uncompress what gzip compressed; anything else stays as it is.  Raises OSError, EOFError or IsalError."""
    if content[:2] != GZIP_MAGIC:
        return content
    return bytes(igzip.decompress(content))  # type: ignore[no-untyped-call] # half of the library has types


def _read(path: Path) -> bytes:
    """Read a file, uncompressed where it is compressed."""
    try:
        return unpacked(path.read_bytes())
    except FileNotFoundError as error:
        what = "of the pair of header (.hdr) and image (.img) one is missing"
        raise InvalidInput(what, fix="put both into the same folder, under the same name") from error
    except (OSError, EOFError, IsalError) as error:  # type: ignore[misc] # its stub says it is an instance
        what = "the compressed image is damaged"
        raise InvalidInput(what, fix="get it again from its source") from error


def _header(content: bytes, kinds: Mapping[int, tuple[int, bytes]]) -> Any:  # noqa: ANN401 - nibabel has no types
    """Parse a header of either byte order."""
    for size, (place, magic) in kinds.items():
        if content[place : place + len(magic)] == magic:
            kind: Any = nibabel.Nifti1Header if size == 348 else nibabel.Nifti2Header  # noqa: PLR2004 - NIfTI-1's size
            return kind(content[:size], check=False)
    what = "this is no NIfTI image"
    raise InvalidInput(
        what, fix="give .nii or .nii.gz files, or pairs of NIfTI's .hdr and .img; of DICOM, give the folder"
    )


def _grid(shape: tuple[int, ...], affine: Affine) -> tuple[Grid, int]:
    """Check that the voxels lie somewhere; count what is behind the third axis."""
    if not 2 <= len(shape) <= 7 or min(shape) < 1:  # noqa: PLR2004 - NIfTI's own bounds
        what = "the image is empty"
        raise InvalidInput(what, fix="convert it again from DICOM")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:  # noqa: PLR2004 - of mm³
        what = "the image does not say where its voxels lie"
        raise InvalidInput(what, fix="convert it again from DICOM")
    space = (*shape, 1)[:3]
    return Grid(shape=(space[0], space[1], space[2]), affine=affine), int(np.prod(shape[3:]))
