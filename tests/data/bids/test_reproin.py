"""Reading ReproIn names.  The expected readings were compared with heudiconv 1.5.1's own reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.ids import SubjectLabel
from fivesafes.data.bids.names import complaint
from fivesafes.data.bids.reproin import component, parse

X = SubjectLabel("x")


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("anat-T1w", "anat/sub-x_T1w"),
        ("anat_T1w", "anat/sub-x_T1w"),
        (" anat-T1w ", "anat/sub-x_T1w"),
        ("PU:anat-T1w", "anat/sub-x_T1w"),
        ("WIP anat-T1w", "anat/sub-x_T1w"),
        ("anat-T1w_acq-MPRAGE_run-02", "anat/sub-x_acq-MPRAGE_run-02_T1w"),
        ("anat_acq-mprage_T1w", "anat/sub-x_acq-mprage_T1w"),
        ("anat-T2w__what it was like", "anat/sub-x_T2w"),
        ("bids_func-bold_task-rest", "func/sub-x_task-rest_bold"),
        ("func_run+_task-rest", "func/sub-x_task-rest_bold"),
        ("func-bold_dir-AP_task-rest_run-01", "func/sub-x_task-rest_dir-AP_run-01_bold"),
        ("func-bold_task-rest_SBRef", "func/sub-x_task-rest_sbref"),
        ("func-bold_task-face_echo-1", "func/sub-x_task-face_echo-1_bold"),
        ("dwi_dir-AP", "dwi/sub-x_dir-AP_dwi"),
        ("dwi_dir-AP_ADC", "dwi/sub-x_dir-AP_ADC"),
        ("dwi_dir-AP_TRACEW", "dwi/sub-x_dir-AP_trace"),
        ("fmap_dir-PA", "fmap/sub-x_dir-PA_epi"),
        ("fmap-epi_dir-PA_acq-4mm", "fmap/sub-x_acq-4mm_dir-PA_epi"),
    ],
)
def test_a_reproin_name_becomes_a_bids_name(text: str, stem: str) -> None:
    """Prefixes and comments go, entities come in order, the default suffix is filled in."""
    found = parse(text)
    assert found is not None
    assert found.name is not None
    assert f"{found.name.datatype}/{found.name.stem(X, found.session)}" == stem


@pytest.mark.parametrize(
    ("image_type", "suffix"),
    [
        (("ORIGINAL", "PRIMARY", "M", "ND"), "magnitude1"),
        (("ORIGINAL", "PRIMARY", "P", "ND"), "phasediff"),
        (("ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"), "phasediff"),
    ],
)
def test_a_field_map_without_a_suffix_gets_it_from_its_kind_of_image(image_type: tuple[str, ...], suffix: str) -> None:
    """ReproIn leaves it open; ImageType decides."""
    found = parse("fmap_run+_acq-4mm", image_type=image_type)
    assert found is not None
    assert found.name is not None
    assert found.name.suffix == suffix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "__x",
        "bids",
        "anat",
        "anat-",
        "anat-T1",
        "anat-t1w",
        "t1_mprage_sag",
        "behav-x",
        "func-bold_acq-x",
        "func-bold_task-",
        "func-bold_task-rest_task-rest",
        "func-bold_task-rest_what",
        "func_task-rest_acq-3.5mm",
        "func-bold_task-rest_sub-01",
        "func-bold_task-rest_ses-{date}",
        "func-bold_task-rest_ses-20240131",
        "fmap_acq-4mm",
        "dwi_dir-AP_dir-PA",
        "CANARY-T1w",
    ],
)
def test_what_is_not_plainly_reproin_is_not_guessed(text: str) -> None:
    """The series then waits for a rule."""
    assert parse(text) is None


@pytest.mark.parametrize("text", ["scout", "anat-scout", "AAHead_Scout_32ch-head-coil", "anat-scout_ses-01"])
def test_a_scout_has_no_name_but_may_announce_the_session(text: str) -> None:
    """ReproIn users write the session once, in the scout's name."""
    found = parse(text)
    assert found is not None
    assert found.name is None
    assert found.session == ("01" if "ses-" in text else None)


def test_the_session_is_told_apart_from_the_name() -> None:
    """It goes into the folder, and is never an entity of the series."""
    found = parse("func-bold_task-rest_ses-pre")
    assert found is not None
    assert found.session == "pre"
    assert found.name is not None
    assert "ses" not in found.name.entities


@given(st.text(max_size=60) | st.from_regex(r"(anat|func|dwi|fmap)(-[A-Za-z0-9]{1,6})?(_[a-z]{2,5}-[^_]{0,9}){0,4}"))
def test_no_text_breaks_it_and_each_name_is_one_of_bids(text: str) -> None:
    """Whatever an operator typed, the answer is None or a name that BIDS has."""
    found = parse(text)
    if found is not None and found.name is not None:
        assert complaint(found.name.datatype, found.name.suffix, found.name.entities) is None
        assert found.name.stem(X, None).replace("-", "").replace("_", "").isalnum()


def test_disagreeing_image_types_tell_no_component() -> None:
    """A combined image is neither magnitude nor phase."""
    assert component(("ORIGINAL", "PRIMARY", "M", "P")) is None
    assert component(("ORIGINAL", "PRIMARY", "R", "ND")) == "real"
    assert component(("P", "P")) is None
