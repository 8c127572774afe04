"""Small synthetic studies on disk: fresh ones, and one that has been run, to look at or to run again."""

import os
import shutil
from pathlib import Path

import pytest
from attrs import evolve
from tests.journeys.studies import Answer, Study

from fivesafes.engines.sources.synthetic import Planted, write_study


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Planted, ...]]:
    """Write two small people's scans once; tests link them."""
    folder = tmp_path_factory.mktemp("synthetic")
    planted = [write_study(folder / f"scanner{seed}", seed=seed, small=True, revealing_names=True) for seed in (1, 2)]
    (folder / "project.key").touch(mode=0o600)
    (folder / "project.key").write_bytes(bytes(range(32)))
    return folder, tuple(planted)


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, synthetic: tuple[Path, tuple[Planted, ...]]
) -> tuple[Study, Answer]:
    """Run a study of one participant once; tests look at it and leave it as it is."""
    study = make_study(tmp_path_factory.mktemp("finished"), synthetic, people=1)
    return study, study.run()


@pytest.fixture
def study(tmp_path: Path, synthetic: tuple[Path, tuple[Planted, ...]]) -> Study:
    """Make a study of one participant, agreed, not yet run."""
    return make_study(tmp_path, synthetic, people=1)


@pytest.fixture
def run_before(tmp_path: Path, finished: tuple[Study, Answer], synthetic: tuple[Path, tuple[Planted, ...]]) -> Study:
    """Make a study of one participant that was run and released before."""
    made = make_study(tmp_path, synthetic, people=1)
    shutil.copytree(finished[0].out, made.out)
    return evolve(made)


@pytest.fixture
def two_people(tmp_path: Path, synthetic: tuple[Path, tuple[Planted, ...]]) -> Study:
    """Make a study of two participants, not yet run."""
    return make_study(tmp_path, synthetic, people=2)


def make_study(place: Path, synthetic: tuple[Path, tuple[Planted, ...]], *, people: int) -> Study:
    """Link the first people's scans into a study of its own."""
    folder, planted = synthetic
    made = Study(folder=place / "study", key=folder / "project.key", planted=planted[:people])
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
