"""MINC of the first kind, which is netCDF.  The second is HDF5, which nothing here reads."""

from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from nibabel.externals.netcdf import netcdf_file
from nibabel.minc1 import Minc1File

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.formats.content import LARGEST, inflating, size_of, stored
from fivesafes.data.face.stored import PART, Stored

_MINC: Final[Any] = Minc1File  # they have no types
_NETCDF: Final[Any] = netcdf_file
NETCDF: Final = b"CDF\x01"
SPACE: Final = ("xspace", "yspace", "zspace")


def read_minc(path: Path, _within: Path) -> Stored:
    """Read an .mnc file.  Raises InvalidInput when it is none of the first kind, and what nibabel raises."""
    with path.open("rb") as file:
        source, content = inflating(file), bytearray()
        while (piece := source.read(PART)) and len(content) <= LARGEST:
            content += piece
    if not content.startswith(NETCDF) or len(content) > LARGEST:
        what = "this is no MINC image of the first kind, or larger than is read here"
        raise InvalidInput(what, fix="look at the image")
    image = _MINC(_NETCDF(BytesIO(content), mmap=False))
    names, shape = tuple(image._dim_names), tuple(image.get_data_shape())  # noqa: SLF001 - it tells them nowhere else
    others = [axis for axis, name in enumerate(names) if name not in SPACE]
    if len(set(names)) != len(names) or len(names) - len(others) != len(SPACE) or len(others) > 1:
        what = "the image has not three axes in space"
        raise InvalidInput(what, fix="look at the image")
    size_of(shape, np.float32)
    real = np.empty(shape, np.float32)
    for number in range(shape[0]):
        real[number] = image.get_scaled_data((number,))
    real = np.moveaxis(real, others, range(len(SPACE), len(names)))
    return stored(real.tobytes("F"), real.shape, np.float32, np.asarray(image.get_affine(), np.float64))
