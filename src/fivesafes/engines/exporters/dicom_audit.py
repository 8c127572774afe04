"""Audit messages by DICOM PS3.15 A.5 (IHE ATNA): one XML message per deed that the standard knows.

What identifies is not in the trail, so it is not in the messages: where the standard wants a Patient ID stands the
participant's keyed id, where it wants a Study Instance UID a UID made of a series' keyed id (2.25, PS3.5 B.2).
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from xml.etree import ElementTree as ET

from attrs import define, evolve, field, frozen

from fivesafes.core.event import Event
from fivesafes.engines.exporters import audit_codes as codes
from fivesafes.engines.exporters.audit_codes import Code, Kind, kind_of, outcome_indicator
from fivesafes.engines.syslog_tls import NOTICE, WARNING
from fivesafes.engines.syslog_tls import message as syslog_message
from fivesafes.setting.trail.entry import body_of, event_of

MSGID: Final = "DICOM+RFC3881"
_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>'
_HEX_OF_UUID: Final = 32
_SERIES: Final = re.compile(r"series ([0-9a-f]{16,64})")
_NOT_XML: Final = re.compile("[^\t\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@frozen(kw_only=True)
class AuditSource:
    """Who reports: the haven's origin, and the site where there is a name for it."""

    id: str
    site: str = ""


@frozen(kw_only=True)
class AuditMessage:
    """One message: the entry it comes from, its kind, and its XML in ASCII."""

    n: int
    kind: Kind
    xml: bytes
    event: Event = field(repr=False)

    def as_syslog(self) -> bytes:
        """Wrap it as RFC 5424 has it, for RFC 5425 (PS3.15 A.6)."""
        severity = WARNING if self.kind is Kind.SECURITY_ALERT else NOTICE
        return syslog_message(self.xml, msgid=MSGID, when=self.event.when, severity=severity)


def audit_messages(
    lines: Iterable[bytes], source: AuditSource, *, since: int = 0, places: Mapping[str, str] | None = None
) -> Iterator[tuple[AuditMessage, ...]]:
    """Write the messages of each entry from ``since`` on, in order: none where PS3.15 has none for it.

    ``lines`` begin with the trail's first, for what left in a release, and whose it was, is told in earlier entries.
    ``places`` says where each release went, as a URI by its object in the trail; without it stands the release's own.
    """
    known = _Known()
    for line in lines:
        event, n = event_of(line), int(body_of(line)["n"])
        known.learn(event)
        if n < since:
            continue
        kind = kind_of(event)
        if kind is None:
            yield ()
            continue
        where = (places or {}).get(event.object, f"urn:fivesafes:{event.object}")
        trees = (_tree(event, kind, source, about, where) for about in _subjects(event, n, kind, source, known))
        yield tuple(AuditMessage(n=n, kind=kind, event=event, xml=_written(tree)) for tree in trees)


def _written(tree: ET.Element) -> bytes:
    """Write it in ASCII with character references: no byte order mark is needed, and no server can mangle it."""
    body: bytes = ET.tostring(tree, encoding="us-ascii")
    return _DECLARATION + body


@define
class _Known:
    """What earlier entries told: whose each series is, of which project, and what each release holds of whom."""

    owners: dict[str, str] = field(factory=dict)
    projects: dict[str, str] = field(factory=dict)
    releases: dict[str, dict[str, list[str]]] = field(factory=dict)

    def learn(self, event: Event) -> None:
        """Take in what an entry tells."""
        whose = event.facts.get("participant")
        if event.verb == "ingest" and whose and (series := _SERIES.fullmatch(event.object)):
            self.owners[series[1]], self.projects[series[1]] = str(whose), event.project
        elif event.verb == "export" and event.outcome.startswith("begun"):
            self.releases[event.object] = {}
        elif event.verb == "export" and event.outcome == "holds":
            held = self.releases.setdefault(event.object, {})
            held[str(whose)] = str(event.facts.get("series") or "").split()

    def concerned(self, event: Event, kind: Kind) -> list[dict[str, list[str]]]:
        """Give whose series a message is about, by participant; a list of one message's, of which there may be more.

        Data Export may tell of many patients, the other messages of one each (PS3.15 A.5.3).
        """
        if kind is Kind.EXPORT:
            held = self.releases.get(event.object)
            return [held] if held else []
        if kind is Kind.STUDY_DELETED:
            gone = [
                one
                for one, whose in self.owners.items()
                if event.object in {whose, self.projects[one]} and event.project == self.projects[one]
            ]
            mine: dict[str, list[str]] = {}
            for one in gone:
                mine.setdefault(self.owners.pop(one), []).append(one)
            return [{whose: some} for whose, some in mine.items()]
        series = _SERIES.fullmatch(event.object)
        whose = str(event.facts.get("participant") or (self.owners.get(series[1]) if series else "") or "")
        return [{whose: [series[1]]}] if series and whose else []


