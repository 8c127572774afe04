"""The way by a haven, as a user goes it: sealed, processed, released; withdrawn, and nothing left that finds."""

import hashlib
import json
import subprocess
from pathlib import Path

import pyrage  # type: ignore[import-untyped] # a compiled module without stubs
import pytest
from tests.databases import HavenDatabase
from tests.journeys.havens import Haven
from tests.journeys.studies import Answer, Study

from fivesafes.data.residue.needles import Needles
from fivesafes.data.residue.search import search


@pytest.fixture
def haven(tmp_path: Path, haven_database: HavenDatabase) -> Haven:
    """Make a haven on each kind of database."""
    return Haven(folder=tmp_path, database=haven_database).made()


def names_of(study: Study, number: int = 0) -> Needles:
    """Give what finds one participant: id, names, UIDs, dates, addresses."""
    return Needles.of({value.text for value in study.planted[number].values if len(value.text) > 5})


def rows_of(haven: Haven, into: Path) -> Path:
    """Write the whole database as text, whatever its kind, so that it can be searched."""
    into.mkdir(exist_ok=True)
    if haven.database.kind == "postgresql":
        name = str(haven.database.config["NAME"])
        server = str(haven.database.config["OPTIONS"].get("host") or haven.database.config["HOST"])
        user = str(haven.database.config["USER"])
        dump = subprocess.run(["pg_dump", "-h", server, "-U", user, name], capture_output=True, check=True)
        (into / "dump.sql").write_bytes(dump.stdout)
    return into


