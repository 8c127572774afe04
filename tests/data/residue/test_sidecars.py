"""What JSON discloses, by its keys at any depth and by its texts."""

import json
from typing import Any

import pytest

from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.sidecars import find

PATH = "sub-001/anat/sub-001_T1w.json"


def kinds(content: Any, path: str = PATH) -> dict[str, str]:  # noqa: ANN401 - any JSON value
    """Map locator to kind for findings of medium severity or worse."""
    found = find(json.dumps(content).encode(), Place.at(path))
    return {one.locator: one.kind for one in found if one.severity.value not in ("info", "low")}


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("InstitutionName", "Westmead Hospital", "institution"),
        ("StationName", "AWP12345", "device"),
        ("DeviceSerialNumber", 45479, "device"),
        ("AcquisitionTime", "14:33:12.500000", "time_of_day"),
        ("AcquisitionTime", 143312.5, "time_of_day"),
        ("AcquisitionDateTime", "2021-03-04T14:33:12", "date"),
        ("PatientName", "SMITH^JANE", "name"),
        ("OperatorsName", "JS", "name"),
        ("PatientID", "1234567", "direct_identifier"),
        ("PatientBirthDate", "1962-03-04", "date"),
        ("StudyID", "27018", "direct_identifier"),
        ("StudyInstanceUID", "1.3.12.2.1107.5.2.19.45479.2016072812145837123", "uid_with_date"),
        ("SeriesInstanceUID", "1.2.840.113619.2.408.5282380.4562341.27283.1537222031.341", "uid_with_date"),
        ("ImageComments", "pt is wife of Dr Wong, rescan", "free_text"),
        ("StudyDescription", "Quillfeather reading study", "free_text"),
        ("PatientAge", "093Y", "age_over_89"),
        ("GPS", "-33.8688, 151.2093", "location"),
        ("AcquisitionStartEpoch", 1614868392, "date"),
        ("StartTime", 52392.5, "time_of_day"),
        ("anything", "scanned 4 March 2021", "date"),
        ("anything", "jane@example.org", "direct_identifier"),
        ("anything", "Wilma Okafor", "name"),
        ("ScanOperator", "Xanthe Quillfeather", "name"),
    ],
)
def test_a_telling_value_is_found_at_any_depth(key: str, value: object, kind: str) -> None:
    """The locator is the path of the keys, joined by dots."""
    assert kinds({key: value}) == {key: kind}
    assert kinds({"global": {"const": [{"deep": {key: value}}]}}) == {f"global.const.0.deep.{key}": kind}


@pytest.mark.parametrize(
    "content",
    [
        {"ManufacturersModelName": "MAGNETOM Prisma Fit", "SoftwareVersions": "syngo MR E11"},
        {"ConversionSoftwareVersion": "v1.0.20220720", "RandomSeed": 20210304, "RepetitionTime": 2},
        {"ImageComments": "Unaliased MB3/PE3/LB SENSE1", "ProcedureStepDescription": "Brain^Research"},
        {"InstitutionName": "n/a", "StationName": "", "DeviceSerialNumber": "XXXXX", "PatientName": "anonymous"},
        {"PatientName": "sub-001", "PatientID": "001"},
        {"PulseSequenceDetails": "CMRR multiband, release R016a 2019/05/13"},
        {"TaskDescription": "Participants saw faces of the Ekman set (Paul Ekman, 1976)"},
        {"AcquisitionDateTime": "1925-03-04T00:00:00", "StartTime": -22.345, "SliceTiming": [0, 1.5]},
        {"SeriesInstanceUID": "2.25.329800735698586629295641978511506172918"},
        {"removed": {"PatientName": 24, "PatientID": 24}},
        {"md5sum": "5d41402abc4b2a76b9719d911017c592", "AtlasName": "Harvard Oxford"},
    ],
)
def test_ordinary_sidecars_are_left_alone(content: Any) -> None:  # noqa: ANN401 - any JSON value
    """Physics, models, versions, dummies, replaced UIDs and tallies give nothing of medium severity."""
    assert kinds(content) == {}


def test_lists_of_one_value_per_slice_are_one_finding() -> None:
    """As dcmstack writes them."""
    assert kinds({"global": {"slices": {"ContentTime": ["143312.5", "143314.5"]}}}) == {
        "global.slices.ContentTime": "time_of_day",
    }


def test_authors_may_name_themselves_in_the_description() -> None:
    """But a participant's number is one there too."""
    description = {"Name": "Study", "Authors": ["Jane Smith"], "Funding": ["granted 2021-03-04"]}
    assert kinds(description, "dataset_description.json") == {}
    assert kinds({"Name": "includes MRN 1234567"}, "dataset_description.json") == {"Name": "direct_identifier"}


@pytest.mark.parametrize(
    "content",
    [
        {"sub-001": "1234567", "sub-002": "9988776", "sub-003": "5544332"},
        {"map": {"Jane Smith": "sub-001", "Minh Nguyen": "sub-002"}},
        [{"label": "sub-001", "mrn": "77"}, {"label": "sub-002", "mrn": "78"}],
    ],
)
def test_a_mapping_from_labels_to_people_is_a_key(content: Any) -> None:  # noqa: ANN401 - any JSON value
    """One critical finding for the file."""
    assert kinds(content, "code/any.json") == {"file": "linking_key"}


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b"\x00\x01", b'{"a": ' * 2000])
def test_broken_json_is_unreadable(content: bytes) -> None:
    """Nothing crashes, however deep."""
    with pytest.raises(Unreadable):
        list(find(content, Place.at(PATH)))


def test_a_model_in_json_that_keeps_rows_of_its_training_data_is_named() -> None:
    """Coefficients alone are fine."""
    assert kinds({"support_vectors": [[1.0, 2.0], [3.0, 4.0]], "coef": [1]}, "m.json") == {
        "support_vectors": "training_rows",
    }
    assert kinds({"coef": [0.1, 0.2], "classes": ["a", "b"], "n_train": 48}, "m.json") == {}
