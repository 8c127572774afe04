"""What happened, as the trail keeps it: who did what to which object, when and with which outcome."""

from collections.abc import Callable
from datetime import UTC, datetime

from attrs import field, frozen

Clock = Callable[[], datetime]
"""Gives the present moment, aware and in UTC; injected, so that a test can set the date."""


def utc_now() -> datetime:
    """Read the machine's clock."""
    return datetime.now(tz=UTC)


@frozen(kw_only=True)
class Event:
    """One deed.  ``object`` is a pseudonym, a keyed digest or a relative output path, never an identifying value."""

    when: datetime
    actor: str
    verb: str
    object: str
    outcome: str
    policy_digest: str
    facts: dict[str, str | int | float | None] = field(factory=dict)
