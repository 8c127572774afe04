"""A witness elsewhere: who owns the haven can make its trail anew, and is found out all the same."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.databases import HavenDatabase
from tests.journeys.havens import Haven

from fivesafes.core.event import Event
from fivesafes.setting.trail.entry import digest_of, event_of, line_of


@pytest.fixture
def haven(tmp_path: Path) -> Haven:
    """Make a haven with a witness that keeps a file elsewhere."""
    made = Haven(folder=tmp_path, database=HavenDatabase(kind="sqlite", config={}, named="sqlite")).made()
    with (made.path / "haven.toml").open("a") as file:
        file.write(f'\n[[witness]]\nkind = "file"\npath = "{tmp_path / "elsewhere.txt"}"\n')
    made.done("trail", "checkpoint")
    return made


def test_a_trail_made_anew_by_the_owner_of_the_machine_is_found_by_the_witness(haven: Haven, tmp_path: Path) -> None:
    """Triggers dropped, an entry changed, every digest and the head made to fit: only what lies elsewhere tells."""
    witness = tmp_path / "elsewhere.txt"
    assert haven.run("trail", "verify", "--checkpoint", witness).code == 0
    with closing(sqlite3.connect(haven.path / "state.sqlite3", isolation_level=None)) as state:
        for (name,) in state.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            state.execute(f"DROP TRIGGER {name}")
        _made_anew(state)
    answer = haven.run("trail", "verify", "--checkpoint", witness)
    assert answer.code == 3
    assert "anew" in answer.stderr


def test_the_audit_calls_a_trail_whole_by_what_a_witness_shows(haven: Haven, tmp_path: Path) -> None:
    """As people run it: yes while the witness shows the newest checkpoint, no once it has lost it."""
    assert trail_whole(haven) == "yes"
    (tmp_path / "elsewhere.txt").unlink()
    assert trail_whole(haven) == "no"


def trail_whole(haven: Haven) -> str:
    """Audit the setting, and give the answer for the trail."""
    answer = haven.run("setting", "audit", "--haven", haven.path, "--json")
    return str(next(one["state"] for one in answer.json["controls"] if one["control"] == "trail_whole"))


def _made_anew(state: sqlite3.Connection) -> None:
    """Write the trail again with another actor in its first entry, chained throughout."""
    previous = "0" * 64
    for n, line in state.execute("SELECT n, line FROM haven_trailentry ORDER BY n").fetchall():
        event = event_of(line.encode())
        if n == 0:
            event = Event(
                when=event.when,
                actor="nobody",
                verb=event.verb,
                object=event.object,
                outcome=event.outcome,
                policy_digest=event.policy_digest,
                facts=event.facts,
                project=event.project,
            )
        made = line_of(event, n=n, previous=previous)
        previous = digest_of(made)
        digest = bytes.fromhex(previous)
        state.execute("UPDATE haven_trailentry SET line = ?, digest = ? WHERE n = ?", (made.decode(), digest, n))
    state.execute("DELETE FROM haven_checkpoint")
