"""Audit messages by DICOM PS3.15 A.5 (IHE ATNA): one XML message per deed that the standard knows.

What identifies is not in the trail, so it is not in the messages: where the standard wants a Patient ID stands the
keyed pseudonym, where it wants a Study Instance UID a UID made of the keyed id (2.25, PS3.5 B.2).
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from xml.etree import ElementTree as ET

from attrs import field, frozen

from fivesafes.core.event import Event
from fivesafes.engines.exporters import audit_codes as codes
from fivesafes.engines.exporters.audit_codes import Code, Kind, kind_of, outcome_indicator
from fivesafes.engines.syslog_tls import NOTICE, WARNING
from fivesafes.engines.syslog_tls import message as syslog_message
from fivesafes.setting.trail.entry import body_of, event_of

MSGID: Final = "DICOM+RFC3881"
_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>'
_HEX_OF_UUID: Final = 32
_KEYED: Final = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{16,64}$")
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


def audit_messages(lines: Iterable[bytes], source: AuditSource) -> Iterator[AuditMessage | None]:
    """Write the message of each entry, in order; None for one that PS3.15 has no message for."""
    for line in lines:
        event, n = event_of(line), body_of(line)["n"]
        kind = kind_of(event)
        if kind is None:
            yield None
            continue
        tree = _tree(event, n, kind, source)
        # In ASCII with character references: no byte order mark is needed, and no server can mangle it.
        yield AuditMessage(n=n, kind=kind, event=event, xml=_DECLARATION + ET.tostring(tree, encoding="us-ascii"))


def _tree(event: Event, n: int, kind: Kind, source: AuditSource) -> ET.Element:
    root = ET.Element("AuditMessage")
    _identify(root, event, kind)
    for attributes, roles in _participants(event, kind, source):
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
    for about in _objects(event, n, kind, source):
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


def _participants(event: Event, kind: Kind, source: AuditSource) -> Sequence[Participant]:
    """Name who took part, with the roles that the message's table asks for; the actor is the one who asked."""
    haven = {"UserID": source.id, "UserIsRequestor": "false"}
    actor = {"UserID": event.actor or source.id, "UserIsRequestor": "true"}
    if event.acr:
        actor["AlternativeUserID"] = event.acr
    if kind is Kind.APPLICATION_ACTIVITY:
        return [(haven, (codes.APPLICATION,)), (actor, ())]
    if kind in (Kind.BEGIN_TRANSFERRING, Kind.INSTANCES_TRANSFERRED):
        return [(actor, (codes.SOURCE,)), (haven, (codes.DESTINATION,))]
    if kind is Kind.EXPORT:
        where = str(event.facts.get("destination") or event.facts.get("release") or event.object)
        media = {"UserID": where, "UserIsRequestor": "false"}
        return [(actor, (codes.SOURCE,)), (media, (codes.DESTINATION, codes.MEDIA))]
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


def _objects(event: Event, n: int, kind: Kind, source: AuditSource) -> Iterator[_About]:
    details = {name: str(value) for name, value in sorted(event.facts.items()) if value is not None}
    details |= {"entry": str(n), "policy": event.policy_digest}
    details |= {key: value for key, value in (("project", event.project), ("purpose", event.purpose)) if value}
    if kind is Kind.APPLICATION_ACTIVITY or kind is Kind.USER_AUTHENTICATION:
        return
    if kind is Kind.AUDIT_LOG_USED:
        uri = f"urn:fivesafes:trail:{source.id}"
        yield _About(id=uri, id_type=codes.URI, type_code="2", role="13", name="Security Audit Log", details=details)
        return
    if kind is Kind.SECURITY_ALERT:
        said = {"Alert Description": f"{event.verb}: {event.outcome}"} | details
        uri = f"urn:fivesafes:{event.object}"
        yield _About(id=uri, id_type=codes.URI, type_code="2", role="13", name=event.object, details=said)
        return
    cycle = {Kind.EXPORT: "10", Kind.STUDY_DELETED: "15", Kind.INSTANCES_TRANSFERRED: "2"}.get(kind, "")
    yield _About(
        id=_uid(event.object),
        id_type=codes.STUDY_UID,
        type_code="2",
        role="3",
        name=event.object,
        details=details,
        life_cycle=cycle,
    )
    patient = str(event.facts.get("participant") or (event.object if event.verb == "withdraw" else "not told"))
    yield _About(id=patient, id_type=codes.PATIENT_NUMBER, type_code="1", role="1", name="pseudonym")


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


def _uid(about: str) -> str:
    """Make a UID of a keyed id ("series 0a1b…"): 2.25 and its first 128 bits; of what has none, the text itself."""
    keyed = _KEYED.search(about)
    return f"2.25.{int(keyed[0][:_HEX_OF_UUID], 16)}" if keyed else about


def _coded(parent: ET.Element, name: str, code: Code) -> None:
    told = {"csd-code": code.value, "codeSystemName": code.system, "originalText": code.meaning}
    ET.SubElement(parent, name, told)


def _clean(text: str) -> str:
    """Leave out what XML can't hold."""
    return _NOT_XML.sub("?", text)