def _tree(event: Event, kind: Kind, source: AuditSource, objects: "Sequence[_About]", where: str) -> ET.Element:
    root = ET.Element("AuditMessage")
    _identify(root, event, kind)
    for attributes, roles in _participants(event, kind, source, where):
        person = ET.SubElement(root, "ActiveParticipant", {key: _clean(value) for key, value in attributes.items()})
        for role in roles:
            _coded(person, "RoleIDCode", role)
        if codes.MEDIA in roles:
            _coded(ET.SubElement(person, "MediaIdentifier"), "MediaType", codes.URI_MEDIA)
    told = {"AuditSourceID": _clean(source.id)} | (
        {"AuditEnterpriseSiteID": _clean(source.site)} if source.site else {}
    )
    reporter = ET.SubElement(root, "AuditSourceIdentification", told)
    ET.SubElement(reporter, "AuditSourceTypeCode", {"csd-code": "4"})  # an application server process
    for about in objects:
        _describe(root, about)
    return root


def _identify(root: ET.Element, event: Event, kind: Kind) -> None:
    told = ET.SubElement(
        root,
        "EventIdentification",
        {
            "EventActionCode": _action(event, kind),
            "EventDateTime": event.when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "EventOutcomeIndicator": outcome_indicator(event.outcome),
        },
    )
    _coded(told, "EventID", kind.event)
    if (type_code := _type_code(event, kind)) is not None:
        _coded(told, "EventTypeCode", type_code)
    ET.SubElement(told, "EventOutcomeDescription").text = _clean(f"{event.verb}: {event.outcome}")


def _action(event: Event, kind: Kind) -> str:
    """Of received instances: created, or read where the same were there already (PS3.15 A.5.3.7)."""
    if kind is Kind.INSTANCES_TRANSFERRED and event.outcome in ("duplicate", "unchanged", "there"):
        return "R"
    return kind.action


def _type_code(event: Event, kind: Kind) -> Code | None:
    if kind is Kind.APPLICATION_ACTIVITY:
        return codes.STOP if {"stop", "stopped", "ended"} & {event.verb, event.outcome} else codes.START
    if kind is Kind.USER_AUTHENTICATION:
        return codes.LOGOUT if event.verb.startswith("logout") else codes.LOGIN
    if kind is Kind.SECURITY_ALERT:
        return codes.CONFIGURATION if event.verb == "custody" else codes.RESTRICTED
    return None


Participant = tuple[dict[str, str], tuple[Code, ...]]


def _participants(event: Event, kind: Kind, source: AuditSource, where: str) -> Sequence[Participant]:
    """Name who took part, with the roles that the message's table asks for; the actor is the one who asked."""
    haven = {"UserID": source.id, "UserIsRequestor": "false"}
    actor = {"UserID": event.actor or source.id, "UserIsRequestor": "true"}
    if event.acr:
        actor["AlternativeUserID"] = event.acr
    if kind is Kind.APPLICATION_ACTIVITY:
        return [(haven, (codes.APPLICATION,)), (actor, ())]
    if kind is Kind.INSTANCES_TRANSFERRED:
        return [(actor, (codes.SOURCE,)), (haven, (codes.DESTINATION,))]
    if kind is Kind.EXPORT:
        media = {"UserID": where, "UserIsRequestor": "false"}
        exporter = (haven, (codes.SOURCE, codes.APPLICATION))
        return [(actor, (codes.SOURCE,)), exporter, (media, (codes.DESTINATION, codes.MEDIA))]
    return [(actor, ())]


