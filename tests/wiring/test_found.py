"""A new haven is durable when it is there: its description, its keys, and the names of both."""

import os
from pathlib import Path
from typing import Any

import pytest

from fivesafes.core.errors import UsageMistake
from fivesafes.setting.keyring import keys_folder
from fivesafes.setting.vault.seal import Identity
from fivesafes.stores.haven_file import read_haven_file
from fivesafes.wiring.found import Founding, check_founding, found_haven

ADA, BEN = (Identity.made().recipient for _ in range(2))


def test_what_was_made_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """haven.toml, each key and every folder on the way to them are synced; the haven before its final name."""
    synced: list[str] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setenv("FIVESAFES_KEYS", str(tmp_path / "a" / "keys"))
    made = found_haven(Founding(path=tmp_path / "haven", custodians={}))
    aside = f"{tmp_path}/.haven.{made.id}"
    assert f"{aside}/.haven.toml.new" in synced
    for folder in (made.keys, made.keys.parent, made.keys.parent.parent, tmp_path / "a", aside):
        assert str(folder) in synced, folder
    assert synced.index(str(made.keys)) < synced.index(str(tmp_path))
    assert synced.index(aside) < len(synced) - 1 - synced[::-1].index(str(tmp_path))
    for key in ("address.key", "trail.key"):
        assert f"{made.keys}/{key}" in synced


WRONG: dict[str, dict[str, Any]] = {
    "store without bucket": {"store": "s3://"},
    "store with one slash": {"store": "s3:/x"},
    "another store": {"store": "vault2"},
    "no store": {"store": ""},
    "origin with a space": {"origin": "bad name"},
    "origin with a quote": {"origin": 'a"b'},
    "another database": {"database": "mysql://a"},
    "database with a quote": {"database": 'postgresql://a"b'},
    "one name twice": {"custodians": {"Ada": ADA, " Ada": BEN}},
    "one key twice": {"custodians": {"Ada": ADA, "Ben": ADA}},
    "the worker's name": {"custodians": {"Ada": ADA, "worker": BEN}},
    "a name of two lines": {"custodians": {"Ada": ADA, "B\nen": BEN}},
}


@pytest.mark.parametrize("why", WRONG)
def test_what_would_not_be_read_again_is_refused_before_anything_is_made(tmp_path: Path, why: str) -> None:
    """Also by a dry run: neither haven nor keys are there afterwards."""
    words: dict[str, Any] = {"custodians": {}, **WRONG[why]}
    wish = Founding(path=tmp_path / "haven", **words)
    for asked in (check_founding, found_haven):
        with pytest.raises(UsageMistake):
            asked(wish)
    assert not list(tmp_path.iterdir())
    assert not list(keys_folder().iterdir())


def test_no_haven_is_made_in_another_or_where_keys_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Backups, sweeps and withdrawals of the outer one would take it for theirs."""
    found_haven(Founding(path=tmp_path / "haven", custodians={}))
    for inner in (tmp_path / "haven" / "projects" / "h", keys_folder() / "inner"):
        with pytest.raises(UsageMistake, match="lies in"):
            check_founding(Founding(path=inner, custodians={}))
    with pytest.raises(UsageMistake, match="there is a haven already"):
        check_founding(Founding(path=tmp_path / "haven", custodians={}))
    monkeypatch.setenv("FIVESAFES_KEYS", str(tmp_path / "new" / "keys"))
    with pytest.raises(UsageMistake, match="key folder"):
        check_founding(Founding(path=tmp_path / "new", custodians={}))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Words at the edge of what is taken."""
    custodians = {" Ada ": ADA, "Ben": BEN}
    wish = Founding(path=tmp_path / "haven", origin="lab.example/mri_1", store="s3://abc/x y", custodians=custodians)
    found_haven(wish)
    read = read_haven_file(wish.path)
    assert (read.origin, read.store) == (wish.origin, wish.store)
