"""``fivesafes vault``: what custodians do, as they do it, and what they are told."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from click.testing import CliRunner
from tests.setting.vault.havens import SealedHaven, make_haven

from fivesafes.core.errors import FiveSafesError
from fivesafes.core.event import Event
from fivesafes.flow.sealed import sealed_in
from fivesafes.interfaces.cli.vault import command
from fivesafes.setting.vault.seal import Identity
from fivesafes.setting.vault.vault import object_name
from fivesafes.stores.models import Instance
from fivesafes.wiring.haven import opened_haven

CLEO = Identity.made()


@frozen(kw_only=True)
class Said:
    """What a command said: its exit code, its standard output, all that it wrote."""

    code: int
    out: str
    all: str

    @property
    def json(self) -> Mapping[str, Any]:
        """The one object that it printed."""
        answer: Mapping[str, Any] = json.loads(self.out)
        return answer


Vault = Callable[..., Said]


@pytest.fixture
def haven(tmp_path: Path) -> SealedHaven:
    """Make a haven with the custodians Ada and Ben."""
    return make_haven(tmp_path)


@pytest.fixture
def vault(haven: SealedHaven) -> Vault:
    """Run ``fivesafes vault`` at the haven."""

    def run(*words: str | Path) -> Said:
        done = CliRunner().invoke(command, [*map(str, words), "--haven", str(haven.path)])
        if isinstance(done.exception, FiveSafesError):
            return Said(code=done.exception.exit_code, out=done.stdout, all=done.output + str(done.exception))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Said(code=done.exit_code, out=done.stdout, all=done.output)

    return run


def events(haven: SealedHaven, verb: str) -> list[Event]:
    """Give the events of one verb."""
    with opened_haven(haven.path) as opened:
        told: list[Event] = []
        while (event := opened.books.told(len(told))) is not None:
            told.append(event)
    return [event for event in told if event.verb == verb]


def standings(vault: Vault) -> dict[str, str]:
    """Give who stands where, as the command says it."""
    return {one["name"]: one["standing"] for one in vault("custodians", "--json").json["custodians"]}


def test_custodians_are_listed_with_their_public_keys(vault: Vault) -> None:
    """For people and for programs."""
    assert standings(vault) == {"Ada": "custodian", "Ben": "custodian", "worker": "worker"}
    assert "age1" in vault("custodians").out
    assert "SECRET" not in vault("custodians").all


def test_a_custodian_joins_and_another_leaves(vault: Vault, haven: SealedHaven) -> None:
    """Keys come from files; the trail knows whose hand it was."""
    ada = haven.identities["Ada"]
    added = vault("add-custodian", "Cleo", CLEO.recipient, "--identity", ada, "--by", "Ada A.", "--json")
    assert added.json == {"schema": 1, "keys": 6, "dry_run": False}
    removed = vault("remove-custodian", "Ben", "--identity", ada)
    assert "6 keys were sealed anew; no original was touched" in removed.out
    assert standings(vault) == {"Ada": "custodian", "worker": "worker", "Cleo": "custodian"}
    assert [event.actor for event in events(haven, "custody")] == ["Ada A."] * 2 + ["fivesafes vault"] * 2
    stranger = vault("verify", "--all", "--identity", haven.identities["Ben"])
    assert stranger.code == 3
    assert "this identity is nobody's here" in stranger.all
    assert "damaged:" not in stranger.all
    assert vault("verify", "--all", "--identity", ada, "--json").code == 0


def test_the_second_last_stays_and_the_reason_is_told(vault: Vault, haven: SealedHaven) -> None:
    """Exit code 3, also for the dry run."""
    for more in ([], ["--dry-run"]):
        refused = vault("remove-custodian", "Ben", "--identity", haven.identities["Ada"], *more)
        assert refused.code == 3
        assert "2 are the least" in refused.all


def test_dry_runs_change_nothing(vault: Vault, haven: SealedHaven) -> None:
    """No file, no row, no event."""
    before = {path: path.stat().st_mtime_ns for path in (haven.path / "keyring").rglob("*.age")}
    ada = haven.identities["Ada"]
    dry = vault("add-custodian", "Cleo", CLEO.recipient, "--identity", ada, "--dry-run", "--json")
    assert dry.json["dry_run"] is True
    assert "would be" in vault("rotate", "--worker", "--dry-run").out
    assert "would be" in vault("rotate", "Ben", CLEO.recipient, "--identity", ada, "--dry-run").out
    assert {path: path.stat().st_mtime_ns for path in (haven.path / "keyring").rglob("*.age")} == before
    assert sorted(path.name for path in haven.keys.iterdir()) == ["address.key", "trail.key", "worker.agekey"]
    assert events(haven, "custody") == []


def test_keys_are_exchanged(vault: Vault, haven: SealedHaven) -> None:
    """A custodian's, and the worker's; the keeper works with the new one."""
    assert vault("rotate", "Ben", CLEO.recipient, "--identity", haven.identities["Ben"]).code == 0
    assert vault("rotate", "--worker").code == 0
    assert vault("verify", "--all", "--json").json["opened"] == 16


@pytest.mark.parametrize("words", [[], ["Ben"], ["Ben", "age1x"], ["--worker", "Ben", "age1x"]])
def test_a_rotation_without_its_words_is_a_usage_mistake(vault: Vault, words: list[str]) -> None:
    """Exit code 2 and what to write."""
    said = vault("rotate", *words)
    assert said.code == 2
    assert "NAME RECIPIENT" in said.all


def test_verification_says_what_is_wrong_and_where(vault: Vault, haven: SealedHaven) -> None:
    """By exit code, by JSON, and in words; by the keeper when no identity is given."""
    whole = vault("verify", "--json")
    assert (whole.code, whole.json["objects"], whole.json["opened"], whole.json["damaged"]) == (0, 16, 16, [])
    with opened_haven(haven.path) as opened:
        one = next(sealed_in(opened.books))
    (haven.path / "vault" / object_name(one.addresses[0], one.recipient)).write_bytes(b"age-encryption.org/v1\n" * 20)
    words = ("verify", "--identity", haven.identities["Ada"])
    broken = vault(*words, "--all", "--json")
    assert broken.code == 3
    assert [(damage["series"], damage["number"]) for damage in broken.json["damaged"]] == [(one.series, 1)]
    said = vault(*words, "--all")
    assert "[refuse] setting.vault.damaged" in said.out
    assert "restore these objects" in said.out
    assert vault(*words, "--all", "--sample", "3").code == 2
    assert vault(*words, "--sample", "0", "--json").json["opened"] == 0


def test_strays_ask_for_a_look_and_go_when_told(vault: Vault, haven: SealedHaven) -> None:
    """Exit code 6, then 0."""
    with opened_haven(haven.path) as opened:
        opened.vault("p1").keep([b"left by a kill"], recipient=CLEO.recipient)
    words = ("verify", "--json", "--identity", haven.identities["Ada"])
    assert vault(*words).code == 6
    cleaned = vault(*words, "--clean")
    assert (cleaned.code, cleaned.json["cleaned"], cleaned.json["stray_objects"]) == (0, True, 1)
    assert vault(*words).json["stray_objects"] == 0


def test_stats_count_objects_bytes_and_keys(vault: Vault) -> None:
    """Two people and the quarantine."""
    counted = vault("stats", "--json").json
    assert (counted["objects"], counted["recipients"]) == (16, 3)
    assert counted["bytes"] > 16 * 200
    assert "16 objects" in vault("stats").out


def test_originals_are_handed_back_once_the_trail_says_so(vault: Vault, haven: SealedHaven, tmp_path: Path) -> None:
    """Byte for byte, for this user alone; who and why are told."""
    series, contents = next(iter(haven.contents.items()))
    words = ("get", "p1", series, "--to", tmp_path / "out", "--identity", haven.identities["Ben"], "--by", "Ben B.")
    dry = vault(*words, "--reason", "incidental finding 7", "--json", "--dry-run")
    assert (dry.json["dry_run"], (tmp_path / "out").exists(), events(haven, "unseal")) == (True, False, [])
    given = vault(*words, "--reason", "incidental finding 7", "--json")
    assert given.json == {"schema": 1, "project": "p1", "series": series, "files": 4, "dry_run": False}
    assert [path.read_bytes() for path in sorted((tmp_path / "out").iterdir())] == list(contents)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {0o600}
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    begun, event = events(haven, "unseal")
    assert (begun.outcome, event.outcome) == ("begun", "handed back")
    assert (event.actor, event.purpose, event.object) == ("Ben B.", "incidental finding 7", f"series {series}")
    assert event.facts == {"proved": "Ben"}


def test_originals_do_not_go_where_they_must_not(vault: Vault, haven: SealedHaven, tmp_path: Path) -> None:
    """Into the haven, over something, for no reason, by a stranger's key, of no series: nothing is told or written."""
    series = next(iter(haven.contents))
    ben, out = haven.identities["Ben"], tmp_path / "out"
    stranger = tmp_path / "stranger"
    stranger.touch(mode=0o600)
    stranger.write_text(CLEO.reveal())
    (tmp_path / "taken").mkdir()
    (tmp_path / "link").symlink_to(haven.path / "projects")
    for to in (haven.path / "out", haven.path, tmp_path / "link" / "out", tmp_path / "taken", tmp_path / "no" / "out"):
        assert vault("get", "p1", series, "--to", to, "--identity", ben, "--reason", "x").code == 2
    assert vault("get", "p1", series, "--to", out, "--identity", ben, "--reason", " ").code == 2
    assert vault("get", "p1", "ff" * 8, "--to", out, "--identity", ben, "--reason", "x").code == 2
    assert vault("get", "other", series, "--to", out, "--identity", ben, "--reason", "x").code == 2
    assert vault("get", "p1", series, "--to", out, "--identity", stranger, "--reason", "x").code == 4
    ben.chmod(0o644)
    assert vault("get", "p1", series, "--to", out, "--identity", ben, "--reason", "x").code == 4
    assert events(haven, "unseal") == []
    assert not out.exists()


