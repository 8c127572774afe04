"""A release handed over: complete or absent, never replaced, and entered into the books first."""

import os
from pathlib import Path

import pytest

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.engines.destinations.delivery import DeliveryDestination


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """Make a small candidate."""
    folder = tmp_path / "candidate"
    (folder / "sub-a").mkdir(parents=True)
    (folder / "sub-a" / "image.nii.gz").write_bytes(b"voxels")
    return folder


def test_a_release_appears_whole_once_it_is_entered(candidate: Path, tmp_path: Path) -> None:
    """When the books are told, nothing stands at the destination yet; afterwards all of it does."""
    to = tmp_path / "there"
    seen: list[bool] = []
    DeliveryDestination().release(candidate, to=to, aside=tmp_path / "aside", entered=lambda: seen.append(to.exists()))
    assert seen == [False]
    assert (to / "sub-a" / "image.nii.gz").read_bytes() == b"voxels"
    assert candidate.exists()


def test_what_stands_at_the_destination_is_never_replaced(candidate: Path, tmp_path: Path) -> None:
    """Somebody may be reading it: refused, nothing entered, nothing changed."""
    to = tmp_path / "there"
    to.mkdir()
    (to / "mine").write_text("mine")
    entered: list[int] = []
    with pytest.raises(UsageMistake, match="never replaced"):
        DeliveryDestination().release(candidate, to=to, aside=tmp_path / "aside", entered=lambda: entered.append(1))
    assert not entered
    assert [path.name for path in to.iterdir()] == ["mine"]


def test_what_the_books_refuse_does_not_leave(candidate: Path, tmp_path: Path) -> None:
    """A participant who withdrew meanwhile: nothing is left beside the destination either."""

    def refused() -> None:
        message = "a participant has withdrawn meanwhile"
        raise TryAgain(message, fix="run it again")

    with pytest.raises(TryAgain):
        DeliveryDestination().release(candidate, to=tmp_path / "there", aside=tmp_path / "aside", entered=refused)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["candidate"]


def test_a_disk_that_refuses_leaves_nothing(candidate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that can't be made durable is no release: told, removed, and not entered."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    entered: list[int] = []
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TryAgain, match="can't be written"):
        DeliveryDestination().release(
            candidate, to=tmp_path / "there", aside=tmp_path / "aside", entered=lambda: entered.append(1)
        )
    assert not entered
    assert sorted(path.name for path in tmp_path.iterdir()) == ["candidate"]


def test_a_delivered_release_is_left_where_it_is(tmp_path: Path) -> None:
    """It is recalled by a notice."""
    assert not DeliveryDestination().withdraw(tmp_path, into=tmp_path / "aside")
    assert tmp_path.exists()
