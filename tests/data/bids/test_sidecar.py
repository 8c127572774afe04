"""Cleaning sidecars by explicit inclusion."""

import json
from pathlib import Path
from typing import Any

import pytest
from bidsschematools.schema import load_schema
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import PolicyInvalid
from fivesafes.data.bids.names import bids_name
from fivesafes.data.bids.sidecar import ALWAYS, KEEP, Code, clean, load_table, read_table

BOLD = bids_name("func", "bold", {"task": "rest"})
T1W = bids_name("anat", "T1w", {})
EVERYTHING = KEEP["standard"] | {"position"}

# What dcm2niix wrote of a Siemens series, values made up, with all that must go.
RAW = {
    "Modality": "MR",
    "MagneticFieldStrength": 3,
    "Manufacturer": "Siemens",
    "ManufacturersModelName": "Prisma_fit",
    "InstitutionName": "St Elsewhere",
    "InstitutionAddress": "Elm Street 13,Springwood",
    "DeviceSerialNumber": "67093",
    "StationName": "AWP67093",
    "BodyPart": "BRAIN",
    "PulseSequenceDetails": "%CustomerSeq%\\site_ep2d",
    "PulseSequenceType": "Multiband Gradient Echo EPI",
    "ScanningSequence": "EP",
    "SequenceVariant": "SK",
    "ScanOptions": "FS",
    "SequenceName": "epfid2d1_64",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
    "AcquisitionTime": "12:28:12.085000",
    "SeriesDescription": "Mrs Jones",
    "ImageComments": "claustrophobic",
    "EchoTime": 0.03,
    "RepetitionTime": 2.0,
    "FlipAngle": 75,
    "SliceTiming": [0.0, 1.0, 0.5, 1.5],
    "PhaseEncodingDirection": "j-",
    "TotalReadoutTime": 0.03,
    "EffectiveEchoSpacing": 0.0005,
    "ShimSetting": [2027, -5895, -1760],
    "SoftwareVersions": "syngo MR E11",
    "TablePosition": [0, 0, -17.3125],
    "SomethingNew": "of a later version",
}


def test_only_what_the_table_keeps_stays() -> None:
    """Minimal metadata: enough to use the image, nothing of who, where and when."""
    kept, removed = clean(RAW, name=BOLD)
    assert set(kept) == {
        *{"TaskName", "MagneticFieldStrength", "Manufacturer", "ManufacturersModelName", "BodyPart"},
        *{"PulseSequenceType", "ScanningSequence", "SequenceVariant", "ScanOptions", "EchoTime", "RepetitionTime"},
        *{"FlipAngle", "SliceTiming", "PhaseEncodingDirection", "TotalReadoutTime", "EffectiveEchoSpacing"},
        "DeidentificationMethod",
    }
    assert len(removed) == len(RAW) - len(kept) + 2
    assert "SomethingNew" not in removed


def test_the_standard_setting_keeps_the_sequence_and_the_software_too() -> None:
    """A secure place may hold more; the room and the machine stay out everywhere."""
    kept, _ = clean(RAW, name=BOLD, keep=KEEP["standard"])
    assert {"SoftwareVersions", "SequenceName", "PulseSequenceDetails"} <= set(kept)
    assert not set(kept) & {"InstitutionName", "DeviceSerialNumber", "StationName", "TablePosition", "ShimSetting"}


def test_the_task_is_told_from_the_name_and_only_for_functional_images() -> None:
    """What a scan says of it may be typed-in text."""
    assert clean({"TaskName": "Jones"}, name=BOLD)[0]["TaskName"] == "rest"
    assert "TaskName" not in clean({"TaskName": "Jones"}, name=T1W)[0]


def test_a_phase_image_says_its_units() -> None:
    """BIDS requires them; vendors scale phase as they like."""
    phase = bids_name("func", "bold", {"task": "rest", "part": "phase"})
    assert clean({}, name=phase)[0]["Units"] == "arbitrary"
    assert clean({"Units": "rad"}, name=phase)[0]["Units"] == "rad"


