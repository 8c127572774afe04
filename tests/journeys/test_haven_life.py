"""A haven over the years: copied and brought back, worked on by several, and a project's end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.databases import HavenDatabase
from tests.journeys.havens import Haven
from tests.journeys.studies import Study

from fivesafes.data.residue.needles import Needles
from fivesafes.data.residue.search import search


@pytest.fixture
def haven(tmp_path: Path) -> Haven:
    """Make a haven on SQLite; what depends on the kind of database is tested with the stores."""
    return Haven(folder=tmp_path, database=HavenDatabase(kind="sqlite", config={}, named="sqlite")).made()


def test_a_backup_brings_the_originals_back_and_nobody_who_withdrew(
    haven: Haven, two_people: Study, tmp_path: Path
) -> None:
    """Data and keys from two places; who withdrew after the backup stays away; a test of it stands in the trail."""
    haven.taking(two_people)
    identity = haven.custodian()
    haven.done("backup", "data", tmp_path / "data", "--quiet")
    haven.done("backup", "keys", tmp_path / "safe" / "sealed-keys")
    assert not list((tmp_path / "data").rglob("*.agekey"))
    assert not [path for path in (tmp_path / "data").rglob("*") if "keyring" in path.parts]
    tested = haven.done(
        "backup", "test", tmp_path / "data",
        "--keys", tmp_path / "safe" / "sealed-keys", "--identity", identity, "--json", "--quiet",
    )  # fmt: skip
    assert tested.json["equal"]
    assert tested.json["opened"] > 100
    gone = two_people.planted[0].participant_id
    haven.done("consent", "withdraw", "journey", "--kind", "full", "--by", "Dr C", "--yes", "--json", stdin=f"{gone}\n")
    haven.done("backup", "keys", tmp_path / "safe" / "sealed-keys")
    elsewhere = Haven(folder=tmp_path / "elsewhere", database=haven.database)
    elsewhere.folder.mkdir()
    answer = elsewhere.done(
        "backup", "restore", tmp_path / "data", elsewhere.path,
        "--keys", tmp_path / "safe" / "sealed-keys", "--identity", identity, "--json", "--quiet",
    )  # fmt: skip
    assert answer.json["kept_away"] == 1
    people = elsewhere.done("consent", "show", "journey", "--json").json["participants"]
    assert sorted(one["state"] for one in people) == ["active", "withdrawn"]
    assert not list(search(elsewhere.path, Needles.of({gone})))
    elsewhere.done("vault", "rotate", "--worker", "--identity", identity)
    assert elsewhere.run("vault", "verify", "--all").code == 0
    ready = elsewhere.done("process", "journey", "--workers", "1", "--quiet", "--json")
    assert "ready" in {series["status"] for series in ready.json["series"]}
    assert elsewhere.run("trail", "verify").code == 0


def test_a_damaged_backup_is_not_restored(haven: Haven, study: Study, tmp_path: Path) -> None:
    """One flipped bit anywhere: told, and nothing appears."""
    haven.taking(study)
    haven.done("backup", "data", tmp_path / "data", "--quiet")
    haven.done("backup", "keys", tmp_path / "safe" / "sealed-keys")
    files = (path for path in (tmp_path / "data").rglob("*") if path.is_file())
    victim = max(files, key=lambda one: one.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(content)
    answer = haven.run(
        "backup",
        "restore",
        tmp_path / "data",
        tmp_path / "back",
        "--keys",
        tmp_path / "safe" / "sealed-keys",
        "--quiet",
    )
    assert answer.code == 4
    assert not (tmp_path / "back").exists()


def test_two_workers_share_a_project_and_each_series_is_done_once(haven: Haven, two_people: Study) -> None:
    """Both end well; the trail tells of each series once; then the project is assessed."""
    haven.taking(two_people)
    environment = {"FIVESAFES_KEYS": str(haven.keys), "FIVESAFES_HAVEN": str(haven.path)}
    words = [sys.executable, "-m", "fivesafes", "worker", "journey", "--once", "--workers", "1", "--quiet"]
    workers = [subprocess.Popen(words, env={**os.environ, **environment}) for _ in range(2)]
    assert all(worker.wait(timeout=300) in {0, 5} for worker in workers)
    counts = haven.done("status", "--json").json["projects"][0]["jobs"]
    assert set(counts) == {"done"}
    answer = haven.done("process", "journey", "--workers", "1", "--quiet", "--json")
    assert "ready" in {series["status"] for series in answer.json["series"]}
    haven.done("trail", "export", haven.folder / "exported")
    lines = (haven.folder / "exported" / "trail.jsonl").read_text().splitlines()
    done = [line for line in lines if '"verb":"process"' in line and '"outcome":"ready"' in line]
    assert len(done) == counts["done"]


def test_a_project_is_disposed_of_with_a_certificate(haven: Haven, study: Study) -> None:
    """Before its day only with a reason and two custodians; afterwards nothing of it opens, and it takes nothing in."""
    (study.scans / "notes.txt").write_text("set aside, and sealed to the project")
    haven.taking(study)
    refused = haven.run("project", "dispose", "journey", "--by", "Dr C", "--yes")
    assert refused.code == 3
    named = (
        "--identity",
        haven.custodian(1),
        "--identity",
        haven.custodian(2),
        "--reason",
        "the committee asked for it",
    )
    typed = haven.run("project", "dispose", "journey", "--by", "Dr C", "--yes", *named[:2], *named[4:])
    assert typed.code == 3
    answer = haven.done("project", "dispose", "journey", "--by", "Dr C", "--yes", "--json", *named)
    assert answer.json["certificate"]
    assert not [name for name in haven.files() if name.startswith("vault/") and "aside" not in name]
    assert not [name for name in haven.files() if name.startswith(("keyring/participants", "keyring/projects"))]
    verified = haven.run("vault", "verify", "--identity", haven.custodian())
    assert verified.code == 0, verified.stderr  # what is gone on purpose is not missed
    assert haven.run("ingest", "journey", study.scans, "--quiet").code == 3
    assert haven.run("process", "journey", "--quiet").code == 3
    assert haven.run("trail", "verify").code == 0
