"""Say in the result how it was de-identified (PS3.15 E.1.1 step 7, PS3.16 CID 7050)."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from fivesafes import __version__
from fivesafes.data.header.elements import Encoding
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.values import encode, encode_items

MEANINGS: Final = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113105": "Clean Descriptors Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113111": "Retain Safe Private Option",
}
BASIC: Final = "113100"


def method_elements(
    profile: Profile, options: frozenset[str], encoding: Encoding
) -> Iterable[tuple[int, bytes, bytes]]:
    """Give tag, VR and value of each attribute that says how it was done; ``options`` are those truly used."""
    return _composed(profile.name, profile.digest, options, encoding)


@lru_cache(maxsize=256)
def _composed(
    name: str, digest: str, options: frozenset[str], encoding: Encoding
) -> tuple[tuple[int, bytes, bytes], ...]:
    text = f"fivesafes {__version__}, profile {name}, policies {digest[:12]}"
    codes = [BASIC, *sorted(options & MEANINGS.keys())]
    return (
        (0x00080005, b"CS", b"ISO_IR 192"),
        (0x00120062, b"CS", b"YES"),
        (0x00120063, b"LO", text.encode("ascii")[:64]),
        (0x00120064, b"SQ", encode_items([_code(code, encoding) for code in codes], encoding)),
        (0x00280303, b"CS", b"MODIFIED"),
    )


def _code(code: str, encoding: Encoding) -> bytes:
    parts = ((0x00080100, b"SH", code), (0x00080102, b"SH", "DCM"), (0x00080104, b"LO", MEANINGS[code]))
    return b"".join(encode(tag, vr, text.encode("ascii"), encoding) or b"" for tag, vr, text in parts)
