"""PROV-JSON: what was made from what, by which step, and where in the trail it stands."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.engines.exporters.prov_json import faults, walked_back

from fivesafes.core.event import Event, Fact
from fivesafes.engines.exporters.prov import provenance
from fivesafes.setting.trail.entry import GENESIS, digest_of, line_of

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)


def line(n: int, verb: str, outcome: str, about: str, *, project: str = "memory", **facts: Fact) -> bytes:
    """Make a line of a trail."""
    event = Event(
        when=WHEN,
        actor="worker 1",
        verb=verb,
        object=about,
        outcome=outcome,
        policy_digest="d",
        facts=facts,
        project=project,
    )
    return line_of(event, n=n, previous=GENESIS)


LINES = [
    line(0, "init", "made", "haven 1", project=""),
    line(1, "ingest", "sealed", "series a", digest="aa", participant="ada"),
    line(2, "ingest", "sealed", "series b", digest="bb", participant="ben"),
    line(3, "ingest", "sealed", "series z", project="other", digest="cc", participant="zoe"),
    line(4, "unseal", "begun", "series of memory", number=2, series="a b"),
    line(5, "process", "ready", "series a", participant="ada", input_digest="x", output_digest="da"),
    line(6, "process", "held", "series b", participant="ben", input_digest="x", output_digest=""),
    line(7, "release", "ready", "memory", candidate="ca"),
    line(8, "export", "begun", "release r1", candidate="ca", people=1),
    line(9, "export", "holds", "release r1", candidate="ca", participant="ada", series="a"),
    line(10, "export", "leaving", "release r1"),
    line(11, "export", "out", "release r1"),
    line(12, "release", "released", "memory", candidate="ca"),
    line(13, "recall", "recalled", "release r1", participant="ada"),
    line(14, "withdraw", "done", "ada", kind="full"),
]


def made(lines: list[bytes] = LINES) -> dict[str, Any]:
    """Give the provenance as a reader parses it."""
    text: dict[str, Any] = json.loads(json.dumps(provenance(lines, project="memory", origin="example.org/haven")))
    return text


def pairs(body: dict[str, Any], relation: str) -> set[tuple[str, ...]]:
    """Give a relation's ends, without which deed a derivation is of."""
    return {tuple(value for key, value in one.items()) for one in body[relation].values()}


def test_a_release_is_made_of_its_candidate_that_of_results_and_those_of_sealed_series() -> None:
    """Each arrow points backwards in time; the candidate is no result of the release."""
    body = made()
    assert pairs(body, "wasDerivedFrom") == {
        ("fs:release%20r1", "sha256:ca", "fs:entry-11"),
        ("sha256:ca", "sha256:da", "fs:entry-7"),
        ("sha256:da", "fs:series%20a", "fs:entry-5"),
    }
    assert pairs(body, "wasGeneratedBy") == {
        ("fs:series%20a", "fs:entry-1"),
        ("fs:series%20b", "fs:entry-2"),
        ("sha256:da", "fs:entry-5"),
        ("sha256:ca", "fs:entry-7"),
        ("fs:release%20r1", "fs:entry-11"),
    }
    assert walked_back(body, "fs:release%20r1") == {"fs:series%20a"}


def test_what_deeds_used_are_data_and_never_a_project_or_a_person() -> None:
    """Openings name each series; a held series was used and led to nothing."""
    body = made()
    assert pairs(body, "used") == {
        ("fs:entry-4", "fs:series%20a"),
        ("fs:entry-4", "fs:series%20b"),
        ("fs:entry-5", "fs:series%20a"),
        ("fs:entry-6", "fs:series%20b"),
        ("fs:entry-7", "sha256:da"),
        ("fs:entry-11", "sha256:ca"),
        ("fs:entry-13", "fs:release%20r1"),
    }
    kinds = {name: one["prov:type"] for name, one in body["entity"].items()}
    assert set(kinds.values()) == {"fs:sealed-series", "fs:deidentified-series", "fs:candidate", "fs:release"}
    assert pairs(body, "wasInvalidatedBy") == {("fs:series%20a", "fs:entry-14")}


def test_a_release_that_never_left_is_none() -> None:
    """Begun and stopped: there is a candidate, and nothing that came of it."""
    body = made([*LINES[:11], line(11, "export", "stopped", "release r1")])
    assert "fs:release%20r1" not in body["entity"]
    assert "sha256:ca" in body["entity"]


def test_begun_again_and_made_again_say_nothing_twice() -> None:
    """The same candidate by the same series: one derivation each."""
    again = [
        line(12, "process", "ready", "series a", participant="ada", input_digest="y", output_digest="da"),
        line(13, "export", "begun again", "release r1", candidate="ca", people=1),
        line(14, "export", "holds", "release r1", candidate="ca", participant="ada", series="a"),
        line(15, "export", "out", "release r1"),
    ]
    body = made([*LINES[:12], *again])
    assert len(body["wasDerivedFrom"]) == 3
    assert len(body["wasGeneratedBy"]) == 5


def test_a_disposal_ends_every_series_of_the_project() -> None:
    """Of all participants."""
    body = made([*LINES[:13], line(13, "dispose", "done", "memory")])
    assert {one for one, _ in pairs(body, "wasInvalidatedBy")} == {"fs:series%20a", "fs:series%20b"}


def test_each_deed_names_its_entry_its_facts_and_who_did_it() -> None:
    """So that a reader can ask for its proof."""
    body = made()
    assert set(body["agent"]) == {"fs:agent-worker%201"}
    assert body["activity"]["fs:entry-1"]["fs:line"] == f"sha256:{digest_of(LINES[1])}"
    assert body["activity"]["fs:entry-4"]["fs:number"] == 2
    assert {one["prov:activity"] for one in body["wasAssociatedWith"].values()} == set(body["activity"])


def test_it_is_prov_json() -> None:
    """Prefixes, attributes and ends of relations as W3C's PROV-JSON submission has them."""
    assert faults(made()) == []


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("wasDerivedFrom", "_:x", {"prov:generatedEntity": "sha256:ca"}),
        ("wasDerivedFrom", "_:x", {"prov:generatedEntity": "sha256:ca", "prov:usedEntity": "fs:nowhere"}),
        ("entity", "no-prefix", {}),
        ("entity", "unknown:x", {}),
        ("activity", "fs:x", {"prov:startTime": "yesterday"}),
        ("wasMadeBy", "_:x", {}),
        ("used", "_:x", {"prov:activity": "sha256:ca", "prov:entity": "sha256:ca"}),
    ],
)
def test_the_checker_itself_finds_what_is_wrong(section: str, name: str, value: dict[str, str]) -> None:
    """A gate that can't fail is none."""
    body = made()
    body.setdefault(section, {})[name] = value
    assert faults(body)


def test_another_project_does_not_appear() -> None:
    """Two projects can't be joined by what is handed out."""
    text = json.dumps(made())
    assert "zoe" not in text
    assert "series%20z" not in text
    assert provenance(LINES, project="unknown", origin="o").keys() == {"prefix"}
