"""Offers a server a TLS hello and reads its first answer alone: did it choose, or turn the offer away, and why?

What comes later tells nothing of that: a server that wants a client's certificate ends each handshake without one, with
the same alert by which another says that no cipher suits it.
"""

import socket
import ssl
from enum import Enum
from typing import Final

from fivesafes.setting.model import Endpoint

SECONDS: Final = 3.0
_HEADER: Final = 5  # of a record: type, version, length
_ALERT: Final = 21
_HANDSHAKE: Final = 22
_SERVER_HELLO: Final = 2
_NOTHING_SUITS: Final = {
    40,  # handshake_failure: no cipher in common
    70,  # protocol_version
    71,  # insufficient_security
}
"""Alerts (RFC 8446 section 6) that turn away what the hello offered."""


class Answer(Enum):
    """What a server makes of an offer."""

    CHOSEN = "chosen"
    TURNED_AWAY = "turned away"
    UNSURE = "unsure"


def first_answer(endpoint: Endpoint, context: ssl.SSLContext) -> Answer:
    """Offer what the context offers, read one record, and hang up; no secret is agreed on and nothing is sent."""
    answers, offer = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(answers, offer, server_hostname=endpoint.host).do_handshake()
    except ssl.SSLWantReadError:
        pass
    except ssl.SSLError:
        return Answer.UNSURE  # our own library does not offer that
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=SECONDS) as line:
            line.settimeout(SECONDS)
            line.sendall(offer.read())
            record = _received(line, _HEADER + 2)
    except OSError:
        return Answer.UNSURE
    if len(record) < _HEADER + 2:
        return Answer.UNSURE  # hung up on without a word
    kind, first, second = record[0], record[_HEADER], record[_HEADER + 1]
    if kind == _HANDSHAKE and first == _SERVER_HELLO:
        return Answer.CHOSEN
    return Answer.TURNED_AWAY if kind == _ALERT and second in _NOTHING_SUITS else Answer.UNSURE


def _received(line: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count and (part := line.recv(count - len(got))):
        got += part
    return got
