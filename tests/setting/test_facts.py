"""Saved facts: canonical, exact, and refused when they are anything else."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput
from fivesafes.setting.facts import MAX_BYTES, as_bytes, digest, from_bytes
from fivesafes.setting.model import Fact, State

KNOWN = ("local_disk", "encrypted_disk")
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - bounds
    lambda at: at.replace(microsecond=0, fold=0)
)
FACT = st.builds(
    Fact,
    control=st.sampled_from(KNOWN),
    state=st.sampled_from(State),
    how=st.text(st.characters(codec="utf-8"), max_size=20),
    seen=st.text(st.characters(codec="utf-8"), max_size=20),
    version=st.just(""),
    at=st.none() | MOMENTS,
)


@given(facts=st.lists(FACT, max_size=10))
def test_facts_come_back_as_they_were(facts: list[Fact]) -> None:
    """Written and read they are equal; written again they are the same bytes, in whatever order they came."""
    raw = as_bytes(facts)
    back = from_bytes(raw, known=KNOWN)
    assert sorted(map(repr, back)) == sorted(map(repr, facts))
    assert as_bytes(reversed(back)) == raw
    assert digest(back) == digest(facts)


def test_what_is_no_text_is_still_written() -> None:
    """A file name may hold bytes that are no characters: they are replaced, and nothing fails."""
    assert b'"how":"x?"' in as_bytes([Fact(control="local_disk", state=State.YES, how="x\udcff")])


def test_moments_are_kept_in_utc() -> None:
    """Another zone is the same moment; no zone is no moment."""
    zone = timezone(timedelta(hours=10))
    fact = Fact(control="local_disk", state=State.YES, how="x", at=datetime(2026, 1, 2, 5, tzinfo=zone))
    assert from_bytes(as_bytes([fact]), known=KNOWN)[0].at == datetime(2026, 1, 1, 19, tzinfo=UTC)
    naive = Fact(control="local_disk", state=State.YES, how="x", at=datetime(2026, 1, 2, 5))  # noqa: DTZ001 - on purpose
    assert from_bytes(as_bytes([naive]), known=KNOWN)[0].at is None


GOOD = json.loads(as_bytes([Fact(control="local_disk", state=State.YES, how="x", at=datetime(2026, 1, 1, tzinfo=UTC))]))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": 2}, "schema"),
        ({"kind": "other"}, "holds no facts"),
        ({"more": 1}, "holds no facts"),
        ({"facts": {}}, "schema"),
        ({"facts": [1]}, "must have"),
        ({"facts": [{**GOOD["facts"][0], "state": "maybe"}]}, "yes, no or unknown"),
        ({"facts": [{**GOOD["facts"][0], "state": True}]}, "text"),
        ({"facts": [{**GOOD["facts"][0], "control": "other"}]}, "setting.csv"),
        ({"facts": [{**GOOD["facts"][0], "at": "yesterday"}]}, "date"),
        ({"facts": [{**GOOD["facts"][0], "at": 1}]}, "date"),
        ({"facts": [{**GOOD["facts"][0], "extra": ""}]}, "must have"),
    ],
)
def test_anything_else_is_refused(change: dict[str, object], why: str) -> None:
    """Facts decide: a file that is nearly right is not read."""
    with pytest.raises(InvalidInput, match=why):
        from_bytes(json.dumps({**GOOD, **change}).encode(), known=KNOWN)


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"[" * 100_000, b" " * (MAX_BYTES + 1)])
def test_rubbish_is_refused(raw: bytes) -> None:
    """No JSON, not text, too deep, too large."""
    with pytest.raises(InvalidInput):
        from_bytes(raw, known=KNOWN)
