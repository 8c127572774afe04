"""Sealing and unsealing: age version 1 files (https://age-encryption.org/v1), X25519 recipients.

We write them ourselves and pyrage opens them: whatever comes out of the vault has passed two implementations.

Sealing needs a recipient (``age1…``, public); unsealing needs its identity.  A sealed file that was cut, lengthened or
changed in any bit does not open.
"""

from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from typing import Final, NoReturn

import pyrage  # type: ignore[import-untyped] # a compiled module without stubs

from fivesafes.core.errors import InvalidInput
from fivesafes.setting.vault.age_file import shares_a_secret, written_age

LEAST_OVERHEAD: Final = 200
"""Bytes that an age file has more than its content, at least: header, nonce and one tag per 64 KiB."""


class SealBroken(InvalidInput):
    """A sealed object that does not open: damaged, cut, or sealed to somebody else."""


class Identity:
    """The secret that opens what was sealed to its recipient.  It does not print, pickle or copy."""

    __slots__ = ("_inner", "recipient")

    def __init__(self, text: str) -> None:
        """Take the text of an identity, ``AGE-SECRET-KEY-1…``.  Raises InvalidInput, which does not quote it."""
        try:
            self._inner = pyrage.x25519.Identity.from_str(text.strip())
        except pyrage.IdentityError:
            message = "this is not an age identity"
            raise InvalidInput(message, fix="give the file that age-keygen wrote (AGE-SECRET-KEY-1…)") from None
        self.recipient: Final = str(self._inner.to_public())

    @classmethod
    def made(cls) -> "Identity":
        """Make a new one."""
        return cls(str(pyrage.x25519.Identity.generate()))

    def reveal(self) -> str:
        """Hand out the text; each call is a place to look at when reading for leaks."""
        return str(self._inner)

    def __repr__(self) -> str:
        """Show the public half."""
        return f"Identity(of {self.recipient})"

    def __reduce__(self) -> NoReturn:
        """Refuse to leave the process."""
        message = "an identity stays in the process that read it"
        raise TypeError(message)


def seal_in_parts(content: bytes, recipients: tuple[str, ...]) -> Iterator[bytes]:
    """Seal a content so that each of the recipients alone can open it; the parts, joined, are the age file.

    They are made as they are asked for, so that a large content needs no second place in memory.  Raises InvalidInput
    for a bad recipient, at once.
    """
    return written_age(content, _checked_recipients(recipients))


def seal(content: bytes, recipients: tuple[str, ...]) -> bytes:
    """Seal a content so that each of the recipients alone can open it.  Raises InvalidInput for a bad recipient."""
    return b"".join(seal_in_parts(content, recipients))


def unseal(sealed: bytes, identity: Identity) -> bytes:
    """Open what was sealed to this identity.  Raises SealBroken, and then nothing of the content is given."""
    content = BytesIO()
    try:
        pyrage.decrypt_io(BytesIO(sealed), content, [identity._inner])  # noqa: SLF001 - the two halves of one lock
    except (pyrage.DecryptError, OSError):  # OSError is how it tells of damage behind the header
        message = "a sealed object does not open: it was altered, cut, or sealed to another key"
        raise SealBroken(message, fix="restore it from the backup; fivesafes vault verify lists all such") from None
    return content.getvalue()


def checked_recipient(text: str) -> str:
    """Give the recipient in its one spelling.  Raises InvalidInput when it is none, or one that anybody could open."""
    try:
        recipient = str(pyrage.x25519.Recipient.from_str(text.strip()))
    except pyrage.RecipientError:
        recipient = ""
    if not recipient or not shares_a_secret(recipient):
        message = "this is not an age recipient"
        raise InvalidInput(message, fix="give the public key that age-keygen printed (age1…)")
    return recipient


@lru_cache(maxsize=1024)
def _checked_recipients(recipients: tuple[str, ...]) -> tuple[str, ...]:
    if not recipients:
        message = "nobody was named who could open it again"
        raise InvalidInput(message, fix="name at least one recipient")
    return tuple(map(checked_recipient, recipients))
