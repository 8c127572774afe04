"""The haven's trail: in one transaction with the deed, append-only, and every edit of its rows found."""

import multiprocessing
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from tests.databases import HavenDatabase

from fivesafes.core.errors import Refused
from fivesafes.core.event import Event
from fivesafes.setting.trail.entry import event_of
from fivesafes.setting.trail.note import NoteSigner
from fivesafes.setting.trail.verify import Verified, verify
from fivesafes.stores import trail
from fivesafes.stores.database import opened_database
from fivesafes.stores.models import Checkpoint, TrailEntry, TrailHead

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SIGNER = NoteSigner(bytes(range(32)), "example.org/haven")


def event(number: int, *, when: datetime | None = None) -> Event:
    """Make one event."""
    at = when or NOON + timedelta(seconds=number)
    return Event(when=at, actor="w1", verb="ingest", object=f"s{number} ü", outcome="ok", policy_digest="d")


def tell(*events: Event) -> range:
    """Append in a transaction of its own."""
    with transaction.atomic():
        return trail.append(events)


def verified(*notes: str) -> Verified:
    """Verify the open haven's trail."""
    return verify(trail.rows(), notes=notes, key=SIGNER.key, head=trail.head)


def codes(found: Verified) -> set[str]:
    """Name what was found."""
    return {finding.code.removeprefix("setting.trail.") for finding in found.verdict.findings}


@pytest.fixture
def haven(haven_database: HavenDatabase) -> Iterator[HavenDatabase]:
    """Open a fresh database."""
    with opened_database(haven_database.config):
        yield haven_database


@pytest.fixture
def unlocked(haven: HavenDatabase) -> Callable[[str, list[Any]], None]:
    """Give what somebody has who owns the database: triggers off, any statement."""

    def do(statement: str, values: list[Any]) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            if haven.kind == "postgresql":
                cursor.execute("ALTER TABLE haven_trailentry DISABLE TRIGGER USER")
                cursor.execute("ALTER TABLE haven_checkpoint DISABLE TRIGGER USER")
            else:
                for name in ("trail_no_update", "trail_no_delete", "trail_next_only", "checkpoint_no_delete"):
                    cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            cursor.execute(statement, values)

    return do


@pytest.mark.usefixtures("haven")
def test_batches_of_any_size_make_one_chain() -> None:
    """Numbers go on, the head moves along, lines come back as they were."""
    assert tell() == range(0)
    assert tell(event(0)) == range(1)
    assert tell(*map(event, range(1, 8))) == range(1, 8)
    assert tell(event(8)) == range(8, 9)
    assert [event_of(line).object for line in trail.entries()] == [f"s{n} ü" for n in range(9)]
    assert [event_of(line).object for line in trail.entries(3, 5)] == ["s3 ü", "s4 ü"]
    found = verified()
    assert (found.entries, codes(found)) == (9, {"unwitnessed"})


@pytest.mark.usefixtures("haven")
def test_outside_a_deed_nothing_is_told() -> None:
    """An event without its deed would be a claim without proof."""
    with pytest.raises(RuntimeError, match="transaction"):
        trail.append([event(0)])


@pytest.mark.usefixtures("haven")
def test_a_deed_that_fails_leaves_no_event() -> None:
    """Event and deed are one transaction."""
    tell(event(0))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:  # noqa: PT012 - one deed
        trail.append([event(1)])
        cursor.execute("no deed")
    assert trail.head().size == 1
    assert tell(event(1)) == range(1, 2)
    assert not verified().verdict.refuses


@pytest.mark.usefixtures("haven")
def test_where_the_clock_went_back_the_event_says_so() -> None:
    """By more than a minute, in a batch or between; the order stays, and a small step is nothing."""
    times = [NOON, NOON - timedelta(seconds=59), NOON - timedelta(hours=1), NOON]
    tell(*(event(n, when=when) for n, when in enumerate(times)))
    tell(event(4, when=NOON - timedelta(days=1)))
    facts = [event_of(line).facts for line in trail.entries()]
    assert facts == [{}, {}, {"clock_back": 3541}, {}, {"clock_back": 86400}]
    assert [event_of(line).when for line in trail.entries()][:4] == times