def test_the_way_of_deidentification_is_told_with_its_codes() -> None:
    """As BIDS has it, and never as a scan claims it."""
    kept, _ = clean(
        {"DeidentificationMethod": ["by Dr Jones"]},
        name=T1W,
        methods=["by inclusion"],
        codes=[Code(value="113100", meaning="Basic Application Confidentiality Profile")],
    )
    assert kept["DeidentificationMethod"] == ["by inclusion"]
    assert kept["DeidentificationMethodCodeSequence"][0]["CodeValue"] == "113100"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("EchoTime", 122458.1025),
        ("EchoTime", float("nan")),
        ("EchoTime", "0.03"),
        ("EchoTime", True),
        ("RepetitionTime", 19700101),
        ("RepetitionTime", 0),
        ("SliceTiming", [0, -1]),
        ("SliceTiming", [[0], [1]]),
        ("SliceTiming", []),
        ("Manufacturer", "Dr Jones"),
        ("ManufacturersModelName", "Prisma of Dr Jones"),
        ("ManufacturersModelName", "Prisma 19700101"),
        ("ReceiveCoilName", "Jones_32"),
        ("ReceiveCoilActiveElements", "HEA;Jones"),
        ("ScanningSequence", "EP\\Jones"),
        ("ScanOptions", "FS\nJones"),
        ("PulseSequenceType", "Jones EPI"),
        ("PhaseEncodingDirection", "x"),
        ("MTState", "false"),
        ("SoftwareVersions", "syngo 2020-01-31"),
        ("SoftwareVersions", "12:28:12"),
        ("SequenceName", "s" * 25),
        ("PulseSequenceDetails", "C:\\Users\\jones\\seq"),
        ("MultibandAccelerationFactor", {"PatientName": "Jones"}),
        ("NumberOfVolumesDiscardedByUser", 1.5),
    ],
)
def test_a_value_that_does_not_fit_is_dropped_and_counted(key: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    """Only its key is told."""
    kept, removed = clean({key: value}, name=T1W, keep=EVERYTHING)
    assert key not in kept
    assert removed == (f"{key} (its value)",)


@pytest.mark.parametrize(
    "model",
    ["MAGNETOM Prisma Fit", "TrioTim", "DISCOVERY MR750w", "Ingenia Elition X", "Galan 3T", "uMR 770", "SIGNA Premier"],
)
def test_known_product_names_of_scanners_stay(model: str) -> None:
    """Users need to know which scanner type it was."""
    assert clean({"ManufacturersModelName": model}, name=T1W)[0]["ManufacturersModelName"] == model


def test_slice_times_beyond_the_repetition_time_are_no_slice_times() -> None:
    """Some headers hold times of day or milliseconds there; BIDS refuses them."""
    kept, removed = clean({"SliceTiming": [0, 3.0], "RepetitionTime": 2.0}, name=BOLD)
    assert "SliceTiming" not in kept
    assert removed == ("SliceTiming (its value)",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(load_table())) | st.text(min_size=1), JSON, max_size=8))
def test_nothing_unnamed_stays_and_what_stays_is_strict_json(raw: dict[str, Any]) -> None:
    """Whatever a converter writes, the keys that stay are of the table, and none of the dropped ones comes back."""
    kept, removed = clean(raw, name=T1W, keep=EVERYTHING)
    table = load_table()
    ours = {"TaskName", "Units", "DeidentificationMethod"}
    assert all(table[key].fits is not None for key in set(kept) - ours)
    assert {key.removesuffix(" (its value)") for key in removed} <= set(table) | {
        "(a key that the table does not name)"
    }
    json.dumps(kept, allow_nan=False)


@given(st.sampled_from(sorted(load_table())), st.text(alphabet=st.characters(min_codepoint=32), max_size=12))
def test_a_planted_text_stays_in_no_sidecar(key: str, around: str) -> None:
    """A canary in any key, however it is dressed, does not come through at the minimal setting."""
    canary = f"{around}CANARYJONES{around}"
    assert "CANARYJONES" not in json.dumps(clean({key: canary}, name=T1W)[0])
    assert "CANARYJONES" not in json.dumps(clean({key: [canary]}, name=T1W)[0])


def test_every_key_that_bids_has_for_mri_is_decided() -> None:
    """When BIDS adds one, this fails until somebody has decided it; what is kept as BIDS' own is in BIDS."""
    schema = load_schema()
    groups = ("mri", "anat", "func", "dwi", "fmap", "asl", "qmri", "entity_rules")
    known = {
        str(schema.objects.metadata[field]["name"])
        for group in groups
        for rule in schema.rules.sidecars[group].values()
        for field in rule.get("fields", {})
    }
    table = load_table()
    assert known <= set(table)
    assert {key for key, row in table.items() if row.group == ALWAYS} <= known


@pytest.mark.parametrize(
    "key",
    [
        *("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "DeviceSerialNumber", "StationName"),
        *("AcquisitionTime", "AcquisitionDateTime", "PatientName", "ImageComments", "StudyInstanceUID"),
    ],
)
def test_no_setting_keeps_what_identifies(key: str) -> None:
    """Not even one that somebody adds later."""
    assert load_table()[key].fits is None


def test_a_group_that_there_is_not_is_refused() -> None:
    """A misspelt setting must not silently keep less or more."""
    with pytest.raises(PolicyInvalid, match="no group"):
        clean({}, name=T1W, keep=frozenset({"everything"}))


HEAD = "key,action,group,grammar,why,source"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("key,action\n", "columns"),
        (f"{HEAD}\nEchoTime,keep,bids,numbers:0..10,why,\n", "filled"),
        (f"{HEAD}\nEchoTime,keep,bids\n", "filled"),
        (f"{HEAD}\nEchoTime,keep,mine,numbers:0..10,why,source\n", "action"),
        (f"{HEAD}\nEchoTime,allow,bids,numbers:0..10,why,source\n", "action"),
        (f"{HEAD}\nEchoTime,drop,bids,,why,source\n", "action"),
        (f"{HEAD}\nEchoTime,keep,bids,any,why,source\n", "grammar"),
        (f"{HEAD}\nEchoTime,keep,bids,number,why,source\n", "line 2"),
        (f"{HEAD}\nEchoTime,keep,bids,re:(,why,source\n", "line 2"),
        (f"{HEAD}\nEchoTime,keep,bids,words:none.txt,why,source\n", "grammar"),
        (f"{HEAD}\nA,drop,,,why,source\nA,drop,,,why,source\n", "line 3"),
    ],
)
def test_a_policy_that_says_the_impossible_is_refused_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    """Loading is where a mistake must show."""
    (tmp_path / "sidecars.csv").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyInvalid, match=reason):
        read_table(tmp_path)
