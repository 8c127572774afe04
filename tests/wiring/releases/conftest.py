"""A haven with a candidate, made once and copied for each test; on SQLite: the kind of database is not the point."""

import os
import shutil
from pathlib import Path

import pytest
from tests.wiring.conftest import Clock, Place
from tests.wiring.releases.releasing import processed

from fivesafes.wiring.found import Founding, found_haven


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a haven with two people and their candidate; its keys lie beside it."""
    folder = tmp_path_factory.mktemp("with-candidate")
    (folder / "keys").mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIVESAFES_KEYS", str(folder / "keys"))
        place = Place(folder=folder, clock=Clock(), tier="none")
        found_haven(Founding(path=place.path, database="sqlite", tier="none", custodians={}), clock=place.clock)
        processed(place)
    return folder


@pytest.fixture
def ready(made_once: Path, tmp_path: Path) -> Place:
    """Copy it."""
    folder = tmp_path / "ready"
    shutil.copytree(made_once / "haven", folder / "haven")
    shutil.copytree(made_once / "keys", os.environ["FIVESAFES_KEYS"], dirs_exist_ok=True)
    return Place(folder=folder, clock=Clock(), tier="none")


@pytest.fixture
def to(tmp_path: Path) -> Path:
    """Say where a release goes."""
    return tmp_path / "outside" / "release"
