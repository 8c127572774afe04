"""What a content is called: a keyed digest, so that a name tells nothing and is another one in each project.

The digest is HMAC-SHA-256 (RFC 2104): with the SHA instructions of present processors it takes half the time of keyed
BLAKE2b (1.78 against 0.94 GB per CPU second, ``benchmarks/vault.py macs``), and ``openssl`` can recompute it, so that a
recovery needs none of our code.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

from fivesafes.core.errors import PolicyInvalid
from fivesafes.core.ids import Identifying

KEY_BYTES: Final = 32
ADDRESS_BYTES: Final = 32
_HASH: Final = "sha256"


class Addresser:
    """Gives contents and participants of one project their keyed names.

    The key opens nothing; who has it can test whether a content they already hold is in the vault, and compute a
    participant's id from a guessed PatientID.
    """

    __slots__ = ("_contents", "_participants", "project")

    def __init__(self, key: bytes, project: str) -> None:
        """Derive the project's two keys.  Raises PolicyInvalid for a key of other than 32 bytes."""
        if len(key) != KEY_BYTES:
            message = f"the address key has {len(key)} bytes, and it must have {KEY_BYTES}"
            raise PolicyInvalid(message, fix="restore address.key: it lies sealed in the haven's keyring")
        self.project = project
        self._contents = _derived(key, "address", project)
        self._participants = _derived(key, "participant", project)

    def of(self, content: bytes) -> bytes:
        """Give the content's address: 32 bytes."""
        return hmac.digest(self._contents, content, _HASH)

    def participant(self, patient_id: Identifying[str]) -> str:
        """Give the participant's id: 64 hexadecimal digits.  Spaces around PatientID do not matter."""
        return hmac.digest(self._participants, patient_id.reveal().strip().encode(), _HASH).hex()

    def __repr__(self) -> str:
        """Name the project, never the key."""
        return f"Addresser({self.project!r})"


def series_digest(addresses: Iterable[bytes]) -> str:
    """Digest a series: SHA-256 in hexadecimal over its instances' addresses, in the order given."""
    digest = hashlib.sha256()
    for address in addresses:
        digest.update(address)
    return digest.hexdigest()


def _derived(key: bytes, use: str, project: str) -> bytes:
    """Derive a key for one use in one project, so that no value means anything in another."""
    return hmac.digest(key, f"fivesafes {use} {project}".encode(), _HASH)
