"""Read a volume by the ending of its name."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.formats.metaimage import read_metaimage
from fivesafes.data.face.formats.mgh import read_mgh
from fivesafes.data.face.formats.minc import read_minc
from fivesafes.data.face.formats.nrrd import read_nrrd
from fivesafes.data.face.stored import Stored

Reader = Callable[[Path, Path], Stored]

_READERS: Final[Mapping[str, Reader]] = {
    "mgh": read_mgh,
    "mgz": read_mgh,
    "mnc": read_minc,
    "nrrd": read_nrrd,
    "nhdr": read_nrrd,
    "mha": read_metaimage,
    "mhd": read_metaimage,
}
_KIND: Final = re.compile(rf"(?i)\.({'|'.join(_READERS)})(?:\.gz)?\Z")


def read_volume(path: Path, within: Path) -> Stored:
    """Read a volume of a kind other than NIfTI; a file that it names must lie in ``within``.

    Raises InvalidInput when it can't be read here, and ValueError, KeyError and the like when it makes no sense.
    """
    named = _KIND.search(path.name)
    if named is None:
        what = "this is no kind of volume that is read here"
        raise InvalidInput(what, fix="look at the image")
    return _READERS[named[1].lower()](path, within)