@pytest.mark.usefixtures("haven")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE haven_trailentry SET line = 'x' WHERE n = 1",
        "UPDATE haven_trailentry SET n = 9 WHERE n = 1",
        "DELETE FROM haven_trailentry WHERE n = 2",
        "DELETE FROM haven_trailentry",
        "UPDATE haven_checkpoint SET note = 'x'",
        "DELETE FROM haven_checkpoint",
    ],
)
def test_the_database_itself_refuses_to_alter_the_trail(statement: str) -> None:
    """Whoever asks: the program, a console, a script."""
    tell(*map(event, range(3)))
    trail.checkpoint(SIGNER, clock=lambda: NOON)
    with pytest.raises(DatabaseError, match=r"append-only|for good"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert not verified().verdict.refuses


def test_no_kind_s_own_way_round_is_open(haven: HavenDatabase) -> None:
    """SQLite's REPLACE deletes unseen by other triggers, and PostgreSQL can truncate."""
    tell(*map(event, range(3)))
    trail.checkpoint(SIGNER, clock=lambda: NOON)
    ways = {
        "sqlite": [
            "INSERT OR REPLACE INTO haven_trailentry (n, line, digest) VALUES (1, 'x', x'00')",
            "INSERT OR REPLACE INTO haven_checkpoint (size, note, made_at, sent) VALUES (3, 'x', '2026-01-01', '{}')",
            "INSERT INTO haven_trailentry (n, line, digest) VALUES (7, 'x', x'00')",
        ],
        "postgresql": [
            "TRUNCATE haven_trailentry",
            "TRUNCATE haven_checkpoint",
            "INSERT INTO haven_trailentry (n, line, digest) VALUES (7, 'x', ''), (8, 'x', '')",
            "INSERT INTO haven_trailentry (n, line, digest) VALUES (3, 'x', ''), (5, 'x', '')",
        ],
    }
    for statement in ways[haven.kind]:
        with pytest.raises(DatabaseError, match=r"append-only|for good"), connection.cursor() as cursor:
            cursor.execute(statement)
    assert not verified().verdict.refuses


@pytest.mark.parametrize(
    ("statement", "values", "bad"),
    [
        ("UPDATE haven_trailentry SET line = REPLACE(line, 'ingest', 'inject') WHERE n = %s", [4], 4),
        ("UPDATE haven_trailentry SET digest = %s WHERE n = 4", [bytes(32)], 4),
        ("DELETE FROM haven_trailentry WHERE n = %s", [4], 4),
        ("UPDATE haven_trailentry SET n = n + %s WHERE n = 8", [5], 8),
        ("UPDATE haven_trailentry SET n = %s WHERE n = 4", [100], 4),
        (
            "INSERT INTO haven_trailentry (n, line, digest) SELECT 9, line, digest FROM haven_trailentry WHERE n = %s",
            [8],
            9,
        ),
    ],
)
def test_what_the_owner_of_the_database_alters_is_found_at_its_row(
    unlocked: Callable[[str, list[Any]], None], statement: str, values: list[Any], bad: int
) -> None:
    """Edited, deleted, renumbered or doubled behind the program's back."""
    tell(*map(event, range(9)))
    unlocked(statement, values)
    assert verified().first_bad == bad


def test_a_tail_cut_off_with_a_head_set_back_is_found_by_the_checkpoint(
    unlocked: Callable[[str, list[Any]], None],
) -> None:
    """The forger has the database and not the witness; and no contradicting checkpoint is signed afterwards."""
    tell(*map(event, range(5)))
    whole = TrailHead.objects.values().get()
    tell(*map(event, range(5, 9)))
    note = trail.checkpoint(SIGNER, clock=lambda: NOON).note
    unlocked("DELETE FROM haven_trailentry WHERE n >= %s", [5])
    assert codes(verified()) == {"head"}
    with pytest.raises(Refused, match="end otherwise"):
        trail.checkpoint(SIGNER, clock=lambda: NOON)
    with pytest.raises(Refused, match="end otherwise"):
        tell(event(9))
    TrailHead.objects.update(**whole)
    assert codes(verified()) == {"unwitnessed"}
    assert codes(verified(note)) == {"cut"}
    with pytest.raises(Refused, match="was signed before"):
        trail.checkpoint(SIGNER, clock=lambda: NOON)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM haven_trailentry WHERE n = %s",
        "UPDATE haven_trailentry SET line = REPLACE(line, 'ingest', 'inject') WHERE n > %s",
    ],
)
def test_no_checkpoint_is_signed_while_head_and_rows_differ(
    unlocked: Callable[[str, list[Any]], None], statement: str
) -> None:
    """A row is gone from the middle, or the last one is another."""
    tell(*map(event, range(9)))
    unlocked(statement, [4])
    with pytest.raises(Refused, match="end otherwise") as told:
        trail.checkpoint(SIGNER, clock=lambda: NOON)
    assert "trail verify" in told.value.fix


