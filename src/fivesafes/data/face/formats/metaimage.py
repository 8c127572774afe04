"""MetaImage: lines of ``Key = value`` up to ElementDataFile, then the voxels, or the name of the file that has them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

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

_LINE: Final = re.compile(rb"[ \t]*(\w+)[ \t]*[=:][ \t]*([^\r\n]*)\r?\n")
_LAST: Final = "ElementDataFile"
_SPACE: Final = 3
_TO_RAS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])
_YES: Final = frozenset({"t", "1", "y"})
_KINDS: Final[Mapping[str, str]] = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}


def read_metaimage(path: Path, within: Path) -> Stored:
    """Read an .mha file, or an .mhd and the file it names, which must lie in ``within``.

    Raises InvalidInput when it is none, its voxels are text or in several files, and ValueError or KeyError when its
    header makes no sense.
    """
    with path.open("rb") as file:
        keys, start = _header(file.read(LONGEST_HEADER))
    dimension, named = int(keys["NDims"]), keys[_LAST]
    shape = tuple(int(size) for size in keys["DimSize"].split())
    if len(shape) != dimension or dimension not in (_SPACE, _SPACE + 1) or not _says(keys, "BinaryData", usual="True"):
        what = "the image has not three axes in space, or is kept in a way that is not read here"
        raise InvalidInput(what, fix="look at the image")
    whole = (*shape, int(keys.get("ElementNumberOfChannels", "1")))
    order = ">" if _says(keys, "BinaryDataByteOrderMSB") or _says(keys, "ElementByteOrderMSB") else "<"
    dtype = np.dtype(order + _KINDS[keys["ElementType"]])
    own = named.upper() == "LOCAL"
    content = voxels_of(
        path if own else beside(path, named, within=within),
        start=start if own else 0,
        skip=int(keys.get("HeaderSize", "0")),
        size=size_of(whole, dtype),
        how=Packing.DEFLATED if _says(keys, "CompressedData") else Packing.PLAIN,
    )
    voxels = np.frombuffer(content, dtype).reshape((whole[-1], *shape), order="F")
    return stored(np.moveaxis(voxels, 0, -1).tobytes("F"), whole, dtype, _affine(keys, dimension))


def _says(keys: Mapping[str, str], key: str, *, usual: str = "False") -> bool:
    return (keys.get(key) or usual)[0].lower() in _YES


def _header(content: bytes) -> tuple[Mapping[str, str], int]:
    """Give keys and values, and where the first byte behind them is.  Raises InvalidInput when that is no header."""
    keys: dict[str, str] = {}
    at = 0
    while _LAST not in keys and (line := _LINE.match(content, at)):
        key = line[1].decode("latin-1")
        if key in keys:
            break
        keys[key] = line[2].decode("latin-1").strip()
        at = line.end()
    if _LAST not in keys or "NDims" not in keys:
        what = "this is no MetaImage, or its header says the same twice"
        raise InvalidInput(what, fix="look at the image")
    return keys, at


def _affine(keys: Mapping[str, str], dimension: int) -> Affine:
    """Say where the axes in space lie: MetaImage's world is LPS, and each row of its matrix is one axis' direction."""
    matrix = _numbers(keys, ("TransformMatrix", "Rotation", "Orientation"), usual=np.eye(dimension).ravel())
    origin = _numbers(keys, ("Offset", "Position", "Origin"), usual=np.zeros(dimension))
    spacing = _numbers(keys, ("ElementSpacing", "ElementSize"), usual=np.ones(dimension))
    affine = np.eye(4)
    affine[:3, :3] = matrix.reshape(dimension, dimension)[:3, :3].T * spacing[:3]
    affine[:3, 3] = origin[:3]
    return _TO_RAS @ affine


def _numbers(keys: Mapping[str, str], names: tuple[str, ...], *, usual: Affine) -> Affine:
    told = next((keys[name] for name in names if name in keys), None)
    return usual if told is None else np.array([float(number) for number in told.split()])
