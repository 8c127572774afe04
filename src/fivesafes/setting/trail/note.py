"""Signed notes (C2SP signed-note): a text, an empty line, and one line per signature, here of Ed25519 (RFC 8032)."""

import hashlib
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from attrs import frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fivesafes.core.errors import InvalidInput
from fivesafes.setting.trail.base64_strict import decoded, encoded

_ED25519: Final = b"\x01"
_DASH: Final = "— "
_MOST_SIGNATURES: Final = 100
_NAME: Final = re.compile(r"[^\s+\x00-\x1f]+")
_CHECKPOINT: Final = re.compile(
    rf"^[^\s][^\n]*\n(?:0|[1-9][0-9]*)\n[A-Za-z0-9+/]{{43}}=\n\n(?:{_DASH}[^\n]+\n)+", flags=re.MULTILINE
)
"""A checkpoint among other lines: origin, size, root, an empty line, signatures."""

_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4


@frozen(kw_only=True)
class VerifierKey:
    """A public key with the name that it signs under; written ``<name>+<key id>+<base64>``, as Go's notes do."""

    name: str
    raw: bytes

    @property
    def id(self) -> bytes:
        """The key's id: the first four bytes of SHA-256(name ‖ newline ‖ type ‖ key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.raw).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        """Write it as one line."""
        return f"{self.name}+{self.id.hex()}+{encoded(_ED25519 + self.raw)}"

    @classmethod
    def parsed(cls, text: str) -> "VerifierKey":
        """Read what ``str`` writes.  Raises InvalidInput for another kind of key, or a wrong id."""
        # Base64 may hold a plus sign itself, and a name may not.
        words = text.strip().split("+", 2)
        try:
            name, id_, key_text = words
            kind_and_key = decoded(key_text)
        except ValueError:
            raise _no_key() from None
        key = cls(name=name, raw=kind_and_key[1:])
        if not _NAME.fullmatch(name) or kind_and_key[:1] != _ED25519 or len(key.raw) != _KEY_BYTES:
            raise _no_key()
        if key.id.hex() != id_:
            raise _no_key()
        return key


class NoteSigner:
    """Signs notes with one Ed25519 key under one name."""

    def __init__(self, seed: bytes, name: str) -> None:
        """Take the key's 32-byte seed and its name, which holds neither space nor plus sign."""
        if not _NAME.fullmatch(name):
            message = "a signer's name has no spaces, no plus sign and at least one character"
            raise InvalidInput(message, fix="choose a name like example.org/haven")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerifierKey(name=name, raw=self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """Give the note of a text, which ends in a newline and holds no control character else."""
        if not text.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", text):
            message = "a note's text ends in a newline and holds no other control character"
            raise ValueError(message)
        signature = encoded(self.key.id + self._key.sign(text.encode()))
        return f"{text}\n{_DASH}{self.key.name} {signature}\n"


def opened(note: str, key: VerifierKey) -> str:
    """Give a note's text once this key's signature over it has verified; other signatures are passed over.

    Raises InvalidInput when the note is malformed, not signed by the key, or its signature is wrong.
    """
    text, signatures = _parted(note)
    found = False
    for name, id_, signature in signatures:
        if (name, id_) != (key.name, key.id):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            message = "a checkpoint's signature is wrong"
            raise InvalidInput(message, fix="get the note again from the witness, byte for byte") from None
        found = True
    if not found:
        message = "a checkpoint is not signed by the key given"
        raise InvalidInput(message, fix="use the public key of the trail that the note's first line names")
    return text


def _parted(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Part a note into its text and its signatures: name, key id and signature of each."""
    at = note.rfind("\n\n")
    if at < 0 or not note.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise _no_note()
    text, lines = note[: at + 1], note[at + 2 : -1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise _no_note()
    signatures = []
    for line in lines:
        words = line.removeprefix(_DASH).split(" ")
        try:
            name, signature = words
            raw = decoded(signature)
        except ValueError:
            raise _no_note() from None
        if not line.startswith(_DASH) or not _NAME.fullmatch(name) or len(raw) <= _ID_BYTES:
            raise _no_note()
        signatures.append((name, raw[:_ID_BYTES], raw[_ID_BYTES:]))
    return text, signatures


def notes_in(text: str) -> Iterator[str]:
    """Give the notes of a witness's file in order, and whatever else stands between them as notes that do not open.

    A damaged note looks like any other text, so none is passed over: whoever verifies is told of all of it.  Passed
    over are empty lines, and the beginning of a note that stands whole right after it (a write that was cut short).
    """
    whole = text.replace("\r\n", "\n") + "\n"
    pieces: list[str] = []
    at = 0
    for match in _CHECKPOINT.finditer(whole):
        pieces += _stray(whole[at : match.start()])
        pieces.append(match[0])
        at = match.end()
    pieces += _stray(whole[at:])
    for piece, after in zip_longest(pieces, pieces[1:], fillvalue=""):
        if not after.startswith(piece.removesuffix("\n")):
            yield piece


def _stray(text: str) -> list[str]:
    return [f"{stray}\n"] if (stray := text.strip("\n")) else []


def looks_like_note(text: str) -> bool:
    """Whether this has a checkpoint's form; whether it is signed is another question."""
    return _CHECKPOINT.fullmatch(text) is not None


def _no_note() -> InvalidInput:
    message = "this is no signed note"
    return InvalidInput(message, fix="give the whole note: its text, an empty line, the lines that begin with a dash")


def _no_key() -> InvalidInput:
    message = "this is no public key of a trail"
    return InvalidInput(message, fix="give the one line of trail.pub: NAME+8 hexadecimal digits+base64")
