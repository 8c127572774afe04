"""The names beside a destination, and whether its own can be written there."""

import errno
import hashlib
import os
import secrets
import shutil
import unicodedata
from pathlib import Path
from typing import Final

from fivesafes.core.errors import UsageMistake

_UNNAMEABLE: Final = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}


def new_part() -> str:
    """Draw a name for a part folder: random alone, so that a long destination's name leaves room for it."""
    return f".{secrets.token_hex(8)}.part"


def mark_of(to: Path) -> Path:
    """Name the mark of a destination: one for each, and short whatever the destination's name.

    Names that a file system may take for the same (capitals, composed letters) have the same mark.
    """
    name = unicodedata.normalize("NFC", unicodedata.normalize("NFC", to.name).casefold())
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return to.with_name(f".{digest[:16]}.lock")


def check_name(to: Path) -> None:
    """Refuse a destination whose name can't be written there, as far as can be told without writing.

    Raises UsageMistake.
    """
    try:
        str(to).encode()
        there = next(one for one in to.absolute().parents if one.exists())
        longest = os.pathconf(there, "PC_NAME_MAX")
    except UnicodeEncodeError:
        message = "the destination's name is not UTF-8, so the books can't hold it"
        raise UsageMistake(message, fix="name a folder in UTF-8") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _unnameable() from None
        return  # a place that gives trouble is told of when it is written to
    if longest > 0 and any(len(os.fsencode(one)) > longest for one in to.absolute().relative_to(there).parts):
        raise _unnameable()


def try_name(to: Path) -> None:
    """Write the name of a destination in an empty folder beside it, which goes at once: not every disk takes each.

    The folder is named after the mark, whose holder alone may call this: what a killed trial left goes with the next.
    Raises UsageMistake when the name can't be written there, OSError when nothing can.
    """
    folder = mark_of(to).with_suffix(".try")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(0o700)
        (folder / to.name).mkdir()
    except OSError as error:
        if error.errno in _UNNAMEABLE:
            raise _unnameable() from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unnameable() -> UsageMistake:
    message = "the destination's file system takes no such name: it is too long, or has a sign that is refused there"
    return UsageMistake(message, fix="name a folder with a shorter name of plain letters, digits and hyphens")
