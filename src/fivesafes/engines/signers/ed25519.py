"""Signs with Ed25519 (RFC 8032) by the ``cryptography`` package; a stranger verifies with the public key alone."""

import base64
import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class Ed25519Signer:
    """Signs with a key derived from the project's key, so that there is one secret to guard and not two."""

    def __init__(self, project_key: bytes) -> None:
        """Derive the signing key: HMAC-SHA256 of a fixed text under the project's key (RFC 2104)."""
        seed = hmac.new(project_key, b"fivesafes release signing key v1", hashlib.sha256).digest()
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    def public_key(self) -> str:
        """Give the public key, base64 of its raw 32 bytes."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode("ascii")

    def sign(self, message: bytes) -> str:
        """Sign the bytes; base64 of the raw 64-byte signature."""
        return base64.b64encode(self._key.sign(message)).decode("ascii")


def verifies(message: bytes, *, signature: str, public_key: str) -> bool:
    """Tell whether the signature over the message is of that key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):
        return False
    return True
