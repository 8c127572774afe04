"""Profiles extend one another, take options of PS3.15, and are refused where they would keep what they may not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import PolicyInvalid
from fivesafes.data.header.options import FULL_DATES, MODIFIED_DATES, NAMES, OF_HEADERS
from fivesafes.data.header.profile import (
    POLICIES,
    Action,
    Profile,
    _newer_attributes,
    load_profile,
    profile_names,
)

HEAD = "keyword,action,grammar,option,why,source\n"
OPTIONS = st.sets(st.sampled_from(OF_HEADERS)).filter(lambda codes: not {FULL_DATES, MODIFIED_DATES} <= codes)


def _steward(folder: Path, head: str, rows: str = "", name: str = "ours") -> str:
    """Write a profile of one's own, and give its path."""
    (folder / f"{name}.csv").write_text(HEAD + rows)
    (folder / f"{name}.toml").write_text(head)
    return str(folder / f"{name}.toml")


def _rule(profile: Profile, keyword: str) -> Action | None:
    return next((rule.action for rule in profile.rules.values() if rule.keyword == keyword), None)


def test_a_steward_writes_a_profile_outside_of_the_package(tmp_path: Path) -> None:
    """It extends one that ships, and its rows override; the digest is another one, and it crosses processes."""
    head = 'title = "Ours"\nextends = "mri-research"\nin_part = ["113109"]\nrows = "ours.csv"\n'
    rows = (
        "StationName,K,code,113109,two scanners are compared,our protocol\nPatientWeight,X,,,not needed,our protocol\n"
    )
    spec = _steward(tmp_path, head, rows)
    profile = load_profile(spec)
    assert profile.name == "ours"
    assert _rule(profile, "StationName") is Action.K
    assert _rule(profile, "PatientWeight") is Action.X
    assert _rule(profile, "EchoTime") is Action.K
    assert profile.rules[0x00081010].place == "ours.csv:2"
    assert profile.digest != load_profile().digest
    load, arguments = profile.__reduce__()
    assert callable(load)
    assert isinstance(arguments, tuple)
    assert load(*arguments) is profile


def test_the_digest_covers_a_profile_outside_of_the_package(tmp_path: Path) -> None:
    """Each of its files, and what ships; the same files somewhere else are the same policy."""
    heads = ('extends = "basic"\nrows = "ours.csv"\n', 'title = "Ours"\nextends = "basic"\nrows = "ours.csv"\n')
    folders = [tmp_path / name for name in ("one", "same", "head", "rows")]
    for folder in folders:
        folder.mkdir()
    given = zip(folders, (heads[0], heads[0], heads[1], heads[0]), ("", "", "", "EchoTime,X,,,w,s\n"), strict=True)
    one, same, head, rows = (load_profile(_steward(folder, *more)).digest for folder, *more in given)
    assert one == same
    assert len({one, head, rows, load_profile("basic").digest}) == 4


def test_newer_attributes_have_the_tag_that_is_written() -> None:
    """The dictionary of pydicom does not have them yet."""
    newer = _newer_attributes(POLICIES / "allow")
    assert newer["PrincipalDiagnosisCodeSequence"] == (0x00081301, (b"SQ",), 1)


def test_an_option_is_added_to_any_profile(tmp_path: Path) -> None:
    """By code or by name, to one that ships or to one's own."""
    spec = _steward(tmp_path, 'extends = "basic"\n')
    by_code, by_name = load_profile(f"{spec}+113110"), load_profile(f"{spec}+retain-uids")
    assert by_code.name == by_name.name == "ours+113110"
    assert _rule(by_code, "StudyInstanceUID") is Action.K
    assert _rule(load_profile(spec), "StudyInstanceUID") is Action.U
    assert _rule(load_profile("mri-research+113109"), "DeviceSerialNumber") is Action.K


@given(codes=OPTIONS)
def test_an_option_changes_only_what_the_table_lists_for_it(codes: set[str]) -> None:
    """In whatever order, by code or by name."""
    ordered = "+".join(["basic", *sorted(codes)])
    turned = "+".join(["basic", *(NAMES[code] for code in sorted(codes, reverse=True))])
    profile, other, basic = load_profile(ordered), load_profile(turned), load_profile("basic")
    assert profile.rules == other.rules
    assert profile.name == other.name
    assert profile.options == codes
    for tag in profile.rules.keys() | basic.rules.keys():
        rule, before = profile.rules.get(tag), basic.rules.get(tag)
        if rule != before:
            assert rule is not None
            assert rule.option in codes
            assert rule.option in profile.basic[rule.keyword][1]


