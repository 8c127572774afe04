"""A new haven is durable when it is there: its description, its keys, and the names of both."""

import os
from pathlib import Path

import pytest

from fivesafes.wiring.found import Founding, found_haven


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
