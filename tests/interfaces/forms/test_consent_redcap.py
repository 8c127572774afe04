"""REDCap: raw exports are joined record by record; what is ambiguous, and labels, are refused with what to do."""

from datetime import date
from pathlib import Path

import pytest

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import Identifying
from fivesafes.interfaces.forms.consent_mapping import read_mapping
from fivesafes.interfaces.forms.consent_redcap import RedcapConsents, read_redcap
from fivesafes.project.model import DataUse, UseCondition

MAPPING = """\
[redcap]
dictionary = "dictionary.csv"
participant = "mri_id"
event = "enrolment_arm_1"

[consent]
given = "agreed"
date = "consent_date"
withdrawn = "withdrawal_date"
face = { field = "share_face", yes = ["1"], no = ["2", "9"] }
public = "share___pub"

[use]
field = "uses"
codes = { 1 = "GRU", 2 = "HMB", 3 = "NPUNCU" }
"""
DICTIONARY = """\
"Variable / Field Name","Form Name",Section,"Field Type","Field Label","Choices, Calculations, OR Slider Labels"
record_id,enrol,,text,"Record ID",
mri_id,scan,,text,"ID at the scanner",
agreed,consent,,yesno,"Agreed?",
consent_date,consent,,text,"Day",
withdrawal_date,consent,,text,"Withdrew",
share_face,consent,,radio,"Face?","1, Yes | 2, No | 9, Not asked"
share,consent,,checkbox,"Share","pub, Publicly | con, Controlled"
uses,consent,,checkbox,"May be used for","1, Any research | 2, Health | 3, Not for profit, please"
"""
COLUMNS = (
    "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,mri_id,agreed,consent_date,"
    "withdrawal_date,share_face,share___pub,share___con,uses___1,uses___2,uses___3"
)
ENROLLED = "1,enrolment_arm_1,,,,1,2026-02-03,,1,1,0,1,0,1"
SCANNED = "1,visit_arm_1,,,PAT-1,,,,,,,,,"


def read(folder: Path, *rows: str, mapping: str = MAPPING, dictionary: str = DICTIONARY) -> RedcapConsents:
    """Write mapping, dictionary and export, and read them."""
    (folder / "mapping.toml").write_text(mapping)
    (folder / "dictionary.csv").write_text(dictionary)
    (folder / "export.csv").write_text("\n".join((COLUMNS, *rows)) + "\n")
    return read_redcap(folder / "export.csv", read_mapping(folder / "mapping.toml"))


def test_a_record_is_joined_over_events_and_checkboxes(tmp_path: Path) -> None:
    """The identifier stands in one event, the consent in another."""
    (stated,) = read(tmp_path, ENROLLED, SCANNED).stated
    assert stated.participant == Identifying("PAT-1")
    assert {one.use for one in stated.consent.permissions} == {DataUse.GRU}
    assert stated.consent.conditions == {UseCondition.NPUNCU}
    assert (stated.consent.face, stated.consent.public, stated.public_stated) == (True, True, True)
    assert stated.consent.valid_from == date(2026, 2, 3)
    assert stated.line == 2


def test_what_was_not_answered_is_no(tmp_path: Path) -> None:
    """Unknown stays no: face and public."""
    row = "1,enrolment_arm_1,,,PAT-1,1,2026-02-03 10:15,,9,0,0,0,1,0"
    (stated,) = read(tmp_path, row).stated
    assert (stated.consent.face, stated.consent.public) == (False, False)
    (stated,) = read(tmp_path, row.replace(",9,0,", ",,,")).stated
    assert (stated.consent.face, stated.consent.public) == (False, False)


def test_a_no_is_told_and_a_record_without_an_answer_is_counted(tmp_path: Path) -> None:
    """Asked and refused is a no of somebody; not asked yet, or nobody's no, is none."""
    rows = (
        "2,enrolment_arm_1,,,PAT-2,0,,,,0,0,0,0,0",
        "3,enrolment_arm_1,,,,,,,,,,,,",
        "4,enrolment_arm_1,,,,0,,,,,,,,",
    )
    found = read(tmp_path, ENROLLED, SCANNED, *rows)
    assert (len(found.stated), found.without) == (1, 2)
    assert [(one.line, one.participant) for one in found.declined] == [(4, Identifying("PAT-2"))]


def test_a_no_and_a_yes_of_one_participant_in_two_records_are_refused(tmp_path: Path) -> None:
    """Nobody knows which holds."""
    with pytest.raises(InvalidInput, match="another record has the same participant"):
        read(tmp_path, ENROLLED, SCANNED, "2,enrolment_arm_1,,,PAT-1,0,,,,0,0,0,0,0")


EVERYWHERE = ["1,enrolment_arm_1,,,PAT-1,1,2026-02-03,,1,1,0,1,0,1", "1,followup_arm_1,,,,,,2026-05-01,,,,,,"]


