"""An object may pass only if its kind may, and nothing says that there is text in its picture."""

import pytest
from attrs import evolve

from fivesafes.core.verdict import Gravity
from fivesafes.data.header.judge import Telling, judge_instance
from fivesafes.data.header.profile import Profile, SopClass

GOOD = {
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4",
    "Modality": "MR",
    "ImageType": "ORIGINAL\\PRIMARY",
    "PatientID": "Q",
    "SamplesPerPixel": "1",
}


def test_a_usual_image_passes(profile: Profile) -> None:
    """Without a finding."""
    verdict = judge_instance(Telling(texts=GOOD), profile)
    assert not verdict.findings
    assert verdict.gravity is Gravity.NOTE


@pytest.mark.parametrize(
    ("texts", "gravity", "code"),
    [
        ({"SOPClassUID": ""}, Gravity.REFUSE, "sop-class"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, Gravity.REFUSE, "sop-class"),
        ({"Modality": "CT"}, Gravity.REFUSE, "modality"),
        ({"Modality": ""}, Gravity.REFUSE, "modality"),
        ({"BurnedInAnnotation": "yes"}, Gravity.REFUSE, "burned-in"),
        ({"ImageType": "DERIVED\\PRIMARY\\Screen Save"}, Gravity.REFUSE, "screen-save"),
        ({"ImageType": "DERIVED\\PRIMARY\\GRAPH"}, Gravity.REVIEW, "image-type"),
        ({"ImageType": "DERIVED\\PRIMARY\\GRAPH\\SCREEN"}, Gravity.REFUSE, "screen-save"),
        ({"ConversionType": "wsd"}, Gravity.REFUSE, "converted"),
        ({"SamplesPerPixel": "3"}, Gravity.REVIEW, "colour-unplaced"),
        ({"PatientID": ""}, Gravity.NOTE, "no-patient-id"),
    ],
)
def test_each_reason_is_told(profile: Profile, texts: dict[str, str], gravity: Gravity, code: str) -> None:
    """With a code, a sentence, what to do, and where it is written."""
    verdict = judge_instance(Telling(texts={**GOOD, **texts}), profile)
    assert verdict.gravity is gravity
    (finding,) = verdict.findings
    assert finding.code == f"data.header.{code}"
    assert finding.why
    assert finding.fix
    assert finding.source


@pytest.mark.parametrize(
    "texts",
    [
        {"BurnedInAnnotation": "NO"},
        {"ConversionType": "SYN"},
        {"SamplesPerPixel": ""},
        {"SamplesPerPixel": "3", "ImagePositionPatient": "0\\0\\0"},
        {"SamplesPerPixel": "3", "SharedFunctionalGroupsSequence": "present"},
    ],
)
def test_what_says_nothing_of_the_kind_passes(profile: Profile, texts: dict[str, str]) -> None:
    """A colour map that lies in the body is one."""
    assert not judge_instance(Telling(texts={**GOOD, **texts}), profile).findings


def test_overlays_in_the_pixels_are_refused_and_nothing_is_assumed(profile: Profile) -> None:
    """They are looked for by default only where they were seen."""
    nothing = Telling(texts={})
    assert (nothing.overlay_in_pixels, nothing.overlay_apart, nothing.listed) == (False, False, False)
    verdict = judge_instance(Telling(texts=GOOD, overlay_in_pixels=True), profile)
    assert verdict.gravity is Gravity.REFUSE
    assert [one.code for one in verdict.findings] == ["data.header.overlay-in-pixels"]


def test_a_kind_that_is_refused_is_named_where_it_has_a_name(profile: Profile) -> None:
    """Secondary capture by name; one that no row names without."""
    named = judge_instance(Telling(texts={**GOOD, "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}), profile)
    assert named.findings[0].why.startswith(profile.sop_class("1.2.840.10008.5.1.4.1.1.7").name + ": ")
    other = judge_instance(Telling(texts={**GOOD, "SOPClassUID": "1.2.3"}), profile)
    assert other.findings[0].why == profile.sop_class("1.2.3").why


def test_two_reasons_are_both_told(profile: Profile) -> None:
    """A colour picture of nobody."""
    verdict = judge_instance(Telling(texts={**GOOD, "SamplesPerPixel": "3", "PatientID": ""}), profile)
    assert {one.code.rpartition(".")[2] for one in verdict.findings} == {"colour-unplaced", "no-patient-id"}


def test_a_modality_passes_where_an_accepted_kind_has_it(profile: Profile) -> None:
    """Not because a refused kind has it."""
    refused = SopClass(uid="1", name="x", modality="XA", accepted=False, why="no")
    assert not evolve(profile, sop_classes={**profile.sop_classes, "1": refused}).accepts_modality("XA")
    accepted = evolve(refused, accepted=True)
    assert evolve(profile, sop_classes={**profile.sop_classes, "1": accepted}).accepts_modality("XA")
