"""A project's key: made once, readable by its owner alone."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fivesafes.core.errors import PolicyInvalid, TryAgain, UsageMistake
from fivesafes.setting.keyring import key_print, keys_folder, project_key, read_key, read_known_key


def test_a_key_is_made_once_and_read_again(tmp_path: Path) -> None:
    """The first call makes it; every later one gives the same."""
    key = project_key("memory", folder=tmp_path)
    assert len(key) == 32
    assert project_key("memory", folder=tmp_path) == key
    assert project_key("other", folder=tmp_path) != key
    assert (tmp_path / "memory.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["memory.key", "other.key"]


def test_many_at_once_agree_on_one_key(tmp_path: Path) -> None:
    """Whoever is quickest makes the key that all use."""
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: project_key("memory", folder=tmp_path), range(64)))
    assert len(keys) == 1


def test_the_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FIVESAFES_KEYS is first, the user's data folder second."""
    monkeypatch.setenv("FIVESAFES_KEYS", str(tmp_path))
    assert keys_folder() == tmp_path
    monkeypatch.delenv("FIVESAFES_KEYS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert keys_folder() == tmp_path / "data" / "fivesafes" / "keys"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert keys_folder().is_relative_to(Path.home())


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """It may have been copied: make a new one."""
    (tmp_path / "memory.key").write_bytes(os.urandom(32))
    (tmp_path / "memory.key").chmod(0o640)
    with pytest.raises(PolicyInvalid, match="by others"):
        project_key("memory", folder=tmp_path)


def test_a_key_that_is_short_or_missing_is_refused(tmp_path: Path) -> None:
    """Half a key is none."""
    (tmp_path / "short").write_bytes(bytes(31))
    (tmp_path / "short").chmod(0o600)
    with pytest.raises(PolicyInvalid, match="31 bytes"):
        read_key(tmp_path / "short")
    with pytest.raises(PolicyInvalid, match="can't be read"):
        read_key(tmp_path / "missing")


@pytest.mark.parametrize("project", ["", "../memory", "a/b", ".hidden", "x" * 65, "Müller"])
def test_a_project_s_name_is_a_plain_name(project: str, tmp_path: Path) -> None:
    """No name leads out of the folder."""
    with pytest.raises(UsageMistake):
        project_key(project, folder=tmp_path)


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """The reason is the system's, and nothing is left behind."""
    (tmp_path / "file").write_text("")
    with pytest.raises(TryAgain, match="can't be written"):
        project_key("memory", folder=tmp_path / "file" / "keys")


def test_another_key_than_the_havens_is_refused_and_never_advised(tmp_path: Path) -> None:
    """Whatever is wrong, the fix is the one that brings the haven's own key back."""
    path = tmp_path / "address.key"

    def read() -> bytes:
        return read_known_key(path, known=key_print(bytes(32), "h", "address.key"), haven="h", fix="open it")

    for content in (None, b"short", bytes([1] * 32)):
        if content is not None:
            path.write_bytes(content)
            path.chmod(0o600)
        with pytest.raises(PolicyInvalid, match="fix: open it"):
            read()
    path.write_bytes(bytes(32))
    assert read() == bytes(32)


def test_a_fingerprint_tells_havens_and_keys_apart() -> None:
    """One key in two places is not known to be one."""
    prints = {key_print(bytes(32), haven, file) for haven in "ab" for file in ("address.key", "trail.key")}
    assert len(prints) == 4
