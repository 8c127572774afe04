"""Small synthetic studies on disk."""

import os
from pathlib import Path

import pytest
from tests.journeys.studies import Study

from fivesafes.engines.sources.synthetic import Planted, write_study


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Planted, ...]]:
    """Write two small people's scans once; tests copy them."""
    folder = tmp_path_factory.mktemp("synthetic")
    planted = [write_study(folder / f"scanner{seed}", seed=seed, small=True, revealing_names=True) for seed in (1, 2)]
    return folder, tuple(planted)


@pytest.fixture
def study(tmp_path: Path, synthetic: tuple[Path, tuple[Planted, ...]]) -> Study:
    """Make a study of one participant, all agreed, ready to run."""
    return make_study(tmp_path, synthetic, people=1)


@pytest.fixture
def two_people(tmp_path: Path, synthetic: tuple[Path, tuple[Planted, ...]]) -> Study:
    """Make a study of two participants."""
    return make_study(tmp_path, synthetic, people=2)


def make_study(tmp_path: Path, synthetic: tuple[Path, tuple[Planted, ...]], *, people: int) -> Study:
    """Link the first people's scans into a study of its own."""
    folder, planted = synthetic
    made = Study(folder=tmp_path / "study", planted=planted[:people])
    made.scans.mkdir(parents=True)
    for number in range(1, people + 1):
        _link_tree(folder / f"scanner{number}", made.scans / f"scanner{number}")
    made.form()
    made.consent()
    return made


def _link_tree(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)
