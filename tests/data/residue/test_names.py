"""What names of files and folders disclose."""

from collections.abc import Callable

import pytest

from fivesafes.data.model import Residue
from fivesafes.data.residue.names import find
from fivesafes.data.residue.place import Place

Look = Callable[..., list[Residue]]


@pytest.mark.parametrize(
    ("path", "kind", "locator"),
    [
        ("sub-john", "name", "filename"),
        ("sub-janesmith", "name", "filename"),
        ("sub-JSmith01", "name", "filename"),
        ("sub-001/ses-20210304", "date", "filename"),
        ("sub-001/anat/sub-001_19620304_T1w.json", "date", "filename"),
        ("sub-001/anat/sub-001_acq-smith_T2w.json", "name", "filename"),
        ("sourcedata/SMITH_JANE", "name", "filename"),
        ("sourcedata/scan_2021-03-04.txt", "date", "filename"),
        ("derivatives/QC_04Mar2021.txt", "date", "filename"),
        ("sourcedata/MRN1234567", "direct_identifier", "filename"),
        (".DS_Store", "unchecked_content", "file"),
        ("participants.tsv~", "unchecked_content", "file"),
        ("._sub-001_T1w.json", "unchecked_content", "file"),
        (".git", "unchecked_content", "file"),
        (".datalad", "unchecked_content", "file"),
    ],
)
def test_a_telling_name_is_found(path: str, kind: str, locator: str) -> None:
    """Labels, dates, people, record numbers, leftovers and histories."""
    assert [(one.kind, one.locator) for one in find(Place.at(path))] == [(kind, locator)]


@pytest.mark.parametrize(
    "path",
    [
        "sub-001",
        "sub-pilot01",
        "sub-control12",
        "sub-NDARINV00CY2MDM",
        "sub-10159",
        "ses-baseline",
        "sub-001/anat/sub-001_acq-mprage_run-2_T1w.nii.gz",
        "sub-001/func/sub-001_task-may_dir-AP_bold.nii.gz",
        "derivatives/fmriprep-20.2.1",
        "derivatives/sub-001_space-MNI152NLin2009cAsym_desc-preproc_T1w.json",
        "stimuli/emma_neutral.png",
        "code/run_anna_karenina.py",
        "phenotype/beck_depression_inventory.tsv",
        "task-rest_bold.json",
        "CHANGES",
    ],
)
def test_an_ordinary_name_is_left_alone(path: str) -> None:
    """BIDS names, versions and stimuli."""
    assert list(find(Place.at(path))) == []


def test_a_label_that_names_somebody_is_told_with_its_participant(look: Look) -> None:
    """The folder and each file carry the name."""
    found = look("sub-john/anat/sub-john_T1w.json", "{}")
    assert {(one.path, one.participant) for one in found} == {
        ("sub-john", "sub-john"),
        ("sub-john/anat/sub-john_T1w.json", "sub-john"),
    }
