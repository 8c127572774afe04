"""The profile is data, and data that can't be meant does not load."""

import shutil
from pathlib import Path

import pytest

from fivesafes.core.errors import PolicyInvalid
from fivesafes.data.header import profile as module
from fivesafes.data.header.describe import describe_profile
from fivesafes.data.header.profile import POLICIES, Action, Profile, load_profile

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "profile-mri-research.md"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """Give a copy of the policies that a test may spoil."""
    shutil.copytree(POLICIES, tmp_path / "policies")
    return tmp_path / "policies"


def _add(policies: Path, file: str, row: str) -> None:
    with (policies / "allow" / file).open("a") as table:
        table.write(row + "\n")


def test_the_profile_that_ships_loads(profile: Profile) -> None:
    """It names hundreds of attributes, each with a reason and a source."""
    assert len(profile.rules) > 400
    assert all(rule.why and rule.source for rule in profile.rules.values())
    assert all(rule.why and rule.source for rules in profile.private.values() for rule in rules.values())


def test_no_text_is_kept_without_a_grammar(profile: Profile) -> None:
    """Every kept or cleaned value must look like something."""
    for rule in profile.rules.values():
        if rule.action in {Action.K, Action.C}:
            assert rule.grammar, rule.keyword


@pytest.mark.parametrize(
    ("file", "row", "said"),
    [
        ("mri-research.csv", "EchoTimes,K,number,,why,source", "EchoTimes is no keyword"),
        ("mri-research.csv", "EchoTime,K,number,,why,source", "named twice"),
        ("mri-research.csv", "AcquisitionComments,Q,words,,why,source", "no action"),
        ("mri-research.csv", "AcquisitionComments,K,words,,why,source", "PS3.15 lists AcquisitionComments with X"),
        ("mri-research.csv", "AcquisitionComments,C,words,113107,why,source", "needs one of its options (113105)"),
        ("mri-research.csv", "StationName,K,code,113105,why,source", "PS3.15 lists StationName"),
        ("mri-research.csv", "OtherPatientIDs,K,code,,why,source", "PS3.15 lists OtherPatientIDs"),
        ("mri-research.csv", "AcquisitionComments,C,re:[,113105,why,source", "does not compile"),
        ("mri-research.csv", "AcquisitionComments,C,,113105,why,source", "needs a grammar"),
        ("mri-research.csv", "AcquisitionComments,C,words,113105,why", "5 cells where 6 columns are"),
        ("private.csv", 'X,"(0018,xx01)",LO,K,number,why,source', "no private element"),
        ("private.csv", 'X,"(0019,xx01)",LO,U,number,why,source', "not U"),
        ("sop-classes.csv", "1.2.3,Name,MR,perhaps,why", "accept or refuse"),
        ("csa.csv", "picture,Field,number,why,source", "header is image or protocol"),
    ],
)
def test_a_row_that_can_not_be_meant_is_refused(policies: Path, file: str, row: str, said: str) -> None:
    """The refusal names the file, the line, the reason and an example."""
    _add(policies, file, row)
    with pytest.raises(PolicyInvalid) as refused:
        load_profile(folder=policies)
    assert said in refused.value.what
    assert refused.value.what.startswith(f"{file}, line ")
    assert "for example" in refused.value.fix


def test_an_unknown_column_is_refused(policies: Path) -> None:
    """A column that nobody reads would be a rule that nobody follows."""
    path = policies / "allow" / "mri-research.csv"
    path.write_text(path.read_text().replace("source\n", "origin\n", 1))
    with pytest.raises(PolicyInvalid, match="unknown column origin"):
        load_profile(folder=policies)


def test_a_profile_that_is_not_there_is_refused() -> None:
    """A wrong name is told, with where profiles lie."""
    with pytest.raises(PolicyInvalid, match="ct-research"):
        load_profile("ct-research")


def test_the_digest_covers_every_policy_file(policies: Path) -> None:
    """One byte more in any file is another policy."""
    before = load_profile(folder=policies).digest
    other = policies.parent / "other"
    shutil.copytree(policies, other)
    _add(other, "words.txt", "qvist")
    assert load_profile(folder=other).digest != before
    assert load_profile().digest == before


def test_a_profile_crosses_a_process_border(profile: Profile) -> None:
    """Workers load the same files by name."""
    load, arguments = profile.__reduce__()
    assert callable(load)
    assert isinstance(arguments, tuple)
    assert load(*arguments) is profile


def test_kinds_of_objects_that_no_row_names_are_refused(profile: Profile) -> None:
    """MR images pass; screen saves, spectra, PET and unknown kinds do not."""
    assert profile.sop_class("1.2.840.10008.5.1.4.1.1.4").accepted
    for refused in ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.4.2", "1.2.840.10008.5.1.4.1.1.128", "1.2.3"):
        assert not profile.sop_class(refused).accepted
        assert profile.sop_class(refused).why
    assert profile.accepts_modality("MR")
    assert not profile.accepts_modality("CT")


def test_the_reference_page_says_what_the_profile_does(profile: Profile) -> None:
    """Write the page anew with describe_profile when this fails."""
    assert PAGE.read_text(encoding="utf-8") == describe_profile(profile)


def test_a_profile_that_was_changed_meanwhile_is_refused(policies: Path) -> None:
    """A worker that would load other rules than its parent does nothing."""
    profile = load_profile(folder=policies)
    with pytest.raises(PolicyInvalid, match="changed while"):
        module._loaded_again(profile.name, policies, "0" * 64)
    assert module._loaded_again(profile.name, policies, profile.digest) is profile


@pytest.mark.parametrize(
    ("file", "row", "said"),
    [
        ("private.csv", 'X,"(00ZZ,xx01)",LO,K,number,why,source', "no private element"),
        ("private.csv", 'X,"(0019,0001)",LO,K,number,why,source', "no private element"),
        ("private.csv", 'X,"(0019,xx01)",LO,K,anything,why,source', "no grammar called"),
        ("private.csv", 'SIEMENS MR HEADER,"(0019,xx0C)",LO,K,number,why,source', "named twice"),
        ("csa.csv", "image,NewField,anything,why,source", "no grammar called"),
        ("csa.csv", "image,B_value,number,why,source", "named twice"),
        ("ge.csv", "NEWFIELD,anything,why,source", "no grammar called"),
        ("sop-classes.csv", "1.2.840.10008.5.1.4.1.1.4,Name,MR,accept,why", "named twice"),
        ("mri-research.csv", "AcquisitionComments,C,csa-imagine,113105,why,source", "no grammar called"),
        ("mri-research.csv", "EchoTimes,K,,,why,source", "is no keyword"),
    ],
)
def test_more_rows_that_can_not_be_meant_are_refused(policies: Path, file: str, row: str, said: str) -> None:
    """Each kind of file says what is wrong, in which of its lines."""
    _add(policies, file, row)
    with pytest.raises(PolicyInvalid, match=said):
        load_profile(folder=policies)


def test_what_a_dictionary_says_of_counts_is_read() -> None:
    """As many as its largest number, or without limit."""
    counts = {"1": 1, "1-n": 0, "3": 3, "1-2": 2, "2-2n": 0, "1 or 3": 3, "3-3n": 0, "6": 6, "1-99": 99}
    assert {text: module._most_values(text) for text in counts} == counts
