"""PROV-JSON: what was made from what, by which step, and where in the trail it stands."""

import json
from datetime import UTC, datetime

from fivesafes.core.event import Event, Fact
from fivesafes.engines.exporters.prov import provenance
from fivesafes.setting.trail.entry import GENESIS, digest_of, line_of

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)


def line(n: int, verb: str, *, project: str = "memory", about: str = "series 1", **facts: Fact) -> bytes:
    """Make a line of a trail."""
    event = Event(
        when=WHEN,
        actor="worker 1",
        verb=verb,
        object=about,
        outcome="ok",
        policy_digest="d",
        facts=facts,
        project=project,
    )
    return line_of(event, n=n, previous=GENESIS)


LINES = [
    line(0, "init", project="", about="haven"),
    line(1, "ingest", digest="aa"),
    line(2, "deidentify", input="aa", output="bb", files=3),
    line(3, "ingest", project="other", digest="cc"),
    line(4, "deface", input="bb", output="dd"),
    line(5, "register", project="", about="memory"),
]


def test_steps_their_data_and_their_actors_are_joined_up() -> None:
    """Each relation that W3C PROV has for it; the chain of derivations leads from the release to the original."""
    made = provenance(LINES, project="memory", origin="example.org/haven")
    assert set(made["activity"]) == {"fs:entry-1", "fs:entry-2", "fs:entry-4", "fs:entry-5"}
    assert set(made["agent"]) == {"fs:agent-worker%201"}
    derived = {(one["prov:generatedEntity"], one["prov:usedEntity"]) for one in made["wasDerivedFrom"].values()}
    assert {("sha256:bb", "sha256:aa"), ("sha256:dd", "sha256:bb"), ("sha256:aa", "fs:series%201")} == derived
    generated = {(one["prov:entity"], one["prov:activity"]) for one in made["wasGeneratedBy"].values()}
    assert ("sha256:dd", "fs:entry-4") in generated
    assert made["activity"]["fs:entry-2"]["fs:line"] == f"sha256:{digest_of(LINES[2])}"
    assert made["activity"]["fs:entry-2"]["fs:files"] == 3


def test_every_name_is_declared_and_every_relation_leads_somewhere() -> None:
    """Closed: prefixes, activities, agents and entities that relations speak of are all there; it is plain JSON."""
    made = json.loads(json.dumps(provenance(LINES, project="memory", origin="o")))
    prefixes = {"prov", *made["prefix"]}
    known = {*made["entity"], *made["activity"], *made["agent"]}
    assert all(name.split(":")[0] in prefixes and " " not in name for name in known)
    for relation in ("used", "wasGeneratedBy", "wasAssociatedWith", "wasDerivedFrom"):
        for one in made[relation].values():
            assert set(one.values()) <= known


def test_another_project_does_not_appear() -> None:
    """Two projects can't be joined by what is handed out."""
    text = json.dumps(provenance(LINES, project="memory", origin="o"))
    assert "cc" not in text
    assert provenance(LINES, project="unknown", origin="o").keys() == {"prefix"}
