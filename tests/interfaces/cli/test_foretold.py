"""Dry runs of what can't be undone: they say what would go, and nothing goes."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from tests.setting.vault.havens import NOW, SealedHaven, make_haven

from fivesafes.core.errors import FiveSafesError
from fivesafes.flow.haven.model import KeptRelease, ReleaseState
from fivesafes.interfaces.cli import consent, ingest, project, vault
from fivesafes.stores import trail
from fivesafes.wiring.haven import opened_haven


@pytest.fixture
def sealed(tmp_path: Path) -> SealedHaven:
    """Make a haven of Ada and Ben in which both people's data were released once."""
    made = make_haven(tmp_path)
    with opened_haven(made.path) as haven, haven.books.deed():
        people = tuple(one.id for one in haven.books.participants("p1"))
        haven.books.add_release(
            KeptRelease(
                id="release1",
                project="p1",
                digest="d" * 64,
                destination="folder",
                recipients=("B",),
                participants=people,
                state=ReleaseState.OUT,
                released_at=NOW,
                faces=False,
                public=False,
            )
        )
    return made


def said(haven: SealedHaven, group: click.Command, *words: str | Path, code: int = 0) -> Mapping[str, Any]:
    """Run a command with --json and read its one object."""
    done = CliRunner().invoke(group, [*map(str, words), "--json", "--haven", str(haven.path)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    answer: Mapping[str, Any] = json.loads(done.stdout)
    return answer


def everything(haven: SealedHaven) -> tuple[int, dict[str, bytes]]:
    """Take the trail's size, and every file that is neither the database's nor a lock."""
    with opened_haven(haven.path):
        size = trail.head().size
    files = {str(one): one.read_bytes() for one in haven.path.rglob("*") if one.is_file()}
    return size, {name: content for name, content in files.items() if content and "state.sqlite3" not in name}


def test_a_disposal_is_foretold(sealed: SealedHaven) -> None:
    """Counts, releases that stay out, and whether it may be done now; exit code 3 while it may not."""
    before = everything(sealed)
    words = ("dispose", "p1", "--by", "C", "--dry-run")
    told = said(sealed, project.command, *words, code=3)
    assert told["dry_run"] is True
    assert told["would"] == {
        "participants": 2,
        "series": 3,
        "files": 13,
        "bytes": told["would"]["bytes"],
        "set_aside": 1,
        "releases_still_out": ["release1"],
    }
    assert told["would"]["bytes"] > 9000
    assert "without a retention date" in told["refused"]
    keys = [word for name in ("Ada", "Ben") for word in ("--identity", sealed.identities[name])]
    assert said(sealed, project.command, *words, "--reason", "x", *keys)["refused"] is None
    with opened_haven(sealed.path) as haven, haven.books.deed():
        haven.books.set_retention("p1", date(2020, 1, 1), at=NOW)
    assert said(sealed, project.command, *words)["refused"] is None
    text = CliRunner().invoke(project.command, [*words, "--haven", str(sealed.path)])
    assert "nothing was destroyed (--dry-run)" in text.stdout
    assert "release1" in text.stdout
    assert everything(sealed) == before


@pytest.mark.parametrize(("kind", "series", "recalled"), [("full", 2, ["release1"]), ("no-future-use", 0, [])])
def test_a_withdrawal_is_foretold(sealed: SealedHaven, kind: str, series: int, recalled: list[str]) -> None:
    """Which originals would go, which releases would be recalled; nobody is asked to confirm."""
    with opened_haven(sealed.path) as haven:
        person = next(one.id for one in haven.books.participants("p1") if len(haven.books.series_of(one.id)) == 2)
    before = everything(sealed)
    words = ("withdraw", "p1", person, "--kind", kind, "--by", "C", "--dry-run")
    told = said(sealed, consent.command, *words)
    assert (told["participant"], told["kind"], told["dry_run"]) == (person, kind, True)
    would = told["would"]
    assert (would["series"], would["files"], would["releases"]) == (series, series * 4, recalled)
    text = CliRunner().invoke(consent.command, [*words, "--haven", str(sealed.path)])
    assert "nothing was done (--dry-run)" in text.stdout
    assert everything(sealed) == before


def test_an_ingest_is_foretold_in_one_object(sealed: SealedHaven, tmp_path: Path) -> None:
    """As every command's --json: no sentence beside it."""
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "note.txt").write_text("x")
    told = said(sealed, ingest.command, "p1", tmp_path / "scans", "--dry-run", "--quiet", "--workers", "1")
    assert (told["project"], told["dry_run"], told["series"]) == ("p1", True, [])
    assert [one["files"] for one in told["set_aside"]] == [1]


def test_a_machine_without_a_key_is_not_told_that_the_vault_is_damaged(sealed: SealedHaven) -> None:
    """Exit code 3 means damage: what is missing here is a word of the command."""
    (sealed.keys / "worker.agekey").unlink()
    done = CliRunner().invoke(vault.command, ["verify", "--haven", str(sealed.path)])
    assert isinstance(done.exception, FiveSafesError)
    assert done.exception.exit_code == 2
    assert "--identity" in done.exception.fix


@pytest.mark.parametrize("named", [[], ["--reason", "x"]])
def test_nobody_is_asked_about_a_disposal_that_may_not_be(sealed: SealedHaven, named: list[str]) -> None:
    """Who answers "yes" to destroying everything should not learn then that it was no question."""
    done = CliRunner().invoke(
        project.command, ["dispose", "p1", "--by", "C", *named, "--haven", str(sealed.path)], input="y\n"
    )
    assert isinstance(done.exception, FiveSafesError)
    assert done.exception.exit_code == 3
    assert "Destroy" not in done.output


def test_who_disposes_has_a_name(sealed: SealedHaven) -> None:
    """It stands in the certificate."""
    done = CliRunner().invoke(project.command, ["dispose", "p1", "--by", " ", "--haven", str(sealed.path)], input="y\n")
    assert isinstance(done.exception, FiveSafesError)
    assert done.exception.exit_code == 2