def test_a_damaged_series_is_told_and_not_handed_back_by_halves(
    vault: Vault, haven: SealedHaven, tmp_path: Path
) -> None:
    """No folder with three of four originals."""
    with opened_haven(haven.path) as opened:
        one = next(sealed_in(opened.books))
    (haven.path / "vault" / object_name(one.addresses[3], one.recipient)).unlink()
    words = ("get", "p1", one.series, "--to", tmp_path / "out", "--identity", haven.identities["Ada"], "--reason", "x")
    assert vault(*words).code == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["custodians", "haven"]
    assert [event.outcome for event in events(haven, "unseal")] == ["begun", "failed"]


def test_the_page_and_its_manifest_are_written(vault: Vault, tmp_path: Path) -> None:
    """Neither holds a secret or what identifies; the page names the custodians."""
    page = tmp_path / "recovery.md"
    assert vault("recover", "--page", page, "--json", "--dry-run").json["objects"] == 16
    assert not page.exists()
    assert vault("recover", "--page", page, "--json").json["objects"] == 16
    text = page.read_text(encoding="utf-8") + (tmp_path / "recovery.tsv").read_text(encoding="utf-8")
    assert "- Ada\n- Ben\n" in text
    assert not re.search(r"AGE-SECRET-KEY-1[0-9A-Z]|CANARY|worker", text)
    assert vault("recover", "--page", tmp_path / "x.tsv").code == 2
    assert vault("recover", "--page", tmp_path / "no" / "page.md").code == 4


