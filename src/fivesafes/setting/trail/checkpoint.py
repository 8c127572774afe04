"""Checkpoints (C2SP tlog-checkpoint): a signed statement of the trail's origin, size and Merkle root.

Kept outside by a witness, one of them convicts whoever cut the trail's tail or made its chain anew.
"""

import re
from typing import Final

from attrs import frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.setting.trail.base64_strict import decoded, encoded
from fivesafes.setting.trail.merkle import HASH_BYTES
from fivesafes.setting.trail.note import NoteSigner, VerifierKey, opened

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", flags=re.ASCII)
_LINES: Final = 3


@frozen(kw_only=True)
class Checkpoint:
    """What a checkpoint says: the trail of that origin had ``size`` entries and this root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Write it as the note's text."""
        return f"{self.origin}\n{self.size}\n{encoded(self.root)}\n"


@frozen(kw_only=True)
class SignedCheckpoint:
    """A checkpoint with the whole note that carries it."""

    checkpoint: Checkpoint
    note: str


def signed(checkpoint: Checkpoint, signer: NoteSigner) -> SignedCheckpoint:
    """Sign a checkpoint; the key's name is its origin."""
    return SignedCheckpoint(checkpoint=checkpoint, note=signer.sign(checkpoint.text()))


def read_checkpoint(note: str, key: VerifierKey) -> SignedCheckpoint:
    """Verify a note and read its checkpoint.  Raises InvalidInput when either can't be done."""
    checkpoint = parsed(opened(note, key))
    if checkpoint.origin != key.name:
        message = "a checkpoint is of another trail than its key"
        raise InvalidInput(message, fix="give the checkpoints and the public key of one and the same trail")
    return SignedCheckpoint(checkpoint=checkpoint, note=note)


def parsed(text: str) -> Checkpoint:
    """Read a note's text; extension lines are passed over.  Raises InvalidInput when it is no checkpoint."""
    lines = text.split("\n")[:-1]
    try:
        origin, size, root_text = lines[:_LINES]
        root = decoded(root_text)
    except ValueError:
        raise _no_checkpoint() from None
    if not all(lines) or not _SIZE.fullmatch(size) or len(root) != HASH_BYTES:
        raise _no_checkpoint()
    return Checkpoint(origin=origin, size=int(size), root=root)


def _no_checkpoint() -> InvalidInput:
    message = "this note is no checkpoint"
    return InvalidInput(message, fix="give a note of three lines (origin, size, root) and its signature")
