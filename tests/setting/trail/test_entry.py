"""Entries: canonical, one line, nothing identifying, and readable again."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput
from fivesafes.core.event import Event
from fivesafes.core.ids import Identifying
from fivesafes.setting.trail.entry import GENESIS, digest_of, event_of, line_of

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)
TEXT = st.text(alphabet=st.characters(codec="utf-8"))
FACTS = st.dictionaries(TEXT, st.none() | TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
EVENTS = st.builds(
    Event,
    when=st.datetimes(timezones=st.just(UTC)),
    actor=TEXT,
    verb=TEXT,
    object=TEXT,
    outcome=TEXT,
    policy_digest=TEXT,
    facts=FACTS,
    project=TEXT,
    purpose=TEXT,
    acr=TEXT,
)


@given(event=EVENTS, n=st.integers(0, 10**12))
def test_an_event_comes_back_as_it_went_in_from_one_line(event: Event, n: int) -> None:
    """Whatever the text, the line has no newline, and reading it gives the same event."""
    line = line_of(event, n=n, previous=GENESIS)
    assert b"\n" not in line
    assert b"\r" not in line
    assert event_of(line) == event


def test_the_line_is_canonical_and_sha256sum_follows_it() -> None:
    """Sorted keys, no spaces, UTF-8 as it is, the time in UTC; the digest is plain SHA-256 of the line."""
    when = datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    event = Event(
        when=when, actor="ü", verb="v", object="o", outcome="ok", policy_digest="d", facts={"b": 1, "a": None}
    )
    line = line_of(event, n=7, previous="f" * 64)
    expected = (
        '{"actor":"ü","facts":{"a":null,"b":1},"n":7,"object":"o","outcome":"ok","policy_digest":"d",'
        f'"previous":"{"f" * 64}","verb":"v","when":"2026-06-01T12:00:00.000000+00:00"}}'
    )
    assert line.decode() == expected
    assert digest_of(line) == hashlib.sha256(expected.encode()).hexdigest()


def test_an_undecodable_byte_of_a_name_does_not_stop_the_trail() -> None:
    """A lone surrogate has no UTF-8; it is written as JSON's escape."""
    event = Event(when=WHEN, actor="a", verb="v", object="x\udcff", outcome="ok", policy_digest="d")
    line = line_of(event, n=0, previous=GENESIS)
    assert json.loads(line)["object"] == "x\udcff"


@pytest.mark.parametrize(
    "wrong",
    [
        {"object": Identifying("Doe^Jane")},
        {"actor": Identifying("Doe^Jane")},
        {"facts": {"name": Identifying("Doe^Jane")}},
        {"facts": {"names": ["Doe^Jane"]}},
        {"facts": {1: "one"}},
    ],
)
def test_an_identifying_value_never_gets_into_an_event(wrong: dict[str, object]) -> None:
    """Neither as a field nor as a fact, and the refusal does not show it."""
    right: dict[str, object] = {"actor": "a", "verb": "v", "object": "o", "outcome": "ok", "policy_digest": "d"}
    with pytest.raises(TypeError) as refused:
        Event(when=WHEN, **(right | wrong))  # type: ignore[arg-type]
    assert "Doe" not in str(refused.value)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_fact_is_a_number_that_json_knows(wrong: float) -> None:
    """Not-a-number has no canonical form."""
    with pytest.raises(ValueError, match="finite"):
        Event(when=WHEN, actor="a", verb="v", object="o", outcome="ok", policy_digest="d", facts={"x": wrong})


def test_a_time_without_zone_is_refused() -> None:
    """A trail says when, for everybody."""
    with pytest.raises(ValueError, match="zone"):
        Event(when=WHEN.replace(tzinfo=None), actor="a", verb="v", object="o", outcome="ok", policy_digest="d")


@pytest.mark.parametrize("line", [b"", b"[]", b"{", b'{"n":0}', b'{"when":3}', b"\xff"])
def test_what_is_no_entry_is_refused(line: bytes) -> None:
    """Reading says so instead of guessing."""
    with pytest.raises(InvalidInput):
        event_of(line)