@pytest.mark.parametrize(
    ("rows", "mapping", "line"),
    [
        (EVERYWHERE, MAPPING, 3),
        (
            ["1,a_arm_1,,,PAT-1,,,2026-05-01,,,,,,", "1,a_arm_1,consent,1,,1,2026-02-03,,2,0,0,0,1,0"],
            MAPPING.replace('event = "enrolment_arm_1"', 'instrument = "consent"'),
            2,
        ),
        (
            [
                "1,a_arm_1,,,PAT-1,,,,,,,,,",
                "1,a_arm_1,consent,1,,1,2026-02-03,2026-05-01,2,0,0,0,1,0",
                "1,a_arm_1,consent,2,,1,2026-02-04,,2,0,0,0,1,0",
            ],
            MAPPING.replace('event = "enrolment_arm_1"', 'instrument = "consent"'),
            3,
        ),
        ([*EVERYWHERE, "1,late_arm_1,,,,,,2026-04-01 10:00,,,,,,"], MAPPING, 4),
    ],
)
def test_a_withdrawal_counts_wherever_it_stands(tmp_path: Path, rows: list[str], mapping: str, line: int) -> None:
    """In another event, another instrument, an earlier instance; of several the earliest, by its line."""
    (stated,) = read(tmp_path, *rows, mapping=mapping).stated
    assert stated.consent.withdrawn_on == (date(2026, 4, 1) if line == 4 else date(2026, 5, 1))
    assert stated.line == line


def test_a_consent_that_begins_after_the_withdrawal_contradicts_it(tmp_path: Path) -> None:
    """Neither is dropped: the record is refused, with what to do."""
    rows = [EVERYWHERE[0].replace("2026-02-03", "2026-06-01"), EVERYWHERE[1]]
    with pytest.raises(InvalidInput, match="line 2: withdrawal_date lies before consent_date"):
        read(tmp_path, *rows)


def test_a_withdrawal_that_is_no_date_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    """A free text in the follow-up is a withdrawal too."""
    with pytest.raises(InvalidInput, match="withdrawal_date holds what is no date"):
        read(tmp_path, EVERYWHERE[0], EVERYWHERE[1].replace("2026-05-01", "in May"))


def test_who_withdrew_is_told_even_when_the_rest_was_emptied(tmp_path: Path) -> None:
    """Some sites set the answer to no on that day."""
    (stated,) = read(tmp_path, "1,enrolment_arm_1,,,PAT-1,0,,2026-05-01,,0,0,0,0,0").stated
    assert stated.consent.withdrawn_on == date(2026, 5, 1)
    assert not stated.consent.permissions


def test_of_a_repeating_instrument_the_highest_instance_counts(tmp_path: Path) -> None:
    """The newest consent holds."""
    mapping = MAPPING.replace('event = "enrolment_arm_1"', 'instrument = "consent"')
    rows = [
        "1,a_arm_1,,,PAT-1,,,,,,,,,",
        "1,a_arm_1,consent,2,,1,2026-03-01,,2,0,0,0,1,0",
        "1,a_arm_1,consent,10,,1,2026-04-01,,2,0,0,0,1,0",
    ]
    (stated,) = read(tmp_path, *rows, mapping=mapping).stated
    assert stated.consent.valid_from == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["1,enrolment_arm_1,,,SECRET,1,2026-02-03,,7,1,0,1,0,1"], "line 2: share_face holds a code"),
        (["1,enrolment_arm_1,,,SECRET,Yes,2026-02-03,,1,1,0,1,0,1"], "agreed holds a label"),
        (["1,enrolment_arm_1,,,SECRET,1,03/02/2026,,1,1,0,1,0,1"], "consent_date holds what is no date"),
        (["1,enrolment_arm_1,,,SECRET,1,,,1,1,0,1,0,1"], "consent_date is empty"),
        (["1,enrolment_arm_1,,,,1,2026-02-03,,1,1,0,1,0,1"], "participant is missing"),
        (["1,enrolment_arm_1,,,SECRET,1,2026-02-03,,1,1,0,0,0,1"], "names no permission"),
        (["1,enrolment_arm_1,,,SECRET,1,2026-02-03,,1,1,0,Checked,0,1"], "neither 1 nor 0"),
        ([ENROLLED, SCANNED, "1,other_arm_1,,,SECRET,,,,,,,,,"], "rows say different things about mri_id"),
        ([ENROLLED, SCANNED, ENROLLED.replace("1,", "2,", 1), SCANNED.replace("1,", "2,", 1)], "another record has"),
        ([",enrolment_arm_1,,,SECRET,1,2026-02-03,,1,1,0,1,0,1"], "record_id is empty"),
        (["9,another_arm_1,,,SECRET,,,,,,,,,"], "no record holds a consent"),
    ],
)
def test_a_wrong_record_is_named_by_its_line(tmp_path: Path, rows: list[str], expected: str) -> None:
    """Nothing that stands in a cell is repeated."""
    with pytest.raises(InvalidInput, match=expected) as raised:
        read(tmp_path, *rows)
    assert "SECRET" not in str(raised.value)
    assert "PAT-1" not in str(raised.value)


