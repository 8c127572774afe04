"""The record of a series comes back as it was written."""

from pathlib import Path

import pytest

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import SeriesId, SubjectLabel
from fivesafes.core.verdict import Finding, Gravity
from fivesafes.data.model import BidsName, FaceEvidence, HeaderRecord, Residual
from fivesafes.flow.record import (
    FaceRecord,
    ImageRecord,
    PictureFile,
    SeriesOutcome,
    SeriesStatus,
    load_outcome,
    save_outcome,
)

NAME = BidsName(datatype="func", suffix="bold", entities={"task": "rest", "acq": "a", "run": "1"})
OUTCOME = SeriesOutcome(
    id=SeriesId("0123456789abcdef"),
    subject=SubjectLabel("abc"),
    session="01",
    name=NAME,
    status=SeriesStatus.NEEDS_REVIEW,
    why="unverified",
    verdict=(Finding(code="c", gravity=Gravity.REVIEW, why="w", fix="f", source="s"),),
    images=(
        ImageRecord(
            name=NAME,
            files={".nii.gz": "x.nii.gz"},
            face=FaceRecord(
                status="needs-review",
                because="b",
                evidence=FaceEvidence(
                    mutual_information=0.4,
                    residual=Residual(eyes=0.0, nose=None, mouth=0.0, chin=0.1, ears=1.0),
                    brain_voxels_altered=0,
                    scales=(1.0, 1.1, 0.9),
                ),
            ),
            pictures=(PictureFile(name="front", alt="a", file="pictures/front.png", identifying=True),),
        ),
    ),
    header=HeaderRecord(removed={"PatientName": 3}),
)


def test_an_outcome_comes_back_equal_with_its_entities_in_order(tmp_path: Path) -> None:
    """Names are made of entities in BIDS' order: a record that sorted them would misname files of a resumed run."""
    save_outcome(OUTCOME, tmp_path / "outcome.json")
    loaded = load_outcome(tmp_path / "outcome.json")
    assert loaded == OUTCOME
    assert loaded.name is not None
    assert loaded.name.stem(SubjectLabel("abc"), None) == "sub-abc_task-rest_acq-a_run-1_bold"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 1}'])
def test_a_damaged_record_is_an_invalid_input(tmp_path: Path, text: str) -> None:
    """The series is then done again."""
    (tmp_path / "outcome.json").write_text(text)
    with pytest.raises(InvalidInput):
        load_outcome(tmp_path / "outcome.json")
