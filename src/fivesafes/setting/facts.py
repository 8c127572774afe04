"""Facts as canonical JSON: sorted, without spaces, one line; the same facts are the same bytes, fit to be signed.

``{"facts": [{"at", "control", "how", "seen", "state", "version"} …], "kind": …, "schema": 1}``
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fivesafes.core.errors import InvalidInput
from fivesafes.setting.model import Fact, State

KIND: Final = "fivesafes setting facts"
MAX_BYTES: Final = 4_000_000
_FIELDS: Final = {"at", "control", "how", "seen", "state", "version"}
_WHOLE: Final = 0  # no single fact
_FIX: Final = "give a file that `fivesafes setting audit --save-facts FILE` wrote"


def as_bytes(facts: Iterable[Fact]) -> bytes:
    """Write facts, in the order of their controls."""
    rows = sorted((_row(fact) for fact in facts), key=lambda row: json.dumps([row["control"], row], sort_keys=True))
    top = {"schema": 1, "kind": KIND, "facts": rows}
    return (json.dumps(top, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode(
        "utf-8", "replace"
    )


def digest(facts: Iterable[Fact]) -> str:
    """SHA-256 of the facts' bytes, in hexadecimal."""
    return hashlib.sha256(as_bytes(facts)).hexdigest()


def from_bytes(raw: bytes, *, known: Sequence[str]) -> tuple[Fact, ...]:
    """Read facts back.  Raises InvalidInput for anything that is not exactly what ``as_bytes`` writes."""
    if len(raw) > MAX_BYTES:
        raise _bad(_WHOLE, "is too large")
    try:
        top = json.loads(raw)
    except (ValueError, RecursionError):
        raise _bad(_WHOLE, "is not JSON") from None
    if not isinstance(top, dict) or top.get("kind") != KIND or set(top) != {"schema", "kind", "facts"}:
        raise _bad(_WHOLE, "holds no facts of a setting")
    if top["schema"] != 1 or not isinstance(top["facts"], list):
        raise _bad(_WHOLE, "is of a schema that this version does not know")
    return tuple(_fact(row, number, known) for number, row in enumerate(top["facts"], start=1))


def _row(fact: Fact) -> dict[str, str | None]:
    at = fact.at
    return {
        "control": fact.control,
        "state": fact.state.value,
        "how": fact.how,
        "seen": fact.seen,
        "version": fact.version,
        "at": None if at is None or at.tzinfo is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _fact(row: Any, number: int, known: Sequence[str]) -> Fact:  # noqa: ANN401 - whatever the JSON holds
    if not isinstance(row, dict) or set(row) != _FIELDS:
        raise _bad(number, f"must have {', '.join(sorted(_FIELDS))}")
    if not all(isinstance(row[name], str) for name in _FIELDS - {"at"}):
        raise _bad(number, "holds something else than text")
    if row["control"] not in known:
        raise _bad(number, "is about a control that setting.csv does not have")
    if row["state"] not in set(State):
        raise _bad(number, "has a state that is not yes, no or unknown")
    return Fact(
        control=row["control"],
        state=State(row["state"]),
        how=row["how"],
        seen=row["seen"],
        version=row["version"],
        at=_moment(row["at"], number),
    )


def _moment(text: Any, number: int) -> datetime | None:  # noqa: ANN401 - as above
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (TypeError, ValueError):
        raise _bad(number, "has a date that is not like 2026-01-31T12:00:00Z") from None


def _bad(number: int, why: str) -> InvalidInput:
    place = f"fact {number} of the file" if number else "the file of facts"
    return InvalidInput(f"{place} {why}", fix=_FIX)
