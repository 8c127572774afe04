"""What keeper and client say to one another over the socket.

A request is one frame of JSON.  The answer is a row of frames: ``+`` a content, ``-`` a refusal as JSON, which ends it,
``.`` the end.  A frame is its kind, the length of its body (8 bytes, big-endian), and the body.
"""

import json
import socket
from typing import Any, Final

from fivesafes.core.errors import FiveSafesError, InvalidInput, Refused, TryAgain
from fivesafes.setting.vault.keys import KeyGone
from fivesafes.setting.vault.seal import SealBroken
from fivesafes.setting.vault.vault import ObjectMissing

REQUEST: Final = b"?"
CONTENT: Final = b"+"
REFUSAL: Final = b"-"
END: Final = b"."
LARGEST_REQUEST: Final = 64 * 2**20
_HEAD: Final = 9
_KINDS: Final[dict[str, type[FiveSafesError]]] = {
    kind.__name__: kind for kind in (InvalidInput, KeyGone, ObjectMissing, Refused, SealBroken, TryAgain)
}


def send(link: socket.socket, kind: bytes, body: bytes = b"") -> None:
    """Send one frame."""
    link.sendall(kind + len(body).to_bytes(_HEAD - 1))
    link.sendall(body)


def receive(link: socket.socket, *, largest: int | None = None) -> tuple[bytes, bytes]:
    """Take one frame: its kind and its body.  Raises TryAgain when the other side is gone or sends too much."""
    head = _taken(link, _HEAD)
    size = int.from_bytes(head[1:])
    if largest is not None and size > largest:
        message = "a request to the keeper is too large"
        raise TryAgain(message, fix="ask for fewer originals at once")
    return bytes(head[:1]), bytes(_taken(link, size))


def as_json(what: Any) -> bytes:  # noqa: ANN401 - JSON is whatever JSON is
    """Write compact JSON."""
    return json.dumps(what, separators=(",", ":")).encode()


def refusal_of(error: FiveSafesError) -> bytes:
    """Write an error so that the other side raises the same; a kind it doesn't know becomes its nearest."""
    kind = next((one.__name__ for one in type(error).__mro__ if one.__name__ in _KINDS), "TryAgain")
    return as_json({"kind": kind, "what": error.what, "fix": error.fix})


def raise_refusal(body: bytes) -> None:
    """Raise the error that the other side sent."""
    told = json.loads(body)
    raise _KINDS.get(told["kind"], TryAgain)(told["what"], fix=told["fix"])


def _taken(link: socket.socket, size: int) -> bytearray:
    taken = bytearray(size)
    view = memoryview(taken)
    got = 0
    while got < size:
        more = link.recv_into(view[got:])
        if not more:
            message = "the keeper of the worker's key has ended"
            raise TryAgain(message, fix="run the same command again")
        got += more
    return taken
