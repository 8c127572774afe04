"""``fivesafes backup``: what it says to people and to programs."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner, Result

from fivesafes.core.errors import FiveSafesError, TryAgain, UsageMistake
from fivesafes.interfaces.cli.backup import _in_words, command
from fivesafes.setting.vault.seal import Identity
from fivesafes.stores.backup import KeptAway, Manifest, Restored
from fivesafes.stores.haven_file import read_haven_file
from fivesafes.wiring.found import Founding, found_haven

Run = Callable[..., Result]


@pytest.fixture
def haven(tmp_path: Path) -> Path:
    """Make a haven."""
    path = tmp_path / "haven"
    found_haven(Founding(path=path, custodians={name: Identity.made().recipient for name in ("one", "two")}))
    return path


@pytest.fixture
def run(haven: Path) -> Run:
    """Give what runs the command in that haven; what was refused is raised."""

    def run_(*words: str | Path, at_haven: bool = True) -> Result:
        line = [*map(str, words), *(["--haven", str(haven)] if at_haven else [])]
        result = CliRunner().invoke(command, line)
        if isinstance(result.exception, FiveSafesError):
            raise result.exception
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run_


def test_where_keys_were_copied_to_is_told_unless_the_haven_names_it(run: Run, haven: Path, tmp_path: Path) -> None:
    """A folder below one that is named is named."""
    assert "has written down where this folder is" in run("keys", tmp_path / "keys").stderr
    assert not json.loads(run("keys", tmp_path / "keys", "--json").stdout)["named"]
    description = haven / "haven.toml"
    description.write_text(
        description.read_text().replace("key_backups = []", f'key_backups = ["{tmp_path / "safe"}"]')
    )
    assert json.loads(run("keys", tmp_path / "safe" / "2026", "--json").stdout)["named"]


def test_a_folder_of_keys_can_be_forgotten_once(run: Run, tmp_path: Path) -> None:
    """One that was not written down is told as that."""
    run("keys", tmp_path / "keys")
    assert "forgotten" in run("forget", tmp_path / "keys").stdout
    with pytest.raises(UsageMistake, match="no copy of the keys"):
        run("forget", tmp_path / "keys")


def test_a_restore_tells_in_numbers_what_is_lost(run: Run, tmp_path: Path) -> None:
    """The entry that tells of the backup itself is the first that it lacks."""
    run("data", tmp_path / "disk" / "data", "--quiet")
    run("keys", tmp_path / "keys")
    words = (tmp_path / "disk" / "data", "--keys", tmp_path / "keys", "--quiet")
    told = json.loads(run("restore", *words, tmp_path / "back", "--json", at_haven=False).stdout)
    assert (told["kept_away"], told["narrowed"], told["disposed"], told["keys_missing"]) == (0, 0, 0, 0)
    assert (told["trail"], told["trail_seen"], told["trail_lost"]) == (1, 2, 1)
    assert (told["withdrawals_known"], told["withdrawals_unknown"]) == (2, 0)
    said = run("restore", *words, tmp_path / "again", at_haven=False).stdout
    assert "entries of the trail: 1; the most that anybody saw: 2; lost: 1" in said
    assert "of later ones nothing is known here" in said
    assert "WARNING" not in said


def test_a_damaged_key_is_told_with_the_way_back(run: Run, haven: Path, tmp_path: Path) -> None:
    """Exit code 5, and its name: a person puts the copy in its place."""
    run("keys", tmp_path / "keys")
    key = haven / "keyring" / "haven.trail.age"
    key.write_bytes(b"")
    done = run("keys", tmp_path / "keys")
    assert done.exit_code == 5
    assert f"put {tmp_path / 'keys' / 'keyring'}/NAME" in done.stderr
    assert "haven.trail.age" in done.stderr
    told = run("keys", tmp_path / "keys", "--json")
    assert (told.exit_code, json.loads(told.stdout)["damaged"]) == (5, ["haven.trail.age"])
    shutil.copy(tmp_path / "keys" / "keyring" / "haven.trail.age", key)
    assert run("keys", tmp_path / "keys").exit_code == 0


def test_a_copy_of_the_keys_that_is_away_is_done_without_by_a_persons_word_only(run: Run, tmp_path: Path) -> None:
    """The restore names it, and so do its end and its JSON."""
    run("data", tmp_path / "disk" / "data", "--quiet")
    run("keys", tmp_path / "keys")
    here = (tmp_path / "keys").rename(tmp_path / "moved")
    words = (tmp_path / "disk" / "data", "--keys", here, "--quiet")
    with pytest.raises(TryAgain, match="--without FOLDER"):
        run("restore", *words, tmp_path / "back", at_haven=False)
    without = ("--without", tmp_path / "keys")
    told = json.loads(run("restore", *words, *without, tmp_path / "back", "--json", at_haven=False).stdout)
    assert told["places_unread"] == [str(tmp_path / "keys")]
    assert "not read: " in run("restore", *words, *without, tmp_path / "again", at_haven=False).stdout


def test_what_cannot_be_known_is_said_plainly(haven: Path) -> None:
    """With how many entries, and what to do."""
    done = Restored(
        haven=read_haven_file(haven),
        manifest=Manifest(haven="h", generation="g", made_at=datetime(2026, 6, 1, tzinfo=UTC), trail=5, files={}),
        away=KeptAway(withdrawn=1, narrowed=2, disposed=3),
        trail=5,
        seen=12,
        known=9,
        told_at=datetime(2026, 6, 2, tzinfo=UTC),
        keys_missing=4,
    )
    said = "\n".join(_in_words(done))
    for part in ("brought back: 1", "again: 2", "again: 3", "lost: 7", "entry 9", "after that: 3 at least", "lacks: 4"):
        assert part in said
    assert "WARNING" not in "\n".join(_in_words(evolve(done, known=12, keys_missing=0)))


def test_an_original_that_the_books_name_and_nobody_has_is_told_with_an_exit_code(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the backup and by the restore, in words and to programs; what there is is kept all the same."""
    for place in ("data", "restoration"):
        monkeypatch.setattr(f"fivesafes.stores.backup.{place}.owed", lambda: {"ab/name"})
    keys, data = tmp_path / "safe" / "keys", tmp_path / "disk" / "data"
    run("keys", keys)
    said = run("data", data)
    assert (said.exit_code, "and 1 must come from an older copy" in said.stderr) == (5, True)
    assert json.loads(run("data", data, "--json").stdout)["lost"] == 1
    words = ("restore", data, "--keys", keys)
    back = run(*words, tmp_path / "back", at_haven=False)
    assert (back.exit_code, "this backup lacks: 1" in back.stdout) == (5, True)
    assert (tmp_path / "back" / "haven.toml").is_file()
    told = run(*words, tmp_path / "again", "--json", at_haven=False)
    assert (told.exit_code, json.loads(told.stdout)["lost"], json.loads(told.stdout)["damaged"]) == (5, 1, [])
