"""Base64 with one spelling per value: a flipped bit of a note, key or proof never goes unseen (RFC 4648 §3.5)."""

import base64
import binascii


def decoded(text: str) -> bytes:
    """Decode standard base64.  Raises ValueError for any spelling but the canonical one."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as fault:
        raise ValueError(*fault.args) from None
    if encoded(raw) != text:
        message = "padding bits are not zero"
        raise ValueError(message)
    return raw


def encoded(raw: bytes) -> str:
    """Encode as standard base64."""
    return base64.b64encode(raw).decode("ascii")
