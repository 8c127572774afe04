"""Trails made up for tests: events, lines, checkpoints."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from fivesafes.core.event import Event, Fact
from fivesafes.setting.trail.checkpoint import Checkpoint, signed
from fivesafes.setting.trail.entry import GENESIS, digest_of, line_of
from fivesafes.setting.trail.merkle import leaf_hash, root_of
from fivesafes.setting.trail.note import NoteSigner

MadeLines = Callable[[int], list[bytes]]
MadeNote = Callable[[Sequence[bytes]], str]


def event(number: int, *, verb: str = "deface") -> Event:
    """Make one event."""
    when = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(seconds=number)
    facts: dict[str, Fact] = {"files": number, "mm": 0.5}
    return Event(when=when, actor="w1", verb=verb, object=f"s{number}", outcome="ok", policy_digest="d", facts=facts)


def chained(events: Sequence[Event]) -> list[bytes]:
    """Write events as a chain."""
    previous, lines = GENESIS, []
    for n, one in enumerate(events):
        lines.append(line_of(one, n=n, previous=previous))
        previous = digest_of(lines[-1])
    return lines


@pytest.fixture(scope="session")
def lines_of() -> MadeLines:
    """Make a trail of so many entries."""
    return lambda count: chained([event(n) for n in range(count)])


@pytest.fixture(scope="session")
def rechained() -> Callable[[Sequence[Event]], list[bytes]]:
    """Make a chain of events, as somebody does who alters one and chains all anew."""
    return chained


@pytest.fixture(scope="session")
def signer() -> NoteSigner:
    """Sign as the haven of these tests."""
    return NoteSigner(bytes(range(32)), "example.org/haven")


@pytest.fixture(scope="session")
def note_of(signer: NoteSigner) -> MadeNote:
    """Make the checkpoint note over these lines."""

    def made(lines: Sequence[bytes]) -> str:
        root = root_of([leaf_hash(line) for line in lines])
        return signed(Checkpoint(origin=signer.key.name, size=len(lines), root=root), signer).note

    return made
