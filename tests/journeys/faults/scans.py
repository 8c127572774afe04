"""Very small scans of several people: functional series, which need no defacing, so that rounds are short."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from attrs import frozen

from fivesafes.core.progress import Silent
from fivesafes.engines.sources.synthetic.grids import centred
from fivesafes.engines.sources.synthetic.planted import PlantedKind
from fivesafes.engines.sources.synthetic.series import Output, write_mosaics
from fivesafes.engines.sources.synthetic.session import UID_ROOT, Session
from fivesafes.interfaces.forms.consent import HEADER

PROJECT: Final = "faults"
LATER: Final = "FAULTS-LATER-0001"
"""The PatientID of somebody who agrees later, and is not scanned."""
_VOLUMES: Final = 3
_SHAPE: Final = (4, 16, 16)
_SHORTEST: Final = 7
FORM: Final = f"""\
[project]
id = "{PROJECT}"
title = "Faults"
investigator = "Dr Test Investigator"
institution = "Institute of Tests"
contact = "office@tests.example"

[approval]
committee = "Example HREC"
number = "2026/001"
valid_from = 2026-01-01
valid_until = 2099-12-31

[use]
purpose = "Show what survives."
data_use = "NRES"

[sharing]
with = "public"
licence = "CC0"

[cohort]
participants = 4
eligible = 1000000
content = "healthy-structural"

[consent]
table = "consent.csv"
"""


@frozen(kw_only=True)
class Person:
    """Who was scanned: PatientID, and the byte strings that must lie nowhere in clear."""

    id: str
    needles: tuple[bytes, ...]


@frozen(kw_only=True)
class Study:
    """Scans on disk in two folders; ``series`` holds the SHA-256 of each series' files, one set a series."""

    folder: Path
    people: tuple[Person, ...]
    series: tuple[frozenset[str], ...]

    @property
    def form(self) -> Path:
        """The project's form."""
        return self.folder / "STUDY.toml"

    def scans(self, which: str) -> Path:
        """One folder of scans: ``first`` or ``second``."""
        return self.folder / which

    def needles(self) -> tuple[bytes, ...]:
        """Everything that must lie nowhere in clear, of anybody."""
        return tuple(dict.fromkeys(one for person in self.people for one in person.needles))


def write_scans(folder: Path, *, seed: int = 7) -> Study:
    """Write three people's scans into ``first``, a second visit of one and a fourth person's into ``second``."""
    who: Mapping[str, Sequence[tuple[int, int]]] = {
        "first": [(seed, 1), (seed + 1, 1), (seed + 2, 1)],
        "second": [(seed, 2), (seed + 3, 1)],
    }
    people: dict[str, Person] = {}
    series: list[frozenset[str]] = []
    for name, visits in who.items():
        for one, visit in visits:
            person, files = _write(folder / name, seed=one, visit=visit)
            known = people.get(person.id)
            needles = dict.fromkeys([*(known.needles if known else ()), *person.needles])
            people[person.id] = Person(id=person.id, needles=tuple(needles))
            series.append(frozenset(hashlib.sha256(path.read_bytes()).hexdigest() for path in files))
    (folder / "STUDY.toml").write_text(FORM, encoding="utf-8")
    rows = "".join(f"{id_},NRES,no,2026-01-01/..,\n" for id_ in people)
    (folder / "consent.csv").write_text(HEADER + rows, encoding="utf-8")
    (folder / "consent-more.csv").write_text(f"{HEADER}{rows}{LATER},NRES,no,2026-01-01/..,\n", encoding="utf-8")
    return Study(folder=folder, people=tuple(people.values()), series=tuple(series))


def _write(folder: Path, *, seed: int, visit: int) -> tuple[Person, list[Path]]:
    session = Session.opened(seed=seed, visit=visit)
    series = session.series(3, "func-bold_task-rest", minutes=9.5)
    grid = centred("axial", shape=_SHAPE, spacing=(30.0, 13.75, 13.75), centre=(0.0, 0.0, 0.0), tilt_degrees=-15.0)
    rng = session.draws("faults")
    volumes = rng.integers(100, 900, (_VOLUMES, *_SHAPE)).astype(np.int16)
    output = Output(folder=folder / f"{seed}-{visit}", file_stem="", progress=Silent(), stage="")
    files = list(write_mosaics(session, series, grid=grid, volumes=volumes, repetition_ms=2000.0, output=output))
    values = [one for one in session.ledger.values() if one.kind in {PlantedKind.NAME, PlantedKind.IDENTIFIER}]
    needles = [
        spelling
        for one in values
        if len(one.text) >= _SHORTEST and one.place != "InstitutionName"
        for spelling in one.spellings()
    ]
    id_ = session.person.patient_id
    uids = f"{UID_ROOT}.{session.visit.serial}".encode()
    return Person(id=id_, needles=tuple(dict.fromkeys([id_.encode(), uids, *needles]))), files
