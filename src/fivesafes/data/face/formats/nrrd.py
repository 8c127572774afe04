"""NRRD: lines of ``field: value`` up to an empty one, then the voxels, or the name of the file that has them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.formats.content import (
    LONGEST_HEADER,
    Packing,
    beside,
    size_of,
    stored,
    voxels_of,
)
from fivesafes.data.face.itk import Affine
from fivesafes.data.face.stored import Stored

_FIELD: Final = re.compile(r"([A-Za-z ]+): (.*)")
_VECTOR: Final = re.compile(r"none|\(([^()]*)\)")
_RAS: Final[Mapping[str, tuple[int, int, int]]] = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}
"""Which way a space runs, against RAS; any other is taken for RAS, as heads are found whichever way they lie."""

_SPACE: Final = 3
_ENCODINGS: Final = {"raw": Packing.PLAIN, "gzip": Packing.DEFLATED, "gz": Packing.DEFLATED}
_KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("signedchar", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsignedchar", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "shortint", "signedshort", "signedshortint", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsignedshort", "unsignedshortint", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signedint", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsignedint", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "longlongint", "signedlonglong", "signedlonglongint", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsignedlonglong", "unsignedlonglongint", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}


def read_nrrd(path: Path, within: Path) -> Stored:
    """Read an .nrrd file, or an .nhdr and the file it names, which must lie in ``within``.

    Raises InvalidInput when it is none, its voxels are text, packed by bzip2 or in several files, and ValueError or
    KeyError when its header makes no sense.
    """
    with path.open("rb") as file:
        fields, start = _header(file.read(LONGEST_HEADER))
    shape = tuple(int(size) for size in fields["sizes"].split())
    dtype = np.dtype((">" if fields.get("endian") == "big" else "<") + _KINDS[fields["type"].replace(" ", "")])
    axes, affine = _placed(fields, len(shape))
    encoding, named = fields["encoding"].lower(), fields.get("datafile")
    if encoding not in _ENCODINGS or int(fields.get("lineskip", "0")):
        what = "the voxels are kept in a way that is not read here"
        raise InvalidInput(what, fix="look at the image")
    content = voxels_of(
        path if named is None else beside(path, named, within=within),
        start=start if named is None else 0,
        skip=int(fields.get("byteskip", "0")),
        size=size_of(tuple(shape[axis] for axis in axes), dtype),
        how=_ENCODINGS[encoding],
    )
    voxels = np.frombuffer(content, dtype).reshape(shape, order="F").transpose(axes)
    return stored(voxels.tobytes("F"), voxels.shape, dtype, affine)


def _header(content: bytes) -> tuple[Mapping[str, str], int]:
    """Give the fields, by their names in small letters without blanks, and where the first byte behind them is."""
    if not content.startswith(b"NRRD000"):
        what = "this is no NRRD image"
        raise InvalidInput(what, fix="look at the image")
    end = re.search(rb"\n\r?\n", content)
    if end is None and len(content) == LONGEST_HEADER:
        what = "the image's header is longer than is read here"
        raise InvalidInput(what, fix="look at the image")
    lines, first = (content, len(content)) if end is None else (content[: end.start()], end.end())
    fields: dict[str, str] = {}
    for line in lines.decode("latin-1").splitlines()[1:]:
        if named := _FIELD.fullmatch(line):
            name = named[1].replace(" ", "").lower()
            if name in fields:
                what = "the image's header says the same twice"
                raise InvalidInput(what, fix="look at the image")
            fields[name] = named[2].strip()
    return fields, first


def _placed(fields: Mapping[str, str], dimension: int) -> tuple[tuple[int, ...], Affine]:
    """Give the order that puts the axes in space first, and where these lie."""
    directions = [found[1] for found in _VECTOR.finditer(fields.get("spacedirections", ""))]
    space = _in_space(fields, directions, dimension)
    spacings = fields.get("spacings", " ".join(["1"] * dimension)).split()
    if len(space) != _SPACE or max(space) >= dimension or len(spacings) != dimension:
        what = "the image has not three axes in space"
        raise InvalidInput(what, fix="look at the image")
    affine = np.eye(4)
    for column, axis in enumerate(space):
        affine[:3, column] = _vector(directions[axis]) if directions else affine[:3, column] * float(spacings[axis])
    affine[:3, 3] = _vector(fields.get("spaceorigin", "(0,0,0)").strip("()"))
    affine[:3] *= np.array([_RAS.get(fields.get("space", "").lower().removesuffix("-time"), (1, 1, 1))]).T
    return (*space, *[axis for axis in range(dimension) if axis not in space]), affine


def _in_space(fields: Mapping[str, str], directions: Sequence[str | None], dimension: int) -> list[int]:
    """Tell which axes are in space: those with a direction, or of such a kind, or the first three."""
    if directions:
        return [axis for axis, direction in enumerate(directions) if direction is not None]
    kinds = fields.get("kinds", "").lower().split()
    told = [axis for axis, kind in enumerate(kinds) if kind in ("space", "domain")]
    return told if len(kinds) == dimension and len(told) == _SPACE else list(range(_SPACE))


def _vector(told: str | None) -> NDArray[np.float64]:
    numbers = [float(number) for number in (told or "").replace(",", " ").split()]
    return np.array(numbers).reshape(_SPACE)