def exchange_originals(haven: SealedHaven) -> tuple[str, str]:
    """Exchange an original between two series of one person, as somebody with a database's shell would."""
    one, _, other = haven.contents
    with opened_haven(haven.path):
        rows = [Instance.objects.get(series_id=series, number=0) for series in (one, other)]
        addresses = [bytes(row.address) for row in rows]
        for row, address in zip(rows, reversed(addresses), strict=True):
            Instance.objects.filter(pk=row.pk).update(address=address)
    return one, other


def test_what_the_trail_does_not_tell_is_neither_handed_back_nor_passed_as_whole(
    vault: Vault, haven: SealedHaven, tmp_path: Path
) -> None:
    """Verify names it, get refuses, the page marks it; and no rows at all are told as no less."""
    one, other = exchange_originals(haven)
    found = vault("verify", "--all", "--json", "--identity", haven.identities["Ada"])
    assert (found.code, found.json["damaged"]) == (3, [])
    assert found.json["not_as_told"] == [{"project": "p1", "series": one}, {"project": "p1", "series": other}]
    assert "not as the trail tells" in vault("verify").out
    words = ("--to", tmp_path / "out", "--identity", haven.identities["Ben"], "--reason", "x")
    assert vault("get", "p1", one, *words).code == 3
    with opened_haven(haven.path):
        Instance.objects.filter(series_id=other).delete()
    assert vault("get", "p1", other, *words).code == 3
    assert (events(haven, "unseal"), (tmp_path / "out").exists()) == ([], False)
    page = vault("recover", "--page", tmp_path / "page.md", "--json")
    assert (page.code, page.json["not_as_told"]) == (6, 2)
    lines = (tmp_path / "page.tsv").read_text(encoding="utf-8").splitlines()[1:]
    marked = {line.split("\t")[1] for line in lines} - {next(iter(set(haven.contents) - {one, other})), "-"}
    assert marked == {f"{one}.not-as-told", f"{other}.not-as-told"}


def test_a_damaged_key_is_told_by_its_file_and_damaged_objects_are_moved_aside_when_asked(
    vault: Vault, haven: SealedHaven
) -> None:
    """Each with its own fix: the backup of the keys; the same scans again."""
    with opened_haven(haven.path) as opened:
        one = next(sealed_in(opened.books))
    path = haven.path / "vault" / object_name(one.addresses[0], one.recipient)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    moved = vault("verify", "--all", "--move-damaged", "--json")
    assert (moved.code, moved.json["moved_now"], path.exists()) == (3, 1, False)
    assert vault("verify", "--json").json["moved_aside"] == 1
    (event,) = events(haven, "damage")
    assert (event.object, event.outcome) == (f"series {one.series}", "moved aside")
    (haven.path / "keyring" / one.key).write_bytes(b"age-encryption.org/v1\n")
    broken = vault("verify", "--all", "--json")
    assert [(key["key"], key["objects"]) for key in broken.json["keys_damaged"]] == [(one.key, 9)]
    assert "restore these files of keyring/" in vault("verify").out


def test_a_worker_that_is_removed_is_told_what_that_means(vault: Vault, haven: SealedHaven) -> None:
    """The command goes through, for a haven may only take scans in, and says how a new one comes."""
    removed = vault("remove-custodian", "worker", "--identity", haven.identities["Ada"], "--by", "Ada Example")
    assert removed.code == 0
    assert "vault rotate --worker --identity" in removed.all
    told = vault("verify", "--quiet")
    assert told.code == 3
    assert "removed, or exchanged elsewhere" in told.all


def test_verify_can_be_quiet(vault: Vault) -> None:
    """As ingest can: the answer alone."""
    said = vault("verify", "--quiet")
    assert said.code == 0
    assert said.all == said.out
