"""Files that are no scans and must rest nowhere else: what is sealed with age, and secret keys.

Sealed once more, under another key, they would outlive the destruction of their own.  What is compressed is not looked
into.
"""

from pathlib import Path
from typing import Final

from fivesafes.data.header.cursor import Buffer
from fivesafes.data.header.malformed import Malformed, sealed_file, secret_key

_AGE: Final = b"age-encryption.org/v1"
_STANZA: Final = _AGE + b"\n-> "
"""How a file of age begins (https://age-encryption.org/v1), also where it stands in an archive."""
_ARMOUR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_SECRET: Final = b"AGE-SECRET-KEY-"
_KEY_BYTES: Final = 32
"""A project's key, and each of a haven's own: random bytes, so only the name tells what they are."""


def shut(content: Buffer, path: Path) -> Malformed | None:
    """Say why a file that is no scan may not be kept either; None when it may."""
    if content.find(_SECRET) >= 0 or (len(content) == _KEY_BYTES and path.suffix == ".key"):
        return secret_key()
    if content[: len(_AGE)] == _AGE or content.find(_STANZA) >= 0 or content.find(_ARMOUR) >= 0:
        return sealed_file()
    return None