@pytest.mark.usefixtures("haven")
def test_a_clock_that_was_ahead_does_not_put_off_the_next_checkpoint() -> None:
    """Made a year ahead, then the clock was set right: the next entry is vouched for within the hour, as ever."""
    tell(event(0))
    trail.checkpoint(SIGNER, clock=lambda: NOON + timedelta(days=365))
    assert not trail.is_due(now=NOON)
    tell(event(1))
    assert trail.is_due(now=NOON)
    trail.checkpoint(SIGNER, clock=lambda: NOON)
    tell(event(2))
    assert not trail.is_due(now=NOON + timedelta(minutes=59))
    assert not trail.is_due(now=NOON - timedelta(minutes=5))  # two machines' clocks differ a little


@pytest.mark.usefixtures("haven")
def test_checkpoints_are_made_when_due_kept_and_handed_over() -> None:
    """One per size; who has which is told; an older one stands beside it."""
    assert not trail.is_due(now=NOON)
    tell(*map(event, range(3)))
    assert trail.is_due(now=NOON)  # the first is due as soon as there is something to vouch for
    first = trail.checkpoint(SIGNER, clock=lambda: NOON)
    assert trail.checkpoint(SIGNER, clock=lambda: NOON) == first
    assert not trail.is_due(now=NOON + timedelta(days=1))
    tell(event(3))
    assert not trail.is_due(now=NOON + timedelta(minutes=59))
    assert trail.is_due(now=NOON, every=1)
    assert trail.is_due(now=NOON + timedelta(minutes=60))
    second = trail.checkpoint(SIGNER, clock=lambda: NOON)
    assert [kept.size for kept in trail.checkpoints()] == [3, 4]
    assert [kept.signed() for kept in trail.checkpoints()] == [first, second]
    trail.mark_sent(3, "cellar", at=NOON)
    trail.mark_sent(3, "git", at=NOON)
    trail.mark_sent(4, "git", at=NOON)
    told = "2026-06-01T12:00:00+00:00"
    assert trail.last_sent() == {"cellar": (3, told), "git": (4, told)}
    trail.mark_lost(4, "git")
    assert trail.last_sent() == {"cellar": (3, told), "git": (3, told)}
    assert (verified(first.note, second.note).proven, trail.newest_checkpoint()) == (4, trail.checkpoints()[-1])


@pytest.mark.usefixtures("haven")
def test_an_empty_trail_has_a_checkpoint_too() -> None:
    """Size 0 and the root of nothing: whoever has it can tell that a later trail began after it."""
    made = trail.checkpoint(SIGNER, clock=lambda: NOON)
    assert made.checkpoint.size == 0
    tell(event(0))
    assert not verified(made.note).verdict.refuses


def _write(config: dict[str, Any], acknowledged: Path, seed: int) -> None:
    """Append batches for as long as it lives, and note down each that was acknowledged."""
    with opened_database(config), acknowledged.open("a") as file:
        for round_ in range(10_000):
            numbers = tell(*(event(seed * 10_000 + round_) for _ in range(1 + round_ % 5)))
            file.write(f"{numbers.stop}\n")
            file.flush()


def _started(config: dict[str, Any], folder: Path, seed: int) -> multiprocessing.process.BaseProcess:
    words = (config, folder / f"{seed}.txt", seed)
    process = multiprocessing.get_context("spawn").Process(target=_write, args=words)
    process.start()
    return process


def test_writers_that_are_killed_lose_nothing_that_was_acknowledged(
    haven_database: HavenDatabase, tmp_path: Path
) -> None:
    """Two writers at a time, kill -9 at random moments, several times over; one chain remains, and it verifies."""
    for round_ in range(2):
        writers = [_started(haven_database.config, tmp_path, seed) for seed in (2 * round_, 2 * round_ + 1)]
        deadline = time.monotonic() + 20
        while not all((tmp_path / f"{2 * round_ + one}.txt").exists() for one in (0, 1)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(secrets.randbelow(200) / 1000)
        for writer in writers:
            os.kill(writer.pid or 0, signal.SIGKILL)
            writer.join()
    acknowledged = max(
        int(line) for file in tmp_path.glob("*.txt") for line in file.read_text().split("\n")[:-1] if line
    )
    with opened_database(haven_database.config):
        found = verified()
        assert not found.verdict.refuses
        assert found.entries >= acknowledged > 0
        assert TrailEntry.objects.count() == found.entries
        assert not Checkpoint.objects.exists()
