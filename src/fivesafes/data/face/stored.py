"""A NIfTI file as it is stored: every byte of it, and where among them the voxels lie."""

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from gzip import BadGzipFile
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import nibabel
import numpy as np
from attrs import evolve, field, frozen
from isal import igzip
from isal.igzip_lib import COMP_GZIP, IsalError, compress
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.itk import Affine, Bools, Floats, Grid
from fivesafes.data.face.names import files_of, is_packed

GZIP_MAGIC: Final = b"\x1f\x8b"
GZIP_LEVEL: Final = 2  # of ISA-L: a twentieth of the time that zlib's level 6 takes, for 6 % more bytes
PART: Final = 1 << 20  # bytes
SINGLE_FILE: Final = {348: (344, b"n+1\0"), 540: (4, b"n+2\0\r\n\032\n")}
"""Size of the header (NIfTI-1, NIfTI-2): where its magic stands, and what it is when image and header are one file."""

OF_A_PAIR: Final = {348: (344, b"ni1\0"), 540: (4, b"ni2\0\r\n\032\n")}
"""What it is where the header is a file of its own."""

FIRST_VOXEL: Final = 352  # bytes; NIfTI-1 allows none before
TRY_AGAIN: Final = "see to the disk or the network that it lies on, and try again"
UNIT_MM: Final = {"meter": 1000.0, "micron": 0.001}
THICK: Final = 16
"""Slices that are looked at together where a whole volume of real numbers would take too much memory."""

ALLOWED: Final = Path("/sys/fs/cgroup/memory.max")

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

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest of the stored numbers; what is no number counts as 0."""
        ends: list[float] = []
        for volume in range(self.volumes):
            values = self.voxels[..., volume]
            low, high = float(np.fmin.reduce(values, axis=None)), float(np.fmax.reduce(values, axis=None))
            if not (math.isfinite(low) and math.isfinite(high)):
                finite = values[np.isfinite(values)]
                low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
            ends += [low, high]
        return min(ends), max(ends)

    def real(self, volume: int, box: Box | None = None) -> Floats:
        """Give one volume, or a box of it, in real units; what is no number becomes 0."""
        real = self._scaled(self.voxels[..., volume] if box is None else self.voxels[(*box, volume)])
        if self.dtype.kind == "f":
            for plane in real.T:  # slice by slice: of a whole head that takes less memory
                if not np.isfinite(plane).all():
                    np.nan_to_num(plane, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return real

    def real_at(self, volume: int, index: NDArray[np.intp]) -> Floats:
        """Give the values of one volume's voxels ``index`` (N, 3) in the same way."""
        real = self._scaled(self.voxels[(*index.T, volume)])
        return np.nan_to_num(real, copy=False, nan=0.0, posinf=0.0, neginf=0.0)

    def _scaled(self, stored: NDArray[Any]) -> Floats:
        real = stored.astype(np.float32)
        if (self.slope, self.intercept) != (1.0, 0.0):
            real *= np.float32(self.slope)
            real += np.float32(self.intercept)
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

    def parts_blanked(self, removed: Bools, *, box: Box, fill: float) -> Iterator[memoryview]:
        """Give the content that ``blanked`` has, part by part: it is not in memory as a whole."""
        content, voxels = memoryview(self.content), self.voxels
        yield content[: self.offset]
        for volume in range(self.volumes):
            for number, stored in enumerate(voxels[..., volume].T):
                plane = stored.copy(order="C")
                if box[2].start <= number < box[2].stop:
                    plane.T[box[:2]][removed[..., number - box[2].start]] = fill
                yield plane.data.cast("B")
        yield content[self.offset + voxels.nbytes :]

    def paint(self, removed: Bools, *, box: Box, real: Iterable[Iterable[Floats]]) -> None:
        """Set the removed voxels of the box, in here, to real values, as stored numbers.

        ``real``: volume by volume, slice by slice along the last axis, one value for each that is removed there; the
        first axis runs fastest.  What the numbers can't hold becomes the nearest that they can; no other byte changes.
        Only what ``blanked`` gave can be painted: what was read stays as it was.
        """
        for volume, planes in enumerate(real):
            for plane, zone, values in zip(self.voxels[(*box, volume)].T, removed.T, planes, strict=True):
                stored = (values.astype(np.float64) - self.intercept) / self.slope
                if self.dtype.kind != "f":
                    limits = np.iinfo(self.dtype)
                    stored = np.clip(np.rint(stored), limits.min, limits.max)
                plane[zone] = stored.astype(self.dtype)


