"""W3C PROV of one project as PROV-JSON: deeds are activities, digests and keyed ids entities, actors agents."""

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from fivesafes.core.event import Event
from fivesafes.setting.trail.entry import body_of, digest_of, event_of

_USED: Final = ("input", "inputs", "input_digest", "source")
_MADE: Final = ("output", "outputs", "output_digest", "digest", "candidate", "release", "manifest")


def provenance(lines: Iterable[bytes], *, project: str, origin: str) -> dict[str, Any]:
    """Write the provenance of a project's data: what was made from what, by which step, when, on whose account.

    Each activity names its entry of the trail with the line's SHA-256, so that a reader can ask for its proof.
    """
    made: dict[str, dict[str, Any]] = {
        name: {}
        for name in ("entity", "activity", "agent", "used", "wasGeneratedBy", "wasAssociatedWith", "wasDerivedFrom")
    }
    for line in lines:
        event = event_of(line)
        if project in (event.project, event.object):
            _add(made, event, n=int(body_of(line)["n"]), digest=digest_of(line))
    prefixes = {
        "fs": f"urn:fivesafes:{origin}:",
        "sha256": "urn:fivesafes:sha256:",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    }
    return {"prefix": prefixes, **{name: records for name, records in made.items() if records}}


def _add(made: dict[str, dict[str, Any]], event: Event, *, n: int, digest: str) -> None:
    activity, agent, about = (
        f"fs:entry-{n}",
        _name("fs", f"agent-{event.actor or 'unknown'}"),
        _name("fs", event.object),
    )
    moment = event.when.isoformat()
    facts = {f"fs:{name}": value for name, value in sorted(event.facts.items()) if value is not None}
    made["activity"][activity] = {
        "prov:startTime": moment,
        "prov:endTime": moment,
        "prov:type": _name("fs", event.verb),
        "fs:outcome": event.outcome,
        "fs:policy": event.policy_digest,
        "fs:line": f"sha256:{digest}",
        **({"fs:purpose": event.purpose} if event.purpose else {}),
        **facts,
    }
    made["agent"].setdefault(agent, {"prov:label": event.actor})
    made["entity"].setdefault(about, {})
    made["wasAssociatedWith"][f"_:a{n}"] = {"prov:activity": activity, "prov:agent": agent}
    used = [_entity(made, value) for name in _USED if (value := event.facts.get(name))] or [about]
    given = [_entity(made, value) for name in _MADE if (value := event.facts.get(name))]
    for number, entity in enumerate(used):
        made["used"][f"_:u{n}.{number}"] = {"prov:activity": activity, "prov:entity": entity}
    for number, entity in enumerate(given):
        made["wasGeneratedBy"][f"_:g{n}.{number}"] = {"prov:entity": entity, "prov:activity": activity}
        for source, former in enumerate(one for one in used if one != entity):
            made["wasDerivedFrom"][f"_:d{n}.{number}.{source}"] = {
                "prov:generatedEntity": entity,
                "prov:usedEntity": former,
                "prov:activity": activity,
            }


def _entity(made: dict[str, dict[str, Any]], value: str | float) -> str:
    name = _name("sha256", str(value))
    made["entity"].setdefault(name, {})
    return name


def _name(prefix: str, text: str) -> str:
    """Make a qualified name of any text."""
    return f"{prefix}:{quote(text, safe='-._~', errors='backslashreplace')}"