def test_rows_that_disagree_are_refused_and_the_event_tells_them_apart(tmp_path: Path) -> None:
    """Without the event, two consents of one record are a contradiction."""
    mapping = MAPPING.replace('event = "enrolment_arm_1"\n', "")
    second = ENROLLED.replace("enrolment", "followup").replace("2026-02-03", "2026-05-05")
    with pytest.raises(InvalidInput, match="name event or instrument"):
        read(tmp_path, ENROLLED, SCANNED, second, mapping=mapping)
    assert read(tmp_path, ENROLLED, SCANNED, second).stated


def test_a_labels_export_is_refused_with_how_to_export_raw(tmp_path: Path) -> None:
    """Labels differ by project and language."""
    (tmp_path / "mapping.toml").write_text(MAPPING)
    (tmp_path / "dictionary.csv").write_text(DICTIONARY)
    (tmp_path / "export.csv").write_text('"Record ID","Event Name","Share (choice=Publicly)"\n1,Enrolment,Checked\n')
    with pytest.raises(InvalidInput, match="labels") as raised:
        read_redcap(tmp_path / "export.csv", read_mapping(tmp_path / "mapping.toml"))
    assert "raw data" in raised.value.fix


def test_a_field_that_was_not_exported_is_named(tmp_path: Path) -> None:
    """The columns that the mapping needs must be there."""
    (tmp_path / "mapping.toml").write_text(MAPPING)
    (tmp_path / "dictionary.csv").write_text(DICTIONARY)
    (tmp_path / "export.csv").write_text(COLUMNS.removesuffix(",uses___3") + "\n")
    with pytest.raises(InvalidInput, match="lacks uses___3"):
        read_redcap(tmp_path / "export.csv", read_mapping(tmp_path / "mapping.toml"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('participant = "mri_id"', 'participant = "mri_nr"', "has no field mri_nr"),
        ('codes = { 1 = "GRU", 2 = "HMB", 3 = "NPUNCU" }', 'codes = { 1 = "GRU", 2 = "HMB" }', "what code 3 of uses"),
        ('3 = "NPUNCU"', '3 = "NPUNCU", 4 = "HMB"', "has no code 4"),
        ('3 = "NPUNCU"', '3 = "NOTHING"', "not of the GA4GH"),
        ('public = "share___pub"', 'public = "share"', "share is a checkbox"),
        ('given = "agreed"', 'given = "agreed___1"', "agreed is no checkbox"),
        ('no = ["2", "9"]', 'no = ["2"]', "whether code 9 of share_face"),
        ('field = "uses"', 'felt = "uses"', "use.felt"),
        ("[use]", "[use", "is not TOML"),
        ('field = "uses"\n', "", r"\[use\] needs"),
    ],
)
def test_a_mapping_that_does_not_fit_the_dictionary_is_refused(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    """A code nobody thought of must not become a consent."""
    assert old in MAPPING
    with pytest.raises(InvalidInput, match=expected):
        read(tmp_path, ENROLLED, mapping=MAPPING.replace(old, new))


def test_a_file_that_is_no_dictionary_is_refused(tmp_path: Path) -> None:
    """And the API's names of its columns are taken too."""
    with pytest.raises(InvalidInput, match="no REDCap data dictionary"):
        read(tmp_path, ENROLLED, dictionary="a,b\n1,2\n")
    api = DICTIONARY.replace(
        DICTIONARY.splitlines()[0],
        "field_name,form_name,section_header,field_type,field_label,select_choices_or_calculations",
    )
    assert read(tmp_path, ENROLLED, SCANNED, dictionary=api).stated


def test_a_project_whose_form_says_the_same_for_all_needs_no_codes(tmp_path: Path) -> None:
    """One consent text, one set of terms; no dictionary needed."""
    mapping = """\
[redcap]
participant = "mri_id"
[consent]
date = "consent_date"
[use]
always = "HMB NPUNCU"
"""
    (stated,) = read(tmp_path, "1,e,,,PAT-1,,2026-02-03,,,,,,,", mapping=mapping).stated
    assert {one.use for one in stated.consent.permissions} == {DataUse.HMB}
    assert (stated.consent.face, stated.public_stated) == (False, False)


def test_without_a_dictionary_a_checkbox_is_written_with_its_underscores(tmp_path: Path) -> None:
    """A code may add a condition alone, or nothing."""
    mapping = """\
[redcap]
participant = "mri_id"
[consent]
date = "consent_date"
[use]
always = "NPUNCU"
field = "uses___"
codes = { 1 = "GRU", 2 = "HMB", 3 = "" }
"""
    (stated,) = read(tmp_path, "1,e,,,PAT-1,,2026-02-03,,,,,0,1,1", mapping=mapping).stated
    assert {one.use for one in stated.consent.permissions} == {DataUse.HMB}
    assert stated.consent.conditions == {UseCondition.NPUNCU}
