"""Small havens in this process, with a clock that a test can set."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import define
from tests.databases import HavenDatabase
from tests.journeys.studies import FORM

from fivesafes.core.progress import Silent
from fivesafes.engines.sources.synthetic import Planted, write_series
from fivesafes.interfaces.forms.consent import HEADER, read_consent_table
from fivesafes.interfaces.forms.study import read_form
from fivesafes.wiring.backup import back_up_data, back_up_keyring
from fivesafes.wiring.found import Founding, found_haven
from fivesafes.wiring.haven import OpenHaven, opened_haven
from fivesafes.wiring.projects import Registration, add_project, ingest_paths, record_stated
from fivesafes.wiring.trail import make_checkpoint


@define
class Clock:
    """Says the time that a test wants."""

    now: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Give it."""
        return self.now


@define
class Place:
    """A haven on disk, its clock, and scans of one person for it."""

    folder: Path
    clock: Clock
    tier: str

    @property
    def path(self) -> Path:
        """The haven's folder."""
        return self.folder / "haven"

    @contextmanager
    def open(self) -> Iterator[OpenHaven]:
        """Open it."""
        with opened_haven(self.path, clock=self.clock) as haven:
            yield haven

    def scans(self, *, seed: int = 1, slices: int = 3) -> Planted:
        """Write a small series."""
        return write_series(self.folder / f"scans{seed}", slices=slices, seed=seed, matrix=32)

    def register(self, *people: str, form: str = FORM) -> None:
        """Register the project of the journeys, with consents of these people."""
        (self.folder / "STUDY.toml").write_text(form, encoding="utf-8")
        rows = "".join(f"{one},NRES,no,2026-01-01/..,\n" for one in people)
        (self.folder / "consent.csv").write_text(HEADER + rows, encoding="utf-8")
        study = read_form(self.folder / "STUDY.toml")
        with self.open() as haven:
            wish = Registration(project=study.project, rules=study.rules, reviewers=study.reviewers)
            add_project(haven, wish, key=None)
            if people:
                record_stated(haven, "journey", read_consent_table(study.table), table="consent.csv")


Maker = Callable[[str], Place]


@pytest.fixture
def make_place(tmp_path: Path, haven_database: HavenDatabase) -> Maker:
    """Make a haven whose setting is held to a tier, on each kind of database."""

    def made(tier: str) -> Place:
        place = Place(folder=tmp_path, clock=Clock(), tier=tier)
        named = "sqlite" if haven_database.kind == "sqlite" else haven_database.named
        found_haven(Founding(path=place.path, database=named, tier=tier, custodians={}), clock=place.clock)
        return place

    return made


@pytest.fixture
def place(make_place: Maker) -> Place:
    """Make a haven whose setting is not enforced."""
    return make_place("none")


Opened = AbstractContextManager[OpenHaven]


def keys_of(place: Place) -> Path:
    """Say where the backup of keys lies."""
    return place.folder / "safe" / "sealed-keys"


def data_of(place: Place) -> Path:
    """Say where the backup of data lies."""
    return place.folder / "data"


@pytest.fixture
def sealed(place: Place) -> Place:
    """Take one person's scans in, and make both backups."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
        back_up_keyring(haven, keys_of(place))
        make_checkpoint(haven)
        back_up_data(haven, data_of(place), progress=Silent())
    return place
