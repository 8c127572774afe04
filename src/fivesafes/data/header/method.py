"""Say in the result how it was de-identified (PS3.15 E.1.1 step 7, PS3.16 CID 7050)."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from fivesafes import __version__
from fivesafes.data.header.elements import Encoding
from fivesafes.data.header.options import (
    BASIC,
    CLEAN_FEATURES,
    CLEAN_GRAPHICS,
    CLEAN_PIXELS,
    FULL_DATES,
    MEANINGS,
    MODIFIED_DATES,
)
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.values import encode, encode_items

_MOST_LO: Final = 64
_NO: Final = b"NO"


def method_elements(
    profile: Profile, options: frozenset[str], encoding: Encoding
) -> Iterable[tuple[int, bytes, bytes]]:
    """Give tag, VR and value of each attribute that says how it was done.

    ``options`` are those truly used in this object: a value was kept or cleaned under them, or, of 113101 and 113102,
    its pixels were cleaned.  Graphics always go, so 113103 is said wherever the profile names it.
    """
    return _composed(profile.name, profile.digest, options | (profile.options & {CLEAN_GRAPHICS}), encoding)


@lru_cache(maxsize=256)
def _composed(
    name: str, digest: str, options: frozenset[str], encoding: Encoding
) -> tuple[tuple[int, bytes, bytes], ...]:
    codes = [BASIC, *sorted(options & MEANINGS.keys())]
    pixels = ((0x00280301, CLEAN_PIXELS), (0x00280302, CLEAN_FEATURES))
    return (
        (0x00080005, b"CS", b"ISO_IR 192"),
        (0x00120062, b"CS", b"YES"),
        (0x00120063, b"LO", _method(name, digest)),
        (0x00120064, b"SQ", encode_items([_code(code, encoding) for code in codes], encoding)),
        *((tag, b"CS", _NO) for tag, code in pixels if code in options),
        (0x00280303, b"CS", _temporal(options)),
    )


def _method(name: str, digest: str) -> bytes:
    """Say it in a text; in several values where one has no room (LO, at most 64 characters)."""
    parts = (f"fivesafes {__version__}", f"profile {name}", f"policies {digest[:12]}")
    text = ", ".join(parts)
    return (text if len(text) <= _MOST_LO else "\\".join(part[:_MOST_LO] for part in parts)).encode("ascii")


def _temporal(options: frozenset[str]) -> bytes:
    """Say what became of dates and times (PS3.3 C.12.1.1.9): kept ones, moved ones, or none are left."""
    if FULL_DATES in options:
        return b"UNMODIFIED"
    return b"MODIFIED" if MODIFIED_DATES in options else b"REMOVED"


def _code(code: str, encoding: Encoding) -> bytes:
    parts = ((0x00080100, b"SH", code), (0x00080102, b"SH", "DCM"), (0x00080104, b"LO", MEANINGS[code]))
    return b"".join(encode(tag, vr, text.encode("ascii"), encoding) or b"" for tag, vr, text in parts)