def images(folder: Path) -> dict[str, str]:
    """Digest the data of a release, without what tells of this very release."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "fivesafes" not in path.parts
    }


def test_what_leaves_a_haven_is_what_a_run_lets_out_and_nothing_rests_in_clear(
    haven: Haven, study: Study, finished: tuple[Study, Answer], tmp_path: Path
) -> None:
    """The release equals that of ``fivesafes run`` byte for byte; no name stands in haven, keys or database."""
    haven.taking(study)
    haven.done("process", "journey", "--workers", "1", "--quiet")
    answer = haven.done("release", "journey", "--to", tmp_path / "release", "--workers", "1", "--quiet", "--json")
    assert answer.json["release"] == str(tmp_path / "release")
    assert images(tmp_path / "release") == images(finished[0].out / "release")
    assert not list(search(haven.path, names_of(study)))
    assert not list(search(haven.keys, names_of(study)))
    assert not list(search(rows_of(haven, tmp_path / "rows"), names_of(study)))
    assert not [name for name, content in haven.files().items() if content[128:132] == b"DICM"]
    assert not list(haven.path.glob("projects/*/private/scratch-*"))
    verified = haven.done("trail", "verify", "--json")
    assert verified.json["entries"] > 5


def test_a_participant_who_withdraws_leaves_nothing_that_finds_or_opens(
    haven: Haven, two_people: Study, tmp_path: Path
) -> None:
    """After withdrawal: no key, no object, no name; a recall notice; re-ingest refused; the other one goes on."""
    study = two_people
    haven.taking(study)
    haven.done("release", "journey", "--to", tmp_path / "first", "--workers", "1", "--quiet")
    gone = study.planted[0].participant_id
    before = {name: content for name, content in haven.files().items() if name.startswith("vault/")}
    objects = len(before)
    answer = haven.done(
        "consent", "withdraw", "journey", "--kind", "full", "--by", "Dr Custodian", "--yes", "--json", stdin=f"{gone}\n"
    )
    assert answer.json["done"]
    label = answer.json["subject"]
    assert len([name for name in haven.files() if name.startswith("vault/")]) < objects
    assert not list(search(haven.path, names_of(study, 0)))
    assert not list(search(rows_of(haven, tmp_path / "rows"), names_of(study, 0)))
    assert not _opened_by_anybody(haven, before)
    letters = {name: content for name, content in haven.files().items() if name.startswith("documents/")}
    notices = [content.decode() for name, content in letters.items() if name.endswith(".txt")]
    assert any(label in text and "first" in text for text in notices)
    again = haven.run("ingest", "journey", study.scans / "scanner1", "--workers", "1", "--quiet", "--json")
    assert again.code == 3
    assert {series["status"] for series in again.json["series"]} == {"refused"}
    haven.done("release", "journey", "--to", tmp_path / "second", "--workers", "1", "--quiet")
    assert (tmp_path / "first" / label).exists()
    assert not (tmp_path / "second" / label).exists()
    assert len(list((tmp_path / "second").glob("sub-*"))) == 1
    assert haven.run("trail", "verify").code == 0


def _opened_by_anybody(haven: Haven, before: dict[str, bytes]) -> list[str]:
    """Try every key that is left, opened by a custodian, on every object that was there before and is gone now."""
    custodian = pyrage.x25519.Identity.from_str(haven.custodian().read_text().splitlines()[-1])
    identities = []
    for path in haven.path.glob("keyring/**/*.age"):
        text = pyrage.decrypt(path.read_bytes(), [custodian])
        if text.startswith(b"AGE-SECRET-KEY"):
            identities.append(pyrage.x25519.Identity.from_str(text.decode().strip()))
    now = haven.files()
    opened = []
    for name, content in before.items():
        if name not in now:
            try:
                pyrage.decrypt(content, identities)
            except pyrage.DecryptError:
                continue
            opened.append(name)
    return opened


@pytest.fixture
def sqlite_haven(tmp_path: Path, migrated_sqlite: Path) -> Haven:
    """Make a haven on SQLite, for what does not depend on the kind of database."""
    kind = HavenDatabase(kind="sqlite", config={}, named="sqlite")
    assert migrated_sqlite.exists()
    return Haven(folder=tmp_path, database=kind).made()


def test_scans_without_consent_are_sealed_and_wait_until_consent_comes(sqlite_haven: Haven, study: Study) -> None:
    """Quarantined with the reason; once the consent is imported the series go their way."""
    table = (study.folder / "consent.csv").read_text()
    study.consent("SOMEBODY-ELSE,NRES,no,2026-01-01/..,")
    sqlite_haven.done("project", "add", study.folder / "STUDY.toml")
    answer = sqlite_haven.run("ingest", "journey", study.scans, "--workers", "1", "--quiet", "--json")
    assert answer.code == 5
    assert {series["status"] for series in answer.json["series"]} == {"quarantined"}
    assert sqlite_haven.run("process", "journey", "--workers", "1", "--quiet").code == 3
    report = json.loads((sqlite_haven.path / "projects/journey/private/report.json").read_text())
    assert report["participants"] == {"received": 1, "refused": 1, "released": 0}
    (study.folder / "consent.csv").write_text(table)
    sqlite_haven.done("consent", "import", "journey", study.folder / "consent.csv")
    answer = sqlite_haven.done("process", "journey", "--workers", "1", "--quiet", "--json")
    assert "ready" in {series["status"] for series in answer.json["series"]}


def test_two_projects_hold_nothing_that_joins_them(sqlite_haven: Haven, study: Study) -> None:
    """The same scans in two projects: no id, address, recipient or pseudonym in common."""
    form = (study.folder / "STUDY.toml").read_text()
    sqlite_haven.taking(study)
    (study.folder / "STUDY.toml").write_text(form.replace('id = "journey"', 'id = "another"'))
    sqlite_haven.done("project", "add", study.folder / "STUDY.toml")
    sqlite_haven.run("ingest", "another", study.scans, "--workers", "1", "--quiet")
    from fivesafes.stores.books import DjangoBooks  # noqa: PLC0415 - only this test looks inside
    from fivesafes.stores.database import opened_database, sqlite_config  # noqa: PLC0415 - as above

    with opened_database(sqlite_config(sqlite_haven.path / "state.sqlite3")):
        books = DjangoBooks()
        held = []
        for project in ("journey", "another"):
            people = books.participants(project)
            series = books.series(project)
            words = {one.id for one in people} | {one.recipient for one in people}
            words |= {one.id for one in series} | {one.digest for one in series}
            held.append(words | {address.hex() for address in books.addresses(project)})
    assert len(held[0]) > 20
    assert not held[0] & held[1]


def test_an_incidental_finding_is_followed_by_a_custodian_with_a_reason_and_leaves_a_trace(
    sqlite_haven: Haven, study: Study
) -> None:
    """The name is shown to a custodian's key alone, and the trail says who asked why."""
    sqlite_haven.taking(study)
    sqlite_haven.run("process", "journey", "--workers", "1", "--quiet")
    label = sqlite_haven.done("consent", "show", "journey", "--json").json["participants"][0]["subject"]
    asked = ("project", "reidentify", "journey", label, "--reason", "incidental finding 2026-17")
    refused = sqlite_haven.run(*asked)
    assert refused.code == 2
    answer = sqlite_haven.done(*asked, "--identity", sqlite_haven.custodian(), "--json")
    assert answer.json["participant"] == study.planted[0].participant_id
    lines = sqlite_haven.done("trail", "export", sqlite_haven.folder / "exported")
    assert lines.code == 0
    trail = b"".join(path.read_bytes() for path in (sqlite_haven.folder / "exported").rglob("*") if path.is_file())
    assert b"incidental finding 2026-17" in trail
    assert study.planted[0].participant_id.encode() not in trail
