r"""One entry of the trail: an event as one canonical line of JSON, bound to the line before it by SHA-256.

A line holds no newline and no needless space, its keys are sorted, its text is UTF-8.  ``n`` counts from 0 and
``previous`` is the SHA-256 of the line before, in hexadecimal and without that line's newline; before the first stand
64 zeros.  So anybody can follow the chain with ``sha256sum``:  ``sed -n 5p trail.jsonl | tr -d '\n' | sha256sum``.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Final

from fivesafes.core.errors import InvalidInput
from fivesafes.core.event import Event

GENESIS: Final = "0" * 64
"""What stands for the line before the first."""

_OPTIONAL: Final = ("project", "purpose", "acr")
_write: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def line_of(event: Event, *, n: int, previous: str) -> bytes:
    """Write an event as the trail's line ``n``, without newline; ``previous`` is the digest of the line before."""
    body: dict[str, Any] = {
        "n": n,
        "previous": previous,
        "when": event.when.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "verb": event.verb,
        "object": event.object,
        "outcome": event.outcome,
        "policy_digest": event.policy_digest,
        "facts": event.facts,
    }
    body.update((name, value) for name in _OPTIONAL if (value := getattr(event, name)))
    # A lone surrogate (an undecodable byte of a file name) has no UTF-8: it is told of, not lost and not a crash.
    return _write(body).encode("utf-8", "backslashreplace")


def digest_of(line: bytes) -> str:
    """Digest a line without its newline: 64 hexadecimal digits."""
    return hashlib.sha256(line).hexdigest()


def event_of(line: bytes) -> Event:
    """Read a line back.  Raises InvalidInput when it is no entry of a trail."""
    body = body_of(line)
    try:
        return Event(
            when=datetime.fromisoformat(body["when"]),
            actor=body["actor"],
            verb=body["verb"],
            object=body["object"],
            outcome=body["outcome"],
            policy_digest=body["policy_digest"],
            facts=body["facts"],
            **{name: body.get(name, "") for name in _OPTIONAL},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _no_entry() from None


def body_of(line: bytes) -> dict[str, Any]:
    """Read a line's JSON object.  Raises InvalidInput when it is none."""
    try:
        body = json.loads(line)
    except ValueError:
        raise _no_entry() from None
    if not isinstance(body, dict):
        raise _no_entry()
    return body


def _no_entry() -> InvalidInput:
    message = "a line of the trail is no entry"
    return InvalidInput(message, fix="verify the trail: fivesafes trail verify says which line, and why")
