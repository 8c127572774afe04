"""What columns and cells of tables disclose, whatever their names, and what they do not."""

from collections.abc import Callable

import pytest

from fivesafes.data.model import Residue
from fivesafes.data.residue.place import Place
from fivesafes.data.residue.tables import Neighbours, find

Look = Callable[..., list[Residue]]
LABELS = [f"sub-00{number}" for number in range(1, 6)]


def column(name: str, values: list[str]) -> bytes:
    """Write participants.tsv with one more column."""
    lines = [f"participant_id\tage\t{name}"]
    lines += [f"{label}\t3{i}\t{value}" for i, (label, value) in enumerate(zip(LABELS, values, strict=False))]
    return "\n".join(lines).encode()


def kinds(content: bytes, path: str = "participants.tsv") -> dict[str, str]:
    """Map locator to kind for findings of medium severity or worse."""
    found = find(content, Place.at(path))
    return {one.locator: one.kind for one in found if one.severity.value not in ("info", "low")}


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("dob", ["1998-02-03", "1987-04-05", "1933-01-01"], "date"),
        ("Date of birth (dd/mm/yyyy)", ["01/02/1990", "03/04/1980"], "date"),
        ("x1", ["03/02/1998", "05/04/1987", "30/12/1990"], "date"),
        ("visit", ["3 Feb 2021", "14 Mar 2021", "1 Apr 2021"], "date"),
        ("besuch", ["4. März 2021", "14. Mai 2021", "1. Okt 2021"], "date"),
        ("dx_day", ["4/3/21", "12/4/21", "30/5/21"], "date"),
        ("scan_day", ["44230", "44260", "44300", "44310", "44320"], "date"),
        ("xl", ["44230", "44260", "44300", "44310", "44320"], "date"),
        ("mt", ["738221.5", "738230.5", "738240.2", "738250.1", "738260.9"], "date"),
        ("seen", ["040321", "120421", "300521", "010621", "150721"], "date"),
        ("v", ["20210304", "20210411", "20210520", "20210601"], "date"),
        ("week", ["2021-W09-4", "2021-W10-1", "2021-W11-2"], "date"),
        ("m", ["2021-03", "2021-04", "2021-05"], "date"),
        ("stamp", ["1612345678", "1612995678", "1613345678"], "date"),
        ("yob", ["1998", "1987", "1931"], "date"),
        ("start", ["14:33:12", "09:12:00", "10:15:00"], "time_of_day"),
        ("code", ["1234567", "7654321", "3456789", "9182736"], "direct_identifier"),
        ("ref", ["H0012345", "H0099812", "H0031245"], "direct_identifier"),
        ("batch", ["4100001", "4130077", "4109981", "4150312"], "direct_identifier"),
        ("mrn", ["123", "456"], "direct_identifier"),
        ("nhs", ["9434765919", "9434765870"], "direct_identifier"),
        ("contact", ["0412 345 678", "0498 765 432"], "direct_identifier"),
        ("mail", ["a@b.com", "c@d.org"], "direct_identifier"),
        ("home_postcode", ["2006", "2010"], "small_area"),
        ("area", ["SW1A 1AA", "EC1A 1BB", "M1 1AE"], "small_area"),
        ("suburb", ["Newtown", "Glebe"], "small_area"),
        ("surname", ["Smith", "Ng"], "name"),
        ("alias", ["Olivia", "Liam", "Priya"], "name"),
        ("label", ["Quillfeather", "Thistlewood", "Oakenshaw", "Brambleby"], "name"),
        ("rater", ["Jane Smith", "Minh Nguyen"], "name"),
        ("initials", ["JS", "MN"], "name"),
        ("lat", ["-33.8688", "-33.8712"], "location"),
        ("home", ["-33.8688,151.2093", "-33.87,151.21"], "location"),
        ("hash", ["5d41402abc4b2a76b9719d911017c592", "7d793037a0760186574b0282f2f435e7"], "linking_key"),
        ("redcap_id", ["12", "13"], "linking_key"),
        ("date_shift_days", ["-35012", "-36001"], "linking_key"),
        ("hospital", ["Westmead", "RPA"], "institution"),
        ("scanner_serial", ["45479", "45479"], "device"),
    ],
)
def test_a_telling_column_is_named(name: str, values: list[str], kind: str) -> None:
    """Dates in any form, numbers of records, areas, names, contacts: by the name of the column or by its values."""
    assert kinds(column(name, values)) == {f"column={name}": kind}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("iq", ["102", "99", "110"]),
        ("eTIV", ["1423010", "1512331", "1389870", "1499999", "1450123"]),
        ("total_brain", ["1123010", "1212331", "1089870", "1199999", "1150123"]),
        ("lh_hippo", ["4123.5", "4212.3", "3989.1"]),
        ("group", ["control", "patient", "control"]),
        ("ehi", ["100", "-80", "90"]),
        ("site", ["A", "B", "A"]),
        ("site_name", ["Sydney", "Sydney", "Perth"]),
        ("task_version", ["2021.1", "2021.1", "2021.2"]),
        ("diagnosis", ["dyslexia", "control", "Parkinson's disease"]),
        ("iq_test", ["WAIS-IV", "Raven", "Stanford-Binet"]),
        ("medication", ["none", "methylphenidate 20 mg", "sertraline 50 mg"]),
        ("notes", ["May need re-scan", "Parkinson sequence", "moved during T1, slices 3-5"]),
        ("brain_age", ["95", "33", "41"]),
        ("age_group", ["20-29", "80-89", "90+"]),
        ("trial_code", ["R001", "R002", "R003"]),
        ("acq_time", ["1925-03-04T00:00:00", "1924-01-02T00:00:00"]),
        ("mrn", ["n/a", "n/a", "REMOVED"]),
        ("bids_label", ["sub-001", "sub-002", "sub-003"]),
    ],
)
def test_an_ordinary_column_is_left_alone(name: str, values: list[str]) -> None:
    """Measures, groups, tests named after people and plain remarks give nothing of medium severity."""
    assert kinds(column(name, values)) == {}


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("notes", "Spoke to Mary Jones at 2pm", "free_text"),
        ("comments", "lives in Gundagai with her mother", "free_text"),
        ("remarks", "call Sarah on 0412 345 678", "free_text"),
        ("incident", "sister of sub-004, same GP", "free_text"),
        ("notes", "all fine, Xanthe Quillfeather moved", "free_text"),
        ("occupation", "mayor of Wagga Wagga", "free_text"),
        ("misc", "1962-03-04", "date"),
        ("q", "Mary Jones", "name"),
        ("age_at_scan", "93", "age_over_89"),
        ("Age (y)", "93.4", "age_over_89"),
        ("age_months", "1104", "age_over_89"),
    ],
)
def test_one_telling_cell_is_found_among_ordinary_ones(name: str, text: str, kind: str) -> None:
    """The row is named by its participant, and the value is not shown."""
    usual = "300" if "months" in name else "30" if "ge" in name[:3] else "fine"
    content = column(name, [usual, text, usual, usual, usual])
    found = [one for one in find(content, Place.at("participants.tsv")) if one.severity.value not in ("info", "low")]
    assert [(one.locator, one.kind, one.participant) for one in found] == [
        (f"row=sub-002;column={name}", kind, "sub-002"),
    ]
    assert text not in found[0].evidence


