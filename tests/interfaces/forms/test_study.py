"""The study form: a wrong value is answered with the line, the reason and an example."""

from datetime import date
from pathlib import Path

import pytest

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import Identifying
from fivesafes.flow.plan import make_plan
from fivesafes.interfaces.forms.study import blank_form, read_study
from fivesafes.project.model import DataUse, Tier, UseCondition

FILLED = {
    "«short-name»": "memory-2026",
    "«Full title of the project»": "Memory",
    "«Dr A. Person»": "Dr A. Person",
    "«University or hospital»": "University",
    "«data-office@institution.example»": "data@university.example",
    "«Name of the committee»": "HREC",
    "«2026/123»": "2026/123",
    "«One sentence: what the recipients will do with the data»": "Study memory.",
}
CONSENTS = (
    "participant,data_use,face,valid,withdrawn\n"
    "1007,GRU NPUNCU,no,2026-01-01/..,\n"
    "1008,NRES,yes,2026-01-01/2030-01-01,2026-05-01\n"
)


@pytest.fixture
def form(tmp_path: Path) -> Path:
    """Write the blank form filled in, with two consents."""
    text = blank_form()
    for blank, value in FILLED.items():
        text = text.replace(blank, value)
    text = text.replace("conditions_met = []", 'conditions_met = ["NPUNCU"]')
    (tmp_path / "consent.csv").write_text(CONSENTS)
    path = tmp_path / "STUDY.toml"
    path.write_text(text)
    return path


def test_the_blank_form_filled_in_is_a_study(form: Path) -> None:
    """What `project new` writes needs only its marked places filled."""
    study = read_study(form)
    assert study.project.id == "memory-2026"
    assert study.project.shared_with is Tier.T1
    first = study.consents[Identifying("1007")]
    assert {p.use for p in first.permissions} == {DataUse.GRU}
    assert first.conditions == {UseCondition.NPUNCU}
    assert study.consents[Identifying("1008")].withdrawn_on is not None
    assert make_plan(study.project, study.consents.values(), on=date(2026, 6, 1)).decision.tier is Tier.T1


def test_the_blank_form_itself_is_not_yet_one(form: Path) -> None:
    """Every place that is not filled in is named with its line."""
    form.write_text(blank_form())
    with pytest.raises(InvalidInput) as raised:
        read_study(form)
    message = raised.value.what
    assert "STUDY.toml, line 5: project.id:" in message
    assert "must be filled in" in message
    assert message.count("\n") + 1 == len(FILLED)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('data_use = "GRU"', 'data_use = "all"', "line 21: use.data_use: input should be 'NRES'"),
        (
            "valid_until = 2030-12-31",
            "valid_until = 2025-12-31",
            "approval.valid_until: ends before it begins; for example: valid_until = 2030-12-31",
        ),
        (
            "participants = 24",
            'participants = "24"',
            "cohort.participants: input should be a valid integer; for example: participants = 24",
        ),
        ("keep_face = false", "keepface = false", "sharing.keepface: is not a field of this form"),
        ('with = "controlled"', 'with = "anywhere"', 'for example: with = "controlled"'),
        ('number = "2026/123"', "", "approval.number: is missing"),
        ("vulnerable = []", 'vulnerable = ["children"]', 'for example: vulnerable = ["minors"]'),
        ('id = "memory-2026"', 'id = "mem/ory"', "project.id: must be filled in"),
    ],
)
def test_a_wrong_value_is_answered_with_line_reason_and_example(form: Path, old: str, new: str, expected: str) -> None:
    """The user sees where, why and what instead."""
    text = form.read_text()
    assert old in text
    form.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidInput) as raised:
        read_study(form)
    assert expected in raised.value.what
    line = int(raised.value.what.split("line ")[1].split(":")[0])
    shown = form.read_text().splitlines()[line - 1]
    assert shown.split(" ")[0].split("=")[0].strip() in (new.split(" ", maxsplit=1)[0], "[approval]")


def test_what_is_not_toml_says_where(form: Path) -> None:
    """A missing quote is named with line and column."""
    form.write_text(form.read_text().replace('title = "Memory"', 'title = "Memory', 1))
    with pytest.raises(InvalidInput, match="line 6, column"):
        read_study(form)


def test_rules_are_checked_with_their_line(form: Path) -> None:
    """A rule that names nothing of BIDS is answered at its own place."""
    good = '\n[[series]]\nwhen = { SeriesDescription = "*t1*" }\nname = { datatype = "anat", suffix = "T1w" }\n'
    bad = good.replace("T1w", "T9w")
    form.write_text(form.read_text() + good + bad)
    line = len((form.read_text() + "x").splitlines()) - 3
    with pytest.raises(InvalidInput, match=rf"line {line}: \[\[series\]\]"):
        read_study(form)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1009,ALL,no,2026-01-01/..,", "not of the GA4GH Data Use Ontology"),
        ("1009,NPU,no,2026-01-01/..,", "names no permission"),
        ("1009,GRU,maybe,2026-01-01/..,", "face must be yes or no"),
        ("1009,GRU,no,2026,", "valid must be an interval"),
        ("1009,GRU,no,01/02/2026,", "holds what is no date"),
        ("1009,GRU,no,2026-01-01/2025-01-01,", "ends before it begins"),
        ("1009,GRU,no,2026-01-01/..,soon", "withdrawn holds what is no date"),
        ("1007,GRU,no,2026-01-01/..,", "in an earlier line"),
        (",GRU,no,2026-01-01/..,", "participant is missing"),
        ("1009,GRU,no,2026-01-01/..,,x", "more cells than columns"),
        ("1009,GRU,no,2026-01-01/..", "fewer cells than columns"),
        ("1009" + "x" * 200_000 + ",GRU,no,2026-01-01/..,", "this is no CSV"),
    ],
)
def test_a_wrong_consent_names_its_line_and_never_the_participant(form: Path, row: str, expected: str) -> None:
    """Line 4 is wrong; whose it is, the message does not say."""
    table = form.parent / "consent.csv"
    table.write_text(CONSENTS + row + "\n")
    with pytest.raises(InvalidInput) as raised:
        read_study(form)
    assert "consent.csv, line 4: " in raised.value.what
    assert expected in raised.value.what
    assert "1009" not in str(raised.value)
    assert "1007" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "columns must be"),
        ("participant;data_use\n", "semicolons"),
        (CONSENTS.splitlines()[0] + "\n", "has no rows"),
    ],
)
def test_a_table_without_consents_is_refused(form: Path, text: str, expected: str) -> None:
    """Zero rows release nothing, and that is said at once."""
    (form.parent / "consent.csv").write_text(text)
    with pytest.raises(InvalidInput, match=expected):
        read_study(form)


def test_a_spreadsheet_s_byte_order_mark_and_column_order_are_no_matter(form: Path) -> None:
    """Excel writes a mark; people move columns."""
    (form.parent / "consent.csv").write_text(
        "\ufefffalse".replace("false", "")
        + "face,participant,valid,data_use,withdrawn\nno,1,2026-01-01/..,DS:MONDO:0005180,\n",
        encoding="utf-8",
    )
    consent = read_study(form).consents[Identifying("1")]
    assert {p.disease for p in consent.permissions} == {"MONDO:0005180"}


def test_a_missing_form_and_a_missing_table_say_what_to_do(form: Path) -> None:
    """Both name the remedy."""
    (form.parent / "consent.csv").unlink()
    with pytest.raises(InvalidInput, match="relative to the form"):
        read_study(form)
    with pytest.raises(InvalidInput, match="project new"):
        read_study(form.parent / "nothing.toml")
