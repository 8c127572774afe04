"""The texts around the images, and where files go."""

import json
from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import SubjectLabel
from fivesafes.data.bids import dataset
from fivesafes.data.bids.names import bids_name

X = SubjectLabel("x")
REST = bids_name("func", "bold", {"task": "rest"})


def test_a_description_says_what_the_caller_gives_and_nothing_else() -> None:
    """No ethics committee, no authors, unless the project wants them told."""
    made = dataset.dataset_description(title="Memory", licence="", made_by={"fivesafes": "0.1.0", "dcm2niix": "v1"})
    assert made == {
        "Name": "Memory",
        "BIDSVersion": dataset.bids_version(),
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "fivesafes", "Version": "0.1.0"}, {"Name": "dcm2niix", "Version": "v1"}],
    }


def test_a_description_takes_further_keys_of_bids_and_no_others() -> None:
    """A misspelt key would be lost silently."""
    further = {"EthicsApprovals": ["HREC 2026/1"], "Authors": ["A"]}
    made = dataset.dataset_description(title="M", licence="CC0", made_by={}, further=further)
    assert made["License"] == "CC0"
    assert made["EthicsApprovals"] == ["HREC 2026/1"]
    with pytest.raises(InvalidInput, match="Author"):
        dataset.dataset_description(title="M", licence="", made_by={}, further={"Author": "A"})


def test_a_derivative_says_that_it_is_one() -> None:
    """The validator judges it by other rules."""
    made = dataset.derivative_description(title="M", licence="CC0", made_by={"fivesafes": "0.1.0"})
    assert made["DatasetType"] == "derivative"
    assert made["GeneratedBy"][0]["Name"] == "fivesafes"


def test_json_is_written_as_people_read_it() -> None:
    """Names keep their letters."""
    assert dataset.as_json({"Name": "Gedächtnis"}) == '{\n  "Name": "Gedächtnis"\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        dataset.as_json({"EchoTime": float("nan")})


def test_participants_are_sorted_and_have_the_columns_asked_for() -> None:
    """What is not known is n/a; what was not asked for is not there."""
    rows = [{"participant_id": "sub-b", "age": "34", "sex": "F"}, {"participant_id": "sub-a", "age": "89+"}]
    assert dataset.participants_tsv(rows, ("age", "sex")) == (
        "participant_id\tage\tsex\nsub-a\t89\tn/a\nsub-b\t34\tF\n"
    )
    assert dataset.participants_tsv(rows, ()) == "participant_id\nsub-a\nsub-b\n"


@given(st.integers(min_value=0, max_value=130))
def test_nobody_is_told_to_be_older_than_89(age: int) -> None:
    """BIDS 1.11 and the HIPAA rule: 89 stands for all from there on."""
    table = dataset.participants_tsv([{"participant_id": "sub-a", "age": str(age)}], ("age",))
    assert int(table.split()[-1]) == min(age, 89)


@pytest.mark.parametrize(
    ("column", "cell"),
    [("age", "34.25"), ("age", "1970-01-01"), ("sex", "Jones"), ("participant_id", "Jones"), ("weight", "70")],
)
def test_a_cell_that_is_not_what_the_column_holds_is_refused_unrepeated(column: str, cell: str) -> None:
    """A date of birth in the column of ages must not leave."""
    row = {"participant_id": "sub-a", column: cell}
    with pytest.raises(InvalidInput) as refused:
        dataset.participants_tsv([row], (column,))
    assert cell not in str(refused.value)


def test_the_columns_are_described() -> None:
    """Each that the table has, and only those."""
    assert set(dataset.participants_json(("age_band",))) == {"participant_id", "age_band"}
    json.dumps(dataset.participants_json(("age", "sex")))


def test_scans_are_listed_without_times_unless_all_have_one() -> None:
    """A time in one row only would tell that row apart."""
    folder = dataset.subject_folder(X, "1")
    paths = [folder / "func" / "b.nii.gz", folder / "anat" / "a.nii.gz"]
    assert dataset.scans_tsv([(path, None) for path in paths], subject_folder=folder) == (
        "filename\nanat/a.nii.gz\nfunc/b.nii.gz\n"
    )
    shifted = datetime(1912, 3, 4, 5, 6, 7, 891, tzinfo=UTC)
    assert dataset.scans_tsv([(path, shifted) for path in paths], subject_folder=folder) == (
        "filename\tacq_time\nanat/a.nii.gz\t1912-03-04T05:06:07\nfunc/b.nii.gz\t1912-03-04T05:06:07\n"
    )
    mixed = [(paths[0], shifted), (paths[1], None)]
    assert "acq_time" not in dataset.scans_tsv(mixed, subject_folder=folder)


def test_a_time_that_was_not_shifted_is_refused() -> None:
    """Even if only one image has it."""
    path = PurePosixPath("sub-x/anat/a.nii.gz")
    with pytest.raises(InvalidInput, match="shifted"):
        dataset.scans_tsv([(path, datetime(2026, 1, 1, tzinfo=UTC))], subject_folder=PurePosixPath("sub-x"))


def test_files_go_where_bids_has_them() -> None:
    """With and without sessions."""
    assert str(dataset.relative_path(X, "01", REST, ".nii.gz")) == (
        "sub-x/ses-01/func/sub-x_ses-01_task-rest_bold.nii.gz"
    )
    assert str(dataset.relative_path(X, None, REST, ".json")) == "sub-x/func/sub-x_task-rest_bold.json"
    assert str(dataset.scans_path(X, "01")) == "sub-x/ses-01/sub-x_ses-01_scans.tsv"
    assert str(dataset.scans_path(X, None)) == "sub-x/sub-x_scans.tsv"


def test_masks_of_images_that_differ_in_suffix_only_have_different_names() -> None:
    """Else one would overwrite the other."""
    first, second = (dataset.mask_name(bids_name("anat", suffix, {"run": "1"})) for suffix in ("T1w", "T2w"))
    assert first.stem(X, None) == "sub-x_run-1_desc-defaceT1w_mask"
    assert first != second


def test_a_mask_that_bids_has_no_suffix_for_keeps_that_of_its_image() -> None:
    """A field map's or an inversion's; its sidecar then says that nothing was skull-stripped, as BIDS asks."""
    inversion = dataset.mask_name(bids_name("anat", "MP2RAGE", {"inv": "1"}))
    assert inversion.stem(X, None) == "sub-x_inv-1_desc-defacemask_MP2RAGE"
    assert dataset.mask_sidecar(PurePosixPath("sub-x/anat/a.nii.gz"))["SkullStripped"] is False


def test_two_images_of_one_path_are_refused_before_one_overwrites_the_other() -> None:
    """Also where they differ in case only: some disks do not tell."""
    paths = [PurePosixPath(f"sub-x/anat/sub-x_acq-{acq}_T1w.nii.gz") for acq in ("a", "A", "b")]
    verdict = dataset.judge_clashes(paths)
    assert verdict.refuses
    assert [finding.about for finding in verdict.findings] == ["sub-x/anat/sub-x_acq-a_t1w.nii.gz"]
    assert not dataset.judge_clashes(paths[1:]).findings
