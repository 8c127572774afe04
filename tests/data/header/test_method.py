"""The result says how it was de-identified: what was done, and nothing that was not."""

from io import BytesIO

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from fivesafes.data.header.deidentify import deidentify
from fivesafes.data.header.elements import EXPLICIT_LITTLE
from fivesafes.data.header.method import method_elements
from fivesafes.data.header.options import BASIC, CLEAN_GRAPHICS, MEANINGS, NAMES
from fivesafes.data.header.part10 import EXPLICIT, file_head
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.header.values import encode

from .conftest import KEY, MR, small_image

PSEUDONYMS = Pseudonyms(KEY, "test")


def _said(options: set[str], profile: str = "basic") -> Dataset:
    """Write what is said of an object in which these options were used, and read it again."""
    elements = method_elements(load_profile(profile), frozenset(options), EXPLICIT_LITTLE)
    data = b"".join(encode(tag, vr, value, EXPLICIT_LITTLE) or b"" for tag, vr, value in elements)
    return pydicom.dcmread(BytesIO(file_head(MR, "1.2.3", EXPLICIT) + data))


@given(options=st.sets(st.sampled_from(sorted(NAMES))))
def test_codes_dates_and_pixels_say_what_was_used(options: set[str]) -> None:
    """For every combination of options (PS3.15 E.1.1, PS3.3 C.12.1.1.9, C.7.6.1.1)."""
    said = _said(options)
    codes = said.DeidentificationMethodCodeSequence
    assert [code.CodeValue for code in codes] == [BASIC, *sorted(options)]
    assert [code.CodeMeaning for code in codes] == [MEANINGS[code.CodeValue] for code in codes]
    assert {code.CodingSchemeDesignator for code in codes} == {"DCM"}
    assert said.PatientIdentityRemoved == "YES"
    temporal = "UNMODIFIED" if "113106" in options else "MODIFIED" if "113107" in options else "REMOVED"
    assert said.LongitudinalTemporalInformationModified == temporal
    assert said.get("BurnedInAnnotation") == ("NO" if "113101" in options else None)
    assert said.get("RecognizableVisualFeatures") == ("NO" if "113102" in options else None)


@pytest.mark.parametrize("profile", ["basic", "mri-research", "basic+113103+113104+113105+113107+113108+113109+113112"])
def test_the_method_has_room_in_its_values(profile: str) -> None:
    """LO has 64 characters; what does not fit one value is said in several."""
    said = _said(set(), profile).DeidentificationMethod
    parts = [said] if isinstance(said, str) else list(said)
    assert all(len(part) <= 64 for part in parts)
    assert load_profile(profile).digest[:12] in parts[-1]
    assert any(load_profile(profile).name[:40] in part for part in parts)


def test_graphics_are_said_to_be_clean_where_the_profile_names_the_option() -> None:
    """They always go; other options are said only of an object in which they were used."""
    assert CLEAN_GRAPHICS in {
        code.CodeValue for code in _said(set(), "basic+113103+113105").DeidentificationMethodCodeSequence
    }
    assert len(_said(set(), "basic+113103+113105").DeidentificationMethodCodeSequence) == 2


@pytest.mark.parametrize(
    ("profile", "temporal", "codes"),
    [
        ("basic", "REMOVED", ["113100"]),
        ("basic+113106", "UNMODIFIED", ["113100", "113106"]),
        ("basic+113107", "MODIFIED", ["113100", "113107"]),
        ("basic+113108", "REMOVED", ["113100", "113108"]),
        ("basic+113109", "REMOVED", ["113100"]),
        ("basic+113110", "REMOVED", ["113100", "113110"]),
        ("mri-research", "MODIFIED", ["113100", "113105", "113107", "113108"]),
    ],
)
def test_a_cleaned_image_says_what_was_done_to_it(profile: str, temporal: str, codes: list[str]) -> None:
    """An option that found nothing to keep is not said."""
    made, _, _ = deidentify(small_image(), load_profile(profile), PSEUDONYMS)
    assert temporal == made.LongitudinalTemporalInformationModified
    assert [code.CodeValue for code in made.DeidentificationMethodCodeSequence] == codes


def test_an_image_without_any_date_left_says_so() -> None:
    """Whatever the profile would have done with one."""
    image = small_image()
    del image.StudyDate, image.StudyTime
    made, _, _ = deidentify(image, load_profile(), PSEUDONYMS)
    assert made.LongitudinalTemporalInformationModified == "REMOVED"


@pytest.mark.parametrize("profile", ["basic", "mri-research"])
def test_what_a_scanner_says_of_its_picture_is_kept_and_nothing_is_added(profile: str) -> None:
    """No header work cleans a pixel: where the original says nothing, the result says nothing."""
    image = small_image()
    made, _, _ = deidentify(image, load_profile(profile), PSEUDONYMS)
    assert "BurnedInAnnotation" not in made
    assert "RecognizableVisualFeatures" not in made
    image.BurnedInAnnotation, image.RecognizableVisualFeatures = "NO", "YES"
    made, _, _ = deidentify(image, load_profile(profile), PSEUDONYMS)
    assert (made.BurnedInAnnotation, made.RecognizableVisualFeatures) == ("NO", "YES")
