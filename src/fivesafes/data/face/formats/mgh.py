"""FreeSurfer's MGH, and MGZ, which is the same compressed: 284 bytes, voxels, and what was done to them."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from nibabel.freesurfer import mghformat

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.formats.content import exactly, inflating, nothing_more, size_of, stored
from fivesafes.data.face.stored import Stored

OFFSET: Final = 284  # bytes
FOOTER: Final = 20
TAGS: Final = 1 << 20
"""Bytes behind the voxels that times, transforms and command lines may take; more could be an image."""

_CORONAL: Final = ((-1, 0, 0), (0, 0, -1), (0, 1, 0))
"""How FreeSurfer lays axes where the header does not say it."""


def read_mgh(path: Path, _within: Path) -> Stored:
    """Read an .mgh or .mgz file.  Raises InvalidInput when it is none."""
    with path.open("rb") as file:
        source = inflating(file)
        kind: Any = mghformat.MGHHeader  # it has no types
        header = kind(exactly(source, OFFSET) + bytes(FOOTER), check=False)
        if header["version"] != 1:
            what = "this is no MGH image"
            raise InvalidInput(what, fix="look at the image")
        if header["goodRASFlag"] != 1:
            header["delta"], header["Mdc"], header["Pxyz_c"] = 1, _CORONAL, 0
        shape = tuple(int(size) for size in header["dims"])
        dtype = header.get_data_dtype()
        content = exactly(source, size_of(shape, dtype))
        nothing_more(source, but=FOOTER + TAGS)
    return stored(content, shape, np.dtype(dtype).newbyteorder(">"), np.asarray(header.get_affine(), np.float64))
