"""The command: exit codes, the contract's JSON, and a report that shows no value."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fivesafes.interfaces.cli import fivesafes

FINDING = {
    "code", "kind", "path", "locator", "participant", "severity", "why", "fix", "source", "evidence",
}  # fmt: skip
TOP = {
    "schema", "findings", "unread", "measures", "bits", "greedy_bits", "links", "risk_curve", "differencing",
    "cross_release_links",
}  # fmt: skip
MEASURES = {
    "k", "classes", "sample_unique", "l_distinct", "l_entropy", "t_equal_distance", "prosecutor_max", "marketer",
    "records_at_risk_0_09", "records_at_risk_0_2",
}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write a clean data set."""
    root = tmp_path / "data"
    (root / "sub-01").mkdir(parents=True)
    (root / "participants.tsv").write_text(
        "participant_id\tage\tsex\tgroup\nsub-01\t34\tF\tcontrol\nsub-02\t35\tM\tcontrol\n"
    )
    return root


def run(*words: str | Path) -> Result:
    """Call ``fivesafes check``."""
    return CliRunner().invoke(fivesafes, ["check", *map(str, words)])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{}", 0),
        ('{"StationName": "AWP12345"}', 6),
        ("{", 6),
        ('{"PatientName": "SMITH^JANE"}', 3),
    ],
)
def test_the_exit_code_tells_the_worst(data: Path, text: str, code: int) -> None:
    """0 nothing, 6 medium or unread, 3 high or critical."""
    (data / "a.json").write_text(text)
    assert run(data, "--no-faces").exit_code == code
    assert run(data, "--no-faces", "--json").exit_code == code


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    """With an error that says what to give."""
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "missing"):
        assert type(run(tmp_path / folder).exception).exit_code == 4  # type: ignore[union-attr]


def test_the_json_holds_what_the_contract_says(data: Path, tmp_path: Path) -> None:
    """Every field, and each finding whole."""
    (data / "a.json").write_text('{"PatientName": "SMITH^JANE"}')
    known = tmp_path / "known"
    known.mkdir()
    (known / "visits.csv").write_text("person,venue,arrive,leave\nann,B7,2021-03-04T10:00,2021-03-04T11:00\n")
    answer = json.loads(run(data, "--no-faces", "--json", "--auxiliary", known, "--qi", "age,sex").stdout)
    assert answer["schema"] == 1
    assert answer.keys() >= TOP
    assert all(finding.keys() == FINDING for finding in answer["findings"])
    assert answer["measures"].keys() == MEASURES
    assert answer["measures"]["k"] == 1
    assert answer["quasi_identifiers"] == ["age", "sex"]
    assert set(answer["bits"]) == {"age", "sex"}
    assert answer["findings"][0]["evidence"] == "S…(10)"
    assert "SMITH" not in json.dumps(answer)


def test_releases_are_compared_however_they_are_listed(data: Path, tmp_path: Path) -> None:
    """``--against A B`` and ``--against A --against B`` are the same."""
    others = []
    for name in ("one", "two"):
        other = tmp_path / name
        other.mkdir()
        (other / "participants.tsv").write_text((data / "participants.tsv").read_text() + "sub-03\t36\tF\tcontrol\n")
        others.append(other)
    once = json.loads(run(data, "--no-faces", "--json", "--against", *others).stdout)
    twice = json.loads(run(data, "--no-faces", "--json", "--against", others[0], "--against", others[1]).stdout)
    assert once["differencing"] == twice["differencing"]
    assert {tuple(one["between"]) for one in once["differencing"]} == {
        ("one/participants.tsv", "data/participants.tsv"),
        ("two/participants.tsv", "data/participants.tsv"),
    }
    assert run(data, others[0]).exit_code == 2


def test_the_report_for_people_shows_places_and_remedies_and_no_value(data: Path) -> None:
    """Worst first, alike findings folded, figures at the end."""
    for number in range(6):
        (data / f"{number}.json").write_text('{"PatientName": "SMITH^JANE", "StationName": "AWP12345"}')
    shown = run(data, "--no-faces").output
    assert "… and 3 more" in shown
    assert shown.index("critical") < shown.index("medium")
    assert "remove it" in shown
    assert "k 1" in shown
    assert "SMITH" not in shown
    assert "AWP" not in shown
