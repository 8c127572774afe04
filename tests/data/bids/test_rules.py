"""Naming series by the study form's rules and by ReproIn."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import Identifying, SubjectLabel
from fivesafes.data.bids.rules import Held, Ignored, Named, Rule, checked_rule, name_series
from fivesafes.data.model import SeriesFacts

T1W = {"datatype": "anat", "suffix": "T1w", "acq": "mprage"}


def facts(description: str = "", protocol: str = "", *image_type: str) -> SeriesFacts:
    """Make up what is known of a series."""
    return SeriesFacts(
        modality="MR",
        series_number=7,
        descriptions=Identifying({"SeriesDescription": description, "ProtocolName": protocol}),
        image_type=image_type or ("ORIGINAL", "PRIMARY", "M", "ND"),
        acquisition_type="3D",
    )


def rule(when: dict[str, Any], **what: Any) -> Rule:  # noqa: ANN401 - as a form has it
    """Check a rule as the form does."""
    return checked_rule({"when": when, **(what or {"name": T1W})})


@pytest.mark.parametrize(
    "when",
    [
        {"SeriesDescription": "*T1_MPRAGE*"},
        {"SeriesDescription": "t1_mprage_sag"},
        {"SeriesNumber": 7},
        {"SeriesNumber": "7", "MRAcquisitionType": "3d"},
        {"ImageType": "*\\M\\*"},
        {"ImageType": "ND"},
    ],
)
def test_a_rule_names_what_all_its_patterns_match(when: dict[str, Any]) -> None:
    """Case does not count, stars match anything, numbers may be numbers."""
    named = name_series(facts("t1_mprage_sag"), [rule(when)])
    assert isinstance(named, Named)
    assert named.name.suffix == "T1w"
    assert named.by == "rule 1"


@pytest.mark.parametrize(
    "when", [{"SeriesDescription": "*t1*", "SeriesNumber": "8"}, {"SequenceName": "*"}, {"ImageType": "P"}]
)
def test_one_pattern_that_does_not_match_is_enough_to_leave_it(when: dict[str, Any]) -> None:
    """A series that lacks the attribute matches no pattern for it, not even a star."""
    assert isinstance(
        name_series(facts("t1_mprage_sag"), [Rule(when={k: str(v) for k, v in when.items()}, name=None)]), Held
    )


def test_the_first_rule_that_matches_decides_and_comes_before_reproin() -> None:
    """A study that knows better than its scanner says so in its form."""
    rules = [
        rule({"SeriesDescription": "nothing"}),
        rule({"SeriesDescription": "anat*"}, name={"datatype": "anat", "suffix": "T2w"}, deface=False),
        rule({"SeriesDescription": "anat*"}),
    ]
    named = name_series(facts("anat-T1w"), rules)
    assert isinstance(named, Named)
    assert (named.name.suffix, named.by, named.deface) == ("T2w", "rule 2", False)


def test_an_ignored_series_says_which_rule_ignores_it() -> None:
    """It is not released, and nobody wonders why."""
    ignored = name_series(facts("junk"), [rule({"SeriesDescription": "junk"}, ignore=True)])
    assert ignored == Ignored(why="rule 1 of the study form ignores it")


def test_reproin_is_looked_for_in_the_description_then_in_the_protocol() -> None:
    """Scanners often overwrite one of them."""
    first = name_series(facts("anat-T1w", "anat-T2w"), ())
    second = name_series(facts("t1 sag", "anat-T2w"), ())
    assert isinstance(first, Named)
    assert isinstance(second, Named)
    assert (first.name.suffix, second.name.suffix) == ("T1w", "T2w")
    assert second.by == "ReproIn in ProtocolName"


@pytest.mark.parametrize("text", ["Mrs Jones again", "CANARY", "Dr^Smith", ""])
def test_what_nothing_names_is_held_and_its_texts_are_not_repeated(text: str) -> None:
    """Typed-in text may be a name; the reason must not carry it on."""
    held = name_series(facts(text, text), [rule({"SeriesDescription": "t1*"})])
    assert isinstance(held, Held)
    assert not text or text not in held.why


@pytest.mark.parametrize(
    "text",
    ["localizer", "Localizer", "3-plane loc", "3Plane Localiser", "Survey_32ch_Head", "scout", "AAHScout_MPR_sag"],
)
def test_planning_scans_are_ignored_without_a_rule(text: str) -> None:
    """They are no data, and every study has them."""
    assert isinstance(name_series(facts(text), ()), Ignored)


@pytest.mark.parametrize("text", ["Face Localizer fMRI", "localizer_john", "locus", "boy scout camp"])
def test_a_description_that_says_more_than_localizer_is_held_instead(text: str) -> None:
    """Data must not vanish because a word resembles a planning scan's."""
    assert isinstance(name_series(facts(text), ()), Held)


def test_a_scout_hands_on_the_session_that_it_announces() -> None:
    """ReproIn users write it there only."""
    assert name_series(facts("anat-scout_ses-02"), ()) == Ignored(
        why="a scout: it plans the scan and is no data", session="02"
    )


