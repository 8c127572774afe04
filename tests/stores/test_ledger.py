"""The trail of a run: appended, chained, mended after a crash, and every edit found."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fivesafes.core.event import Event
from fivesafes.stores.ledger import JsonLinesLedger, judge_trail


def event(number: int) -> Event:
    """Make one event."""
    when = datetime(2026, 6, 1, 12, number % 60, tzinfo=UTC)
    return Event(when=when, actor="runner", verb="deface", object=f"s{number}", outcome="ok", policy_digest="d")


@pytest.fixture
def trail(tmp_path: Path) -> Path:
    """Write a trail of five events."""
    ledger = JsonLinesLedger(tmp_path / "trail.jsonl")
    for number in range(5):
        ledger.append(event(number))
    return tmp_path / "trail.jsonl"


def test_a_whole_trail_verifies_and_only_its_owner_reads_it(trail: Path) -> None:
    """Five events, one chain, mode 0600."""
    assert not judge_trail(trail).findings
    assert trail.stat().st_mode & 0o777 == 0o600


def test_every_single_byte_edit_before_the_last_line_is_found(trail: Path) -> None:
    """Exhaustive over the bytes of all but the last line, whose digest the release record quotes."""
    whole = trail.read_bytes()
    end = whole[:-1].rfind(b"\n")
    for place in range(end):
        edited = bytearray(whole)
        edited[place] ^= 1
        trail.write_bytes(bytes(edited))
        assert judge_trail(trail).refuses, place


def test_an_unfinished_last_line_is_dropped_and_the_chain_goes_on(trail: Path) -> None:
    """A crash in the middle of a write loses nothing that was acknowledged."""
    whole = trail.read_bytes()
    trail.write_bytes(whole + b'{"half":')
    ledger = JsonLinesLedger(trail)
    assert trail.read_bytes() == whole
    ledger.append(event(6))
    assert not judge_trail(trail).findings