@frozen(kw_only=True)
class _About:
    """A participant object of a message."""

    id: str
    id_type: Code
    type_code: str
    role: str
    name: str
    details: dict[str, str] = field(factory=dict)
    life_cycle: str = ""


def _subjects(event: Event, n: int, kind: Kind, source: AuditSource, known: _Known) -> list[list[_About]]:
    """Give the participant objects of each message of a deed; no message where nothing is there to tell of."""
    details = {name: str(value) for name, value in sorted(event.facts.items()) if value is not None}
    details |= {"entry": str(n), "policy": event.policy_digest}
    details |= {key: value for key, value in (("project", event.project), ("purpose", event.purpose)) if value}
    if kind is Kind.APPLICATION_ACTIVITY or kind is Kind.USER_AUTHENTICATION:
        return [[]]
    if kind is Kind.AUDIT_LOG_USED:
        uri = f"urn:fivesafes:trail:{source.id}"
        log = _About(id=uri, id_type=codes.URI, type_code="2", role="13", name="Security Audit Log", details=details)
        return [[log]]
    if kind is Kind.SECURITY_ALERT:
        said = {"Alert Description": f"{event.verb}: {event.outcome}"} | details
        uri = f"urn:fivesafes:{event.object}"
        return [[_About(id=uri, id_type=codes.URI, type_code="2", role="13", name=event.object, details=said)]]
    cycle = {Kind.EXPORT: "10", Kind.STUDY_DELETED: "15", Kind.INSTANCES_TRANSFERRED: "2"}.get(kind, "")
    details |= {"object": event.object}
    return [_studies_and_patients(some, cycle, details) for some in known.concerned(event, kind)]


def _studies_and_patients(
    concerned: Mapping[str, Sequence[str]], cycle: str, details: dict[str, str]
) -> "list[_About]":
    studies = [
        _About(id=_uid(one), id_type=codes.STUDY_UID, type_code="2", role="3", name=f"series {one}", life_cycle=cycle)
        for some in concerned.values()
        for one in some
    ]
    patients = [
        _About(id=whose, id_type=codes.PATIENT_NUMBER, type_code="1", role="1", name="pseudonym") for whose in concerned
    ]
    return [evolve(studies[0], details=details), *studies[1:], *patients]  # what is told is told once


def _describe(root: ET.Element, about: _About) -> None:
    attributes = {
        "ParticipantObjectID": _clean(about.id),
        "ParticipantObjectTypeCode": about.type_code,
        "ParticipantObjectTypeCodeRole": about.role,
    }
    if about.life_cycle:
        attributes["ParticipantObjectDataLifeCycle"] = about.life_cycle
    told = ET.SubElement(root, "ParticipantObjectIdentification", attributes)
    _coded(told, "ParticipantObjectIDTypeCode", about.id_type)
    ET.SubElement(told, "ParticipantObjectName").text = _clean(about.name) or "none"
    for name, value in about.details.items():
        encoded = base64.b64encode(value.encode("utf-8", "backslashreplace")).decode("ascii")
        ET.SubElement(told, "ParticipantObjectDetail", {"type": _clean(name), "value": encoded})


def _uid(series: str) -> str:
    """Make a UID of a series' keyed id: 2.25 and its first 128 bits."""
    return f"2.25.{int(series[:_HEX_OF_UUID], 16)}"


def _coded(parent: ET.Element, name: str, code: Code) -> None:
    told = {"csd-code": code.value, "codeSystemName": code.system, "originalText": code.meaning}
    ET.SubElement(parent, name, told)


def _clean(text: str) -> str:
    """Leave out what XML can't hold."""
    return _NOT_XML.sub("?", text)
