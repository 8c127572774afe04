"""W3C PROV of one project as PROV-JSON: deeds are activities, digests and keyed ids entities, actors agents.

From a release one can walk back: it was made of a candidate, that of results, each of them of a sealed series.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote

from attrs import define, field

from fivesafes.core.event import Event
from fivesafes.setting.trail.entry import body_of, digest_of, event_of

_RESULTS: Final = frozenset({"ready", "needs-review"})
"""Outcomes of the steps of a series that leave a result."""

_RELATIONS: Final = ("used", "wasGeneratedBy", "wasAssociatedWith", "wasDerivedFrom", "wasInvalidatedBy")
Record = dict[str, Any]


def provenance(lines: Iterable[bytes], *, project: str, origin: str) -> dict[str, Any]:
    """Write the provenance of a project's data: what was made from what, by which step, when, on whose account.

    Each activity names its entry of the trail with the line's SHA-256, so that a reader can ask for its proof.
    """
    made = _Made()
    for line in lines:
        event = event_of(line)
        if project in (event.project, event.object):
            made.add(event, n=int(body_of(line)["n"]), digest=digest_of(line))
    prefixes = {
        "fs": f"urn:fivesafes:{origin}:",
        "sha256": "urn:fivesafes:sha256:",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    }
    return {"prefix": prefixes, **{name: records for name, records in made.records.items() if records}}


@define
class _Made:
    """What was read so far, and what later deeds build on.

    ``results``: the newest of each series; ``candidates``: of each release; ``series``: of each participant;
    ``makers``: the deed that made each entity; ``related``: relations that are written already.
    """

    records: dict[str, dict[str, Record]] = field(
        factory=lambda: {name: {} for name in ("entity", "activity", "agent", *_RELATIONS)}
    )
    results: dict[str, str] = field(factory=dict)
    candidates: dict[str, str] = field(factory=dict)
    series: dict[str, set[str]] = field(factory=dict)
    makers: dict[str, str] = field(factory=dict)
    related: set[tuple[str, ...]] = field(factory=set)

    def add(self, event: Event, *, n: int, digest: str) -> None:
        """Take in one deed: the activity, its agent, and what it did to which data."""
        deed = f"fs:entry-{n}"
        self.records["activity"][deed] = _activity(event, digest)
        agent = _name("fs", f"agent-{event.actor or 'unknown'}")
        self.records["agent"].setdefault(agent, {"prov:label": event.actor} if event.actor else {})
        self._relate("wasAssociatedWith", activity=deed, agent=agent)
        about = _name("fs", event.object)
        match event.verb, event.outcome:
            case "ingest", _:
                self._entity(about, "sealed-series", **{"fs:digest": event.facts.get("digest")})
                self.series.setdefault(str(event.facts.get("participant")), set()).add(about)
                self._generate(about, deed)
            case "process", _:
                self._process(event, deed, about)
            case "export", _:
                self._export(event, deed, about)
            case "release", _ if candidate := event.facts.get("candidate"):
                self._candidate(str(candidate), deed)
            case "withdraw", "done" if event.facts.get("kind") == "full":
                self._shred(self.series.get(event.object, ()), deed)
            case "dispose", "done":
                self._shred([one for some in self.series.values() for one in some], deed)
            case _:
                self._use([about, *self._named(event)], deed)

    def _shred(self, series: Iterable[str], deed: str) -> None:
        for one in sorted(series):
            self._relate("wasInvalidatedBy", entity=one, activity=deed)

    def _process(self, event: Event, deed: str, series: str) -> None:
        """Say that the series was used, and that a result was made of it where the steps left one."""
        self._use([series], deed)
        digest = event.facts.get("output_digest")
        if not digest or event.outcome not in _RESULTS:
            return
        result = _name("sha256", str(digest))
        self._entity(result, "deidentified-series")
        self._generate(result, deed, of=[series])
        self.results[series] = result

    def _export(self, event: Event, deed: str, release: str) -> None:
        """Say that a release was made of its candidate by the deed that let it out, and before, what that holds."""
        candidate = self.candidates.get(release)
        if event.outcome in {"begun", "begun again"}:
            self.candidates[release] = self._candidate(str(event.facts.get("candidate")), deed)
        elif event.outcome == "holds" and candidate is not None:
            maker = self.makers[candidate]
            for series in self._named(event):
                if (result := self.results.get(series)) is not None:
                    self._use([result], maker)
                    self._derive(candidate, result, maker)
        elif event.outcome == "out" and candidate is not None:
            self._entity(release, "release")
            self._use([candidate], deed)
            self._generate(release, deed, of=[candidate])

    def _candidate(self, digest: str, deed: str) -> str:
        """Enter a candidate as made by the deed that first tells of it."""
        candidate = _name("sha256", digest)
        self._entity(candidate, "candidate")
        self._generate(candidate, deed)
        return candidate

    def _named(self, event: Event) -> list[str]:
        """Give the series that a fact lists."""
        return [_name("fs", f"series {one}") for one in str(event.facts.get("series") or "").split()]

    def _entity(self, name: str, kind: str, **facts: object) -> None:
        told = {key: value for key, value in facts.items() if value is not None}
        self.records["entity"].setdefault(name, {"prov:type": f"fs:{kind}", **told})

    def _use(self, entities: Iterable[str], deed: str) -> None:
        """Say that data which are known were used; a project or a participant is none."""
        for one in entities:
            if one in self.records["entity"]:
                self._relate("used", activity=deed, entity=one)

    def _generate(self, entity: str, deed: str, of: Sequence[str] = ()) -> None:
        """Say what made an entity; only once, for made again from the same it is the same."""
        if self.makers.setdefault(entity, deed) != deed:
            return
        self._relate("wasGeneratedBy", entity=entity, activity=deed)
        for one in of:
            if one in self.records["entity"]:
                self._derive(entity, one, deed)

    def _derive(self, entity: str, former: str, deed: str) -> None:
        self._relate("wasDerivedFrom", generatedEntity=entity, usedEntity=former, activity=deed)

    def _relate(self, relation: str, **ends: str) -> None:
        """Write a relation, once."""
        if (known := (relation, *ends.values())) not in self.related:
            self.related.add(known)
            records = self.records[relation]
            records[f"_:{relation}-{len(records)}"] = {f"prov:{name}": value for name, value in ends.items()}


def _activity(event: Event, digest: str) -> Record:
    moment = event.when.isoformat()
    facts = {f"fs:{name}": value for name, value in sorted(event.facts.items()) if value is not None}
    purpose = {"fs:purpose": event.purpose} if event.purpose else {}
    return {
        **facts,
        "prov:startTime": moment,
        "prov:endTime": moment,
        "prov:type": _name("fs", event.verb),
        "fs:outcome": event.outcome,
        "fs:policy": event.policy_digest,
        "fs:line": f"sha256:{digest}",
        **purpose,
    }


def _name(prefix: str, text: str) -> str:
    """Make a qualified name of any text."""
    return f"{prefix}:{quote(text, safe='-._~', errors='backslashreplace')}"