def within(box: Box, wide: Box) -> Box:
    """Say where a box lies in a wider one."""
    parts = [slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, wide, strict=True)]
    return parts[0], parts[1], parts[2]


def beyond(box: Box, wide: Box) -> Box:
    """Say where a box that lies so in a wider one lies where that one does: the way back."""
    parts = [slice(a.start + b.start, a.stop + b.start) for a, b in zip(box, wide, strict=True)]
    return parts[0], parts[1], parts[2]


def slabs(box: Box) -> Iterator[tuple[slice, Box]]:
    """Split a box along the last axis, ``THICK`` slices at a time: which of its slices they are, and their own box."""
    first, end = box[2].start, box[2].stop
    for start in range(first, end, THICK):
        stop = min(start + THICK, end)
        yield slice(start - first, stop - first), (box[0], box[1], slice(start, stop))


def read_stored(path: Path) -> Stored:
    """Read a .nii or .nii.gz file, or a pair of .hdr and .img.

    Raises InvalidInput when it is none, is cut short, holds no plain numbers, or more than its header tells of (zeros
    that fill it up are no matter), and when it takes more than half of the memory.
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
    grid, volumes = grid_of(shape, affine * np.array([[UNIT_MM.get(unit, 1.0)]] * 3 + [[1.0]]))
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
        aside.write_bytes(compress(content, GZIP_LEVEL, flag=COMP_GZIP) if is_packed(path) else content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def unpacked(content: bytes) -> bytes:
    """Uncompress what gzip compressed; anything else stays as it is.  Raises OSError, EOFError or IsalError."""
    if content[:2] != GZIP_MAGIC:
        return content
    return bytes(igzip.decompress(content))  # type: ignore[no-untyped-call] # half of the library has types


def _read(path: Path) -> bytes:
    """Read a file, uncompressed where it is compressed: part by part, so that it is in memory only once."""
    try:
        with path.open("rb") as file:
            if file.read(len(GZIP_MAGIC)) != GZIP_MAGIC:
                _check_size(path.stat().st_size)
                return path.read_bytes()
            file.seek(0)
            return _uncompressed(file)
    except FileNotFoundError as error:
        what = "of the pair of header (.hdr) and image (.img) one is missing"
        raise InvalidInput(what, fix="put both into the same folder, under the same name") from error
    except OSError as error:
        what = f"the system does not let the file be read: {error.strerror}"
        fix = "have it made readable for you (of a pair, both)" if isinstance(error, PermissionError) else TRY_AGAIN
        raise InvalidInput(what, fix=fix) from None


def _check_size(size: int) -> None:
    """Raise InvalidInput for what the machine could not hold: a small file may be made to uncompress to terabytes."""
    if size > most_bytes():
        what = "the image takes more than half of this machine's memory"
        raise InvalidInput(what, fix="take it to a machine with more memory, or split it into several series")


@cache
def most_bytes() -> int:
    """Give half of the memory that this machine has, or that is allowed here (Linux's control groups), bytes."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # "max" is no number: nothing bounds it
        memory = min(memory, int(ALLOWED.read_text(encoding="ascii")))
    return memory // 2


def _uncompressed(file: BinaryIO) -> bytes:
    content = BytesIO()
    try:
        with igzip.open(file) as plain:  # type: ignore[no-untyped-call] # half of the library has types
            while piece := plain.read(PART):
                content.write(piece)
                _check_size(content.tell())
    except (BadGzipFile, EOFError, IsalError) as error:  # type: ignore[misc] # its stub says it is an instance
        what = "the compressed image is damaged"
        raise InvalidInput(what, fix="get it again from its source") from error
    return content.getvalue()


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


def grid_of(shape: tuple[int, ...], affine: Affine) -> tuple[Grid, int]:
    """Check that the voxels lie somewhere, ``affine`` goes to RAS mm; count what is behind the third axis.

    Raises InvalidInput when they lie nowhere, or there are none.
    """
    if not 2 <= len(shape) <= 7 or min(shape) < 1:  # noqa: PLR2004 - NIfTI's own bounds
        what = "the image is empty"
        raise InvalidInput(what, fix="convert it again from DICOM")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:  # noqa: PLR2004 - of mm³
        what = "the image does not say where its voxels lie"
        raise InvalidInput(what, fix="convert it again from DICOM")
    space = (*shape, 1)[:3]
    return Grid(shape=(space[0], space[1], space[2]), affine=affine), int(np.prod(shape[3:]))