def test_ages_follow_the_unit_of_the_data_dictionary() -> None:
    """1104 is an age of 92 in months."""
    content = b"participant_id\tage\nsub-001\t1104\nsub-002\t120\n"
    beside = Neighbours(dictionary={"age": {"Units": "months"}})
    assert [one.locator for one in find(content, Place.at("participants.tsv"), beside)] == ["row=sub-001;column=age"]


def test_a_headless_recording_takes_its_columns_from_the_sidecar() -> None:
    """Seconds since 1970 in a physio file are a date."""
    content = b"1614868392.1\t2\n1614868392.2\t3\n"
    beside = Neighbours(dictionary={"Columns": ["clock", "cardiac"]})
    found = list(find(content, Place.at("sub-1/func/sub-1_physio.tsv.gz"), beside))
    assert [(one.locator, one.kind) for one in found] == [("column=clock", "date")]


def test_wall_clocks_and_typed_answers_of_events_are_found() -> None:
    """Onsets and buttons are not."""
    content = (
        b"onset\tduration\twall\ttyped\n0.1\t1\t14:33:12\ta dog\n2.3\t1\t14:33:22\tmy name is sarah, I live in Wagga\n"
        b"4.1\t1\t14:33:32\ta cat\n"
    )
    assert kinds(content, "sub-1/func/sub-1_task-x_events.tsv") == {
        "column=wall": "time_of_day",
        "row=2;column=typed": "free_text",
    }


@pytest.mark.parametrize(
    "content",
    [
        "participant_id,hospital\nsub-001,1234567\nsub-002,7654321\nsub-003,4455667\n",
        "bids\toriginal\nsub-001\tSmith Jane\nsub-002\tNguyen Minh\n",
        "label;date_of_birth\nsub-001;1962-03-04\nsub-002;1970-01-01\n",
    ],
)
def test_a_table_that_links_labels_to_people_is_one_finding(look: Look, content: str) -> None:
    """Whatever its name: the whole file has to go."""
    assert [(one.kind, one.locator, one.severity.value) for one in look("extra/table.csv", content)] == [
        ("linking_key", "file", "critical"),
    ]


def test_a_lookup_table_of_regions_is_no_key(look: Look) -> None:
    """A name that speaks of lookup or mapping is no evidence by itself."""
    assert look("derivatives/atlas_lookup.tsv", "index\tname\n1\tLeft\n2\tRight\n") == []
    assert look("sub-1/func/sub-1_task-link_events.tsv", "onset\tduration\n1\t2\n") == []
