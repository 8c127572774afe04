"""Keyed pseudonyms: same in, same out, for one project and one key; nothing comes back out without the key.

Each use of the key has its own domain (HMAC-SHA256 over project, use and value), so that a label tells nothing of a UID
and two projects never share one.  Sources: ISO 25237 (keyed pseudonyms), PS3.5 B.2 (UUID-derived UIDs).
"""

import base64
import hashlib
import hmac
from datetime import timedelta
from functools import lru_cache
from typing import Final

from attrs import field, frozen
from attrs.validators import instance_of

from fivesafes.core.errors import PolicyInvalid
from fivesafes.core.ids import Identifying, SeriesId, SubjectLabel

KEY_BYTES: Final = 32
_FEWEST_DAYS: Final = 40178  # 110 years
_MOST_DAYS: Final = 43830  # 120 years; a scan of today then lies before 1925, as BIDS asks of shifted dates
_EARLIEST_SECOND: Final = -6 * 3600
_LATEST_SECOND: Final = 3 * 3600


@frozen
class Pseudonyms:
    """The pseudonyms of one project.  Raises PolicyInvalid when the key is shorter than 32 bytes."""

    key: bytes = field(repr=False, validator=instance_of(bytes))
    project: str

    @key.validator
    def _long_enough(self, attribute: object, value: bytes) -> None:
        if len(value) < KEY_BYTES:
            what = f"the pseudonym key has {len(value)} bytes, and {KEY_BYTES} are the least"
            raise PolicyInvalid(what, fix="give a file of 32 random bytes, or leave the key out and one is made")

    def subject(self, patient_id: Identifying[str]) -> SubjectLabel:
        """Give the participant's label: eight lower-case letters and digits.  Spaces around PatientID do not matter."""
        return SubjectLabel(_letters(self._digest("subject", patient_id.reveal().strip())))

    def series(self, uid: str) -> SeriesId:
        """Give the series' identity: sixteen hexadecimal digits."""
        return SeriesId(self.name("series", uid))

    def name(self, use: str, uid: str) -> str:
        """Give a neutral file or folder name for a UID: sixteen hexadecimal digits, another for each use."""
        return self._digest(f"name of {use}", uid)[:8].hex()

    def uid(self, uid: str) -> str:
        """Give the UID that stands in for this one: ``2.25.`` and a UUID of version 8 made of the keyed digest."""
        return _uid(self, uid)

    def shift(self, patient_id: Identifying[str]) -> timedelta:
        """Give what is added to every date and time of a participant.

        Whole days, 110 to 120 years back, and a number of seconds between -6 h and +3 h: every interval within a
        participant is kept exactly, no clock time stays, and a scan between 6 and 21 o'clock does not cross midnight.
        """
        digest = self._digest("shift", patient_id.reveal().strip())
        days = _FEWEST_DAYS + int.from_bytes(digest[:8]) % (_MOST_DAYS - _FEWEST_DAYS + 1)
        seconds = _EARLIEST_SECOND + int.from_bytes(digest[8:16]) % (_LATEST_SECOND - _EARLIEST_SECOND + 1)
        return timedelta(days=-days, seconds=seconds)

    def _digest(self, use: str, value: str) -> bytes:
        message = b"\0".join(text.encode() for text in ("fivesafes", self.project, use, value))
        return hmac.digest(self.key, message, hashlib.sha256)


def _letters(digest: bytes) -> str:
    return base64.b32encode(digest[:5]).decode("ascii").lower()


@lru_cache(maxsize=65536)
def _uid(pseudonyms: Pseudonyms, uid: str) -> str:
    return uid_of_digest(pseudonyms._digest("uid", uid))  # noqa: SLF001 - cached half of .uid


def uid_of_digest(digest: bytes) -> str:
    """Give the UID made of a digest's first sixteen bytes: ``2.25.`` and a UUID of version 8 (PS3.5 B.2)."""
    return f"2.25.{int.from_bytes(_as_version_8(digest[:16]))}"


def _as_version_8(sixteen: bytes) -> bytes:
    """Set the version and variant bits of RFC 9562 section 5.8 (a UUID of one's own making)."""
    made = bytearray(sixteen)
    made[6] = 0x80 | (made[6] & 0x0F)
    made[8] = 0x80 | (made[8] & 0x3F)
    return bytes(made)
