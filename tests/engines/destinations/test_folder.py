"""A release is complete or absent, and a newer one takes its place whole."""

from pathlib import Path

from tests.engines.destinations.passages import Stages

from fivesafes.engines.destinations.folder import FolderDestination


def test_a_release_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """Nothing of the earlier one stays among the new files."""
    target, aside = tmp_path / "release", tmp_path / "private" / "withheld"
    for number in (1, 2):
        candidate = tmp_path / f"candidate{number}"
        candidate.mkdir()
        (candidate / f"{number}.txt").write_text("x")
        FolderDestination().release(candidate, to=target, aside=aside, passage=Stages())
    assert [path.name for path in target.iterdir()] == ["2.txt"]
    assert not aside.exists()


def test_a_withdrawn_release_is_out_of_sight_and_not_lost(tmp_path: Path) -> None:
    """It lies in the private part; withdrawing nothing says so."""
    target, aside = tmp_path / "release", tmp_path / "private" / "withheld"
    target.mkdir()
    (target / "x").write_text("x")
    assert FolderDestination().withdraw(target, into=aside)
    assert not target.exists()
    assert (aside / "x").exists()
    assert not FolderDestination().withdraw(target, into=aside)
    assert (aside / "x").exists()