@pytest.mark.parametrize(
    ("description", "protocol", "image_type"),
    [
        ("dwi_dir-AP", "", ("DERIVED", "PRIMARY", "DIFFUSION", "ADC")),
        ("MoCoSeries", "func-bold_task-rest", ("ORIGINAL", "PRIMARY", "M", "ND", "MOCO")),
        ("anat-T1w_MPR_Cor", "anat-T1w", ("DERIVED", "SECONDARY", "MPR", "CSA MPR")),
    ],
)
def test_what_the_scanner_computed_from_a_named_series_is_held(
    description: str, protocol: str, image_type: tuple[str, ...]
) -> None:
    """It often bears the name of its source; releasing it as that would be wrong."""
    assert isinstance(name_series(facts(description, protocol, *image_type), ()), Held)


def test_a_rule_cannot_make_a_diffusion_image_of_a_map() -> None:
    """One pattern often matches the series and the maps that were computed from it."""
    dwi = rule({"SeriesDescription": "DWI*"}, name={"datatype": "dwi", "suffix": "dwi"})
    made = name_series(facts("DWI_TRACEW", "", "DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"), [dwi])
    assert isinstance(made, Held)


def test_a_derived_structural_image_may_call_itself_by_a_reproin_name() -> None:
    """Combined and corrected structural images are derived and wanted."""
    assert isinstance(name_series(facts("anat-T1w", "", "DERIVED", "SECONDARY"), ()), Named)


def test_a_phase_series_gets_its_part() -> None:
    """Else it would be one more run of its magnitude."""
    named = name_series(facts("func-bold_task-rest", "", "ORIGINAL", "PRIMARY", "P", "ND"), ())
    assert isinstance(named, Named)
    assert dict(named.name.entities) == {"task": "rest", "part": "phase"}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({}, "either a name or ignore"),
        ({"name": T1W}, "at least one pattern"),
        ({"when": {}, "name": T1W}, "at least one pattern"),
        ({"when": {"PatientName": "*"}, "name": T1W}, "can't ask for PatientName"),
        ({"when": {"SeriesDescription": "*"}, "name": T1W}, "match every series"),
        ({"when": {"SeriesDescription": ["a"]}, "name": T1W}, "must be a text"),
        ({"when": {"SeriesNumber": True}, "name": T1W}, "must be a text"),
        ({"when": {"SeriesNumber": 1}}, "either a name or ignore"),
        ({"when": {"SeriesNumber": 1}, "name": T1W, "ignore": True}, "either a name or ignore"),
        ({"when": {"SeriesNumber": 1}, "ignore": "yes"}, "true or false"),
        ({"when": {"SeriesNumber": 1}, "ignore": True, "deface": False}, "leave deface out"),
        ({"when": {"SeriesNumber": 1}, "name": T1W, "deface": "no"}, "true or false"),
        ({"when": {"SeriesNumber": 1}, "name": {"datatype": "anat"}}, "datatype and suffix"),
        ({"when": {"SeriesNumber": 1}, "name": {**T1W, "ses": "1"}}, "can't set sub or ses"),
        ({"when": {"SeriesNumber": 1}, "name": {**T1W, "dir": "AP"}}, "can't have"),
        ({"when": {"SeriesNumber": 1}, "name": {**T1W, "acq": None}}, "table of texts"),
        ({"when": {"SeriesNumber": 1}, "name": "t1"}, "ReproIn"),
        ({"when": {"SeriesNumber": 1}, "name": "anat-T1w_ses-1"}, "ReproIn"),
        ({"when": {"SeriesNumber": 1}, "name": T1W, "then": 1}, "has no then"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_reason_and_an_example(raw: dict[str, Any], reason: str) -> None:
    """The form says what to write instead."""
    with pytest.raises(InvalidInput, match=reason) as refused:
        checked_rule(raw)
    assert "for example" in refused.value.fix


def test_a_rule_as_the_study_form_gives_it_is_understood() -> None:
    """The form always gives ignore, and leaves out what was not written."""
    checked = checked_rule({"when": {"SeriesNumber": 3}, "name": T1W, "ignore": False, "deface": True})
    assert checked.deface is True
    assert dict(checked.when) == {"SeriesNumber": "3"}
    assert checked_rule({"when": {"SeriesNumber": 3}, "name": "anat-T1w_acq-mprage"}).name == checked.name


@given(pattern=st.text(min_size=1, max_size=20).filter(str.strip), text=st.text(max_size=30))
def test_no_pattern_and_no_description_breaks_naming(pattern: str, text: str) -> None:
    """The answer is always one of three."""
    made = name_series(facts(text, text), [Rule(when={"SeriesDescription": pattern}, name=None)])
    assert isinstance(made, Named | Held | Ignored)


GUIDE = next(parent / "docs" for parent in Path(__file__).parents if (parent / "docs").is_dir())


def test_the_rules_that_the_guide_shows_are_good_ones() -> None:
    """What a user copies must work."""
    guide = (GUIDE / "how-to" / "name-series.md").read_text(encoding="utf-8")
    form = tomllib.loads(guide.partition("```toml\n")[2].partition("```")[0])
    assert len([checked_rule(raw) for raw in form["series"]]) == 3


def test_the_reproin_names_that_the_guide_shows_become_what_it_says() -> None:
    """Those with one result."""
    guide = (GUIDE / "how-to" / "name-series.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `([^`]+)` \| `(\w+)/sub-x_([^`]+)` \|$", guide, re.MULTILINE)
    assert len(shown) == 4
    for text, datatype, rest in shown:
        named = name_series(facts(text), ())
        assert isinstance(named, Named)
        assert (named.name.datatype, named.name.stem(SubjectLabel("x"), None)) == (datatype, f"sub-x_{rest}")
