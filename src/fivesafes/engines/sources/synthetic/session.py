"""One person on one day in one scanner: what all series of a study share, and the clock and UIDs they draw from."""

from datetime import datetime, timedelta

import numpy as np
from attrs import define, evolve, field, frozen

from fivesafes.engines.sources.synthetic.anatomy import Pose, drawn_pose
from fivesafes.engines.sources.synthetic.people import Person, Visit, draws, made_up_person, made_up_visit
from fivesafes.engines.sources.synthetic.planted import Ledger, PlantedKind

UID_ROOT = "1.2.826.0.1.3680043.8.498"
"""The root that pydicom lets its users generate under."""

LATIN = "ISO_IR 100"
UNICODE = "ISO_IR 192"


@define(kw_only=True)
class Uids:
    """Makes UIDs as a scanner does: its serial number, the moment, a counter.  They betray when and where."""

    serial: str
    ledger: Ledger
    _made: int = field(default=0, init=False)

    def new(self, moment: datetime, *, place: str) -> str:
        """Make the next UID, at most 64 characters, and note it."""
        self._made += 1
        uid = f"{UID_ROOT}.{self.serial}.{moment:%Y%m%d%H%M%S}{self._made:07d}"
        return self.ledger.plant(uid, place=place, kind=PlantedKind.UID)


@define(kw_only=True)
class Session:
    """What the series of one study share."""

    seed: int
    person: Person
    visit: Visit
    pose: Pose
    ledger: Ledger
    uids: Uids
    study_uid: str
    frame_of_reference: str
    reference_images: tuple[str, ...]

    @classmethod
    def opened(cls, *, seed: int, visit: int) -> "Session":
        """Register the person and open the study."""
        ledger = Ledger()
        day = made_up_visit(seed, visit)
        uids = Uids(serial=day.serial, ledger=ledger)
        registered = day.starts - timedelta(minutes=9)
        return cls(
            seed=seed,
            person=made_up_person(seed),
            visit=day,
            pose=drawn_pose(seed, visit),
            ledger=ledger,
            uids=uids,
            study_uid=uids.new(registered, place="StudyInstanceUID"),
            frame_of_reference=uids.new(day.starts, place="FrameOfReferenceUID"),
            reference_images=tuple(
                uids.new(day.starts + timedelta(seconds=40), place="ReferencedImageSequence/ReferencedSOPInstanceUID")
                for _ in range(3)
            ),
        )

    def for_phantom(self) -> "Session":
        """Open another study for the quality-control phantom that was scanned on the same day."""
        visit = self.visit
        nobody = evolve(
            self.person,
            name=f"QA{visit.serial}^Wkly",
            full_name=f"QA{visit.serial}^Wkly",
            patient_id=f"QC-{visit.serial}-{visit.starts:%Y}",
            sex="O",
        )
        return Session(
            seed=self.seed,
            person=nobody,
            visit=evolve(visit, accession=f"Q{visit.accession[1:]}", study_id=f"QC{visit.study_id[2:]}"),
            pose=self.pose,
            ledger=self.ledger,
            uids=self.uids,
            study_uid=self.uids.new(visit.starts, place="StudyInstanceUID"),
            frame_of_reference=self.uids.new(visit.starts, place="FrameOfReferenceUID"),
            reference_images=self.reference_images,
        )

    def draws(self, purpose: str) -> np.random.Generator:
        """Give the random numbers of one purpose in this visit."""
        return draws(self.seed, purpose, self.visit.number)

    def series(
        self, number: int, description: str, *, protocol: str = "", minutes: float, charset: str = LATIN
    ) -> "SeriesPlan":
        """Plan a series that begins so many minutes after the study."""
        began = self.visit.starts + timedelta(minutes=minutes)
        return SeriesPlan(
            number=number,
            description=description,
            protocol=protocol or description,
            began=began,
            uid=self.uids.new(began, place="SeriesInstanceUID"),
            charset=charset,
        )


@frozen(kw_only=True)
class SeriesPlan:
    """What the instances of one series share."""

    number: int
    description: str
    protocol: str
    began: datetime
    uid: str
    charset: str
