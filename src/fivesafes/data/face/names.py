"""What the names of NIfTI files say; endings count the same in capitals, as some programs and disks write them."""

import re
from pathlib import Path
from typing import Final

PACKED: Final = ".gz"
_ENDING: Final = re.compile(r"(?:\.(?:nii|img|hdr))?(?:\.gz)?\Z", re.IGNORECASE)
_OF_A_PAIR: Final = re.compile(r"(.*)\.(img|hdr)(\.gz)?", re.IGNORECASE | re.DOTALL)


def stem_of(image: Path) -> str:
    """Give an image's name without its ending: ``x_T1w.nii.gz`` → ``x_T1w``."""
    return _ENDING.sub("", image.name, count=1)


def is_packed(path: Path) -> bool:
    """Tell whether a file of that name is compressed."""
    return path.suffix.lower() == PACKED


def files_of(path: Path) -> tuple[Path, ...]:
    """Give the files that an image consists of: the image, and the header where that is a file of its own."""
    named = _OF_A_PAIR.fullmatch(path.name)
    if named is None:
        return (path,)
    stem, word, packed = named[1], named[2], named[3] or ""
    image, header = ("".join(map(_written_like, kind, word)) for kind in ("img", "hdr"))
    return path.with_name(f"{stem}.{image}{packed}"), path.with_name(f"{stem}.{header}{packed}")


def _written_like(sign: str, other: str) -> str:
    return sign.upper() if other.isupper() else sign