def test_of_two_options_the_one_that_cleans_decides() -> None:
    """The device's option keeps the day of a calibration, the one for dates moves it: it is moved."""
    assert _rule(load_profile("basic+113107+113109"), "DateOfLastCalibration") is Action.C
    assert _rule(load_profile("basic+113109"), "DateOfLastCalibration") is Action.K


def test_private_elements_need_the_option_for_them() -> None:
    """Basic has none; with the option those of private.csv stay."""
    assert not load_profile("basic").private
    assert load_profile("basic+113111").private == load_profile().private


def test_profiles_that_ship_are_named() -> None:
    """Each has a title for a person."""
    assert profile_names() == ["basic", "mri-research"]
    assert all(load_profile(name).title for name in profile_names())


@pytest.mark.parametrize(
    ("head", "rows", "said"),
    [
        ('extend = "basic"\n', "", "ours.toml: unknown key extend"),
        ("extends = basic\n", "", "ours.toml, line 1: this is no TOML"),
        ("extends = 3\n", "", "extends is a text"),
        ('options = "113107"\n', "", "options is a list"),
        ('extends = "basic"\noptions = ["113199"]\n', "", "there is no option 113199"),
        ('extends = "basic"\noptions = ["113101"]\n', "", "no profile fulfils 113101"),
        ('extends = "basic"\noptions = ["clean-recognizable-visual-features"]\n', "", "no profile fulfils"),
        ('extends = "mri-research"\noptions = ["113106"]\n', "", "kept (113106) and moved (113107) at once"),
        ('extends = "nobody"\n', "", "nobody.toml: can't be read"),
        ('extends = "../x/nobody"\n', "", "is no name of a profile"),
        ('extends = "ours.toml"\n', "", "in a circle"),
        ('extends = "basic"\nrows = "theirs.csv"\n', "", "theirs.csv: can't be read"),
        (None, "StationName,K,code,113109,why,source\n", "ours.csv, line 2: StationName needs option 113109"),
        (None, "StationName,K,code,,why,source\n", "ours.csv, line 2: PS3.15 lists StationName with X/Z/D"),
        (None, "PatientComments,K,code,113105,why,source\n", "ours.csv, line 2: PS3.15 lists PatientComments with X"),
        (None, "OtherPatientIDs,U,uid,,why,source\n", "ours.csv, line 2: PS3.15 lists OtherPatientIDs with X"),
        (None, "EchoTime,X,,,w,s\nEchoTime,X,,,w,s\n", "ours.csv, line 3: EchoTime is named twice"),
        (None, "EchoTime,K,items,,why,source\n", "ours.csv, line 2: items is the grammar of sequences"),
        (None, "MRDiffusionSequence,K,number,,why,source\n", "ours.csv, line 2: items is the grammar of sequences"),
        (None, "EchoTime,C,shift,,why,source\n", "ours.csv, line 2: DS is no date or time"),
        (None, "DeviceSerialNumber,D,value:Zürich,,why,source\n", "ours.csv, line 2: a grammar is written in ASCII"),
        (None, "DeviceSerialNumber,D,,,why,source\n", "ours.csv, line 2: a stand-in needs a value"),
    ],
)
def test_a_profile_that_can_not_be_meant_is_refused(tmp_path: Path, head: str | None, rows: str, said: str) -> None:
    """With file, line, reason and an example; no folder is named, as it may bear a name."""
    head = 'extends = "basic"\nin_part = ["113105"]\nrows = "ours.csv"\n' if head is None else head
    with pytest.raises(PolicyInvalid) as refused:
        load_profile(_steward(tmp_path, head, rows))
    assert said in refused.value.what
    assert refused.value.fix
    assert str(tmp_path) not in str(refused.value)


def test_a_file_that_bears_no_name_of_a_profile_is_refused(tmp_path: Path) -> None:
    """The name is written into every result: it is short, and no typed text."""
    spec = _steward(tmp_path, 'extends = "basic"\n', name="Lisbeth's scans")
    with pytest.raises(PolicyInvalid, match="file name is not a profile's"):
        load_profile(spec)
