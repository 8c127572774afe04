"""What happened, as the trail keeps it: who did what to which object, when and with which outcome."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from attrs import Attribute, field, frozen

Clock = Callable[[], datetime]
"""Gives the present moment, aware and in UTC; injected, so that a test can set the date."""

Fact = str | int | float | None
"""What a fact of an event may be: a keyed pseudonym, a digest, a count, a measure."""


def utc_now() -> datetime:
    """Read the machine's clock."""
    return datetime.now(tz=UTC)


def _plain_text(_event: "Event", attribute: "Attribute[str]", value: object) -> None:
    """Refuse what is not text: an ``Identifying`` value most of all."""
    if not isinstance(value, str):
        message = f"an event's {attribute.name} is text, not {type(value).__name__}"
        raise TypeError(message)


def _plain_facts(_event: "Event", _attribute: "Attribute[Any]", facts: dict[str, Any]) -> None:
    """Refuse a fact that the trail can't hold for good: an object, an ``Identifying`` value, not a number."""
    for name, value in facts.items():
        if not isinstance(name, str) or not (value is None or isinstance(value, str | int | float)):
            message = f"a fact of an event is text, a number or nothing, not {type(value).__name__}"
            raise TypeError(message)
        if isinstance(value, float) and not math.isfinite(value):
            message = "a fact of an event is a finite number"
            raise ValueError(message)


def _aware(_event: "Event", _attribute: "Attribute[datetime]", when: datetime) -> None:
    if when.tzinfo is None:
        message = "an event's time says its zone"
        raise ValueError(message)


@frozen(kw_only=True)
class Event:
    """One deed.  ``object`` is a pseudonym, a keyed digest or a relative output path, never an identifying value.

    ``purpose`` is what it was done for (the reason of a re-identification, a DUO term), ``acr`` how the actor had
    logged in (the authentication context class that the identity provider named).  Raises TypeError for an
    ``Identifying`` value anywhere in it.
    """

    when: datetime = field(validator=_aware)
    actor: str = field(validator=_plain_text)
    verb: str = field(validator=_plain_text)
    object: str = field(validator=_plain_text)
    outcome: str = field(validator=_plain_text)
    policy_digest: str = field(validator=_plain_text)
    facts: dict[str, Fact] = field(factory=dict, validator=_plain_facts)
    project: str = field(default="", validator=_plain_text)
    purpose: str = field(default="", validator=_plain_text)
    acr: str = field(default="", validator=_plain_text)
