"""Audit messages: as DICOM PS3.15 A.5.1's schema has them, with what each message's table demands."""

import base64
import json
import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.event import Event, Fact
from fivesafes.engines.exporters.audit_codes import Kind, kind_of, outcome_indicator
from fivesafes.engines.exporters.dicom_audit import AuditMessage, AuditSource, audit_messages
from fivesafes.setting.trail.entry import GENESIS, line_of

WHEN = datetime(2026, 6, 1, 12, 0, 0, 250000, tzinfo=UTC)
SOURCE = AuditSource(id="example.org/haven", site="hospital")
KEYED = "0123456789abcdef" * 4

# The schema of PS3.15 A.5.1.1, as far as it can be said in tables: for each element its attributes (name: pattern, a
# question mark for an optional one) and its children in order (name, least, most).
TOKEN, ANY, BASE64 = r".+", r".*", r"[A-Za-z0-9+/]*={0,2}"
CODED = {"csd-code": TOKEN, "codeSystemName": TOKEN, "displayName?": TOKEN, "originalText": TOKEN}
MANY = 10**6
SCHEMA: dict[str, tuple[dict[str, str], list[tuple[str, int, int]]]] = {
    "AuditMessage": (
        {},
        [
            ("EventIdentification", 1, 1),
            ("ActiveParticipant", 1, MANY),
            ("AuditSourceIdentification", 1, 1),
            ("ParticipantObjectIdentification", 0, MANY),
        ],
    ),
    "EventIdentification": (
        {
            "EventActionCode?": "[CRUDE]",
            "EventDateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
            "EventOutcomeIndicator": "0|4|8|12",
        },
        [("EventID", 1, 1), ("EventTypeCode", 0, MANY), ("EventOutcomeDescription", 0, 1)],
    ),
    "ActiveParticipant": (
        {"UserID": ANY, "AlternativeUserID?": ANY, "UserName?": ANY, "UserIsRequestor": "true|false"},
        [("RoleIDCode", 0, MANY), ("MediaIdentifier", 0, 1)],
    ),
    "MediaIdentifier": ({}, [("MediaType", 1, 1)]),
    "AuditSourceIdentification": (
        {"AuditEnterpriseSiteID?": TOKEN, "AuditSourceID": TOKEN},
        [("AuditSourceTypeCode", 0, MANY)],
    ),
    "AuditSourceTypeCode": ({"csd-code": "[1-9]"}, []),
    "ParticipantObjectIdentification": (
        {
            "ParticipantObjectID": TOKEN,
            "ParticipantObjectTypeCode?": "[1-4]",
            "ParticipantObjectTypeCodeRole?": "[1-9]|1[0-9]|2[0-6]",
            "ParticipantObjectDataLifeCycle?": "[1-9]|1[0-5]",
            "ParticipantObjectSensitivity?": TOKEN,
        },
        [("ParticipantObjectIDTypeCode", 1, 1), ("ParticipantObjectName", 1, 1), ("ParticipantObjectDetail", 0, MANY)],
    ),
    "ParticipantObjectDetail": ({"type": TOKEN, "value": BASE64}, []),
    "ParticipantObjectName": ({}, []),
    "EventOutcomeDescription": ({}, []),
    **{
        name: (CODED, [])
        for name in ("EventID", "EventTypeCode", "RoleIDCode", "MediaType", "ParticipantObjectIDTypeCode")
    },
}
# What the tables of A.5.3 demand of each message: action, roles of participants, objects as (type, role, id type).
TABLES: dict[Kind, tuple[str, set[str], list[tuple[str, str, str]]]] = {
    Kind.APPLICATION_ACTIVITY: ("E", {"110150"}, []),
    Kind.AUDIT_LOG_USED: ("R", set(), [("2", "13", "12")]),
    Kind.INSTANCES_ACCESSED: ("R", set(), [("2", "3", "110180"), ("1", "1", "2")]),
    Kind.INSTANCES_TRANSFERRED: ("CR", {"110153", "110152"}, [("2", "3", "110180"), ("1", "1", "2")]),
    Kind.STUDY_DELETED: ("D", set(), [("2", "3", "110180"), ("1", "1", "2")]),
    Kind.EXPORT: ("R", {"110150", "110153", "110152", "110154"}, [("2", "3", "110180"), ("1", "1", "2")]),
    Kind.SECURITY_ALERT: ("E", set(), [("2", "13", "12")]),
    Kind.USER_AUTHENTICATION: ("E", set(), []),
}
TYPED = {Kind.APPLICATION_ACTIVITY, Kind.SECURITY_ALERT, Kind.USER_AUTHENTICATION}
VERBS = {
    Kind.APPLICATION_ACTIVITY: "init",
    Kind.AUDIT_LOG_USED: "trail export",
    Kind.INSTANCES_ACCESSED: "process",
    Kind.INSTANCES_TRANSFERRED: "ingest",
    Kind.STUDY_DELETED: "withdraw",
    Kind.EXPORT: "export",
    Kind.SECURITY_ALERT: "reidentify",
    Kind.USER_AUTHENTICATION: "login",
}


def faults(element: ET.Element) -> list[str]:
    """Say what in a tree is not as the schema has it."""
    attributes, children = SCHEMA[element.tag]
    patterns = {name.rstrip("?"): pattern for name, pattern in attributes.items()}
    found = [
        f"{element.tag} lacks {name}" for name in attributes if not name.endswith("?") and name not in element.attrib
    ]
    for name, value in element.attrib.items():
        if name not in patterns or not re.fullmatch(patterns[name], value):
            found.append(f"{element.tag}/{name}")
    rest = [child.tag for child in element]
    for name, least, most in children:
        count = next((at for at, tag in enumerate(rest) if tag != name), len(rest))
        if not least <= count <= most:
            found.append(f"{element.tag} has {count} {name}")
        rest = rest[count:]
    return (
        found + [f"{element.tag} ends with {rest}"] * bool(rest) + [one for child in element for one in faults(child)]
    )


def read(xml: bytes) -> ET.Element:
    """Parse what was just written here."""
    return ET.fromstring(xml)  # noqa: S314 - our own


def told(event: Event, *before: Event) -> AuditMessage:
    """Give the message of an event, of which there is one."""
    ((message,),) = messages(*before, event)[-1:]
    return message


def messages(*events: Event, places: dict[str, str] | None = None) -> list[tuple[AuditMessage, ...]]:
    """Give the messages of a trail of these events; the first is entry 7."""
    lines = [line_of(one, n=n, previous=GENESIS) for n, one in enumerate(events, start=7)]
    return list(audit_messages(lines, SOURCE, places=places))


def event(verb: str, *, outcome: str = "ok", about: str = f"series {KEYED}", **facts: Fact) -> Event:
    """Make an event, about a series unless told."""
    return Event(
        when=WHEN, actor="w1", verb=verb, object=about, outcome=outcome, policy_digest="d", facts=facts, project="p"
    )


ADA, BEN, SECOND = "ada0" * 16, "be00" * 16, "fedcba9876543210"
TAKEN_IN = (
    event("ingest", outcome="sealed", participant=ADA),
    event("ingest", outcome="sealed", about=f"series {SECOND}", participant=BEN),
)
RELEASE = "release 00112233aabbccdd"
BEGUN = (
    event("export", outcome="begun", about=RELEASE, candidate="c"),
    event("export", outcome="holds", about=RELEASE, candidate="c", participant=ADA, series=KEYED),
)
LAST = {
    Kind.STUDY_DELETED: event("withdraw", outcome="done", about=ADA, kind="full"),
    Kind.EXPORT: event("export", outcome="out", about=RELEASE),
}


@pytest.mark.parametrize("kind", Kind)
def test_each_message_is_as_the_schema_and_its_table_have_it(kind: Kind) -> None:
    """Well-formed, complete, with the codes, roles and objects that A.5.3 demands."""
    last = LAST.get(kind, event(VERBS[kind], participant=ADA, files=3))
    message = told(last, *TAKEN_IN, *BEGUN)
    root = read(message.xml)
    assert faults(root) == []
    assert message.kind is kind
    action, roles, objects = TABLES[kind]
    (identification,) = root.findall("EventIdentification")
    assert identification.attrib["EventActionCode"] in action
    assert {role.attrib["csd-code"] for role in root.iter("RoleIDCode")} == roles
    found = [
        (
            one.attrib["ParticipantObjectTypeCode"],
            one.attrib["ParticipantObjectTypeCodeRole"],
            one.findall("ParticipantObjectIDTypeCode")[0].attrib["csd-code"],
        )
        for one in root.findall("ParticipantObjectIdentification")
    ]
    assert found == objects
    assert bool(identification.findall("EventTypeCode")) == (kind in TYPED)
    requestors = [one for one in root.findall("ActiveParticipant") if one.attrib["UserIsRequestor"] == "true"]
    assert len(requestors) == 1


def test_the_checker_itself_finds_what_is_wrong() -> None:
    """A gate that can't fail is none: each damage to a right message is told."""
    right = told(LAST[Kind.EXPORT], *BEGUN).xml
    for damage in (
        (b'EventActionCode="R"', b'EventActionCode="X"'),
        (b"<EventID ", b"<EventTypeCode "),
        (b'UserIsRequestor="true"', b""),
        (b'csd-code="4"', b'csd-code="44"'),
        (b"<ParticipantObjectName>", b"<!--"),
    ):
        altered = right.replace(*damage, 1)
        if b"<!--" in altered:
            altered = altered.replace(b"</ParticipantObjectName>", b"-->", 1)
        assert faults(read(altered)), damage


@pytest.mark.parametrize(
    ("verb", "outcome", "facts"),
    [
        ("withdraw", "begun", {}),
        ("withdraw", "done", {"kind": "no-face"}),
        ("dispose", "begun", {}),
        ("release", "ready", {}),
        ("release", "released", {}),
        ("export", "begun", {}),
        ("export", "holds", {}),
        ("export", "leaving", {}),
        ("export", "stopped", {}),
    ],
)
def test_what_has_not_left_and_is_not_gone_is_not_told_as_if(verb: str, outcome: str, facts: dict[str, Fact]) -> None:
    """A withdrawal that was only asked for, or keeps what is done; a release that waits."""
    assert kind_of(evolve(event(verb, outcome=outcome), facts=facts)) is None


@given(
    verb=st.sampled_from(sorted(VERBS.values())),
    texts=st.lists(st.text(max_size=20), min_size=5, max_size=5),
)
def test_no_text_breaks_the_form_and_every_message_is_one_line_of_ascii(verb: str, texts: list[str]) -> None:
    """Control characters, markup, emoji: whatever stands in an event."""
    actor, about, outcome, fact, acr = texts
    facts: dict[str, Fact] = {fact: fact, "participant": fact}
    hostile = Event(
        when=WHEN, actor=actor, verb=verb, object=about, outcome=outcome, policy_digest="d", facts=facts, acr=acr
    )
    for one in (hostile, evolve(hostile, object=f"series {KEYED}")):
        for message in messages(one, places={about: fact})[0]:
            assert message.xml.isascii()
            assert b"\n" not in message.xml
            found = faults(read(message.xml))
            assert [fault for fault in found if "ParticipantObjectID" not in fault and "Detail/type" not in fault] == []
            # an empty text stays empty: the trail's own texts never are


def test_a_keyed_id_becomes_a_uid_and_details_carry_the_facts() -> None:
    """2.25 and 128 bits (PS3.5 B.2); the id itself is the name; facts are base64, as the schema wants."""
    root = read(told(event("ingest", files=176, participant="ab12")).xml)
    study, patient = root.findall("ParticipantObjectIdentification")
    assert study.attrib["ParticipantObjectID"] == f"2.25.{int(KEYED[:32], 16)}"
    assert study.findtext("ParticipantObjectName") == f"series {KEYED}"
    assert patient.attrib["ParticipantObjectID"] == "ab12"
    details = {
        one.attrib["type"]: base64.b64decode(one.attrib["value"]).decode()
        for one in study.iter("ParticipantObjectDetail")
    }
    assert details == {
        "files": "176",
        "participant": "ab12",
        "entry": "7",
        "policy": "d",
        "project": "p",
        "object": f"series {KEYED}",
    }


@pytest.mark.parametrize(
    ("outcome", "indicator"), [("ok", "0"), ("refused", "8"), ("failed", "8"), ("needs-review", "4")]
)
def test_how_it_went_is_told_and_a_refusal_is_an_alert(outcome: str, indicator: str) -> None:
    """Success, minor and serious failure; whatever the verb, what was refused alarms."""
    message = told(event("ingest", outcome=outcome, participant=ADA))
    assert outcome_indicator(outcome) == indicator
    assert f'EventOutcomeIndicator="{indicator}"'.encode() in message.xml
    assert (message.kind is Kind.SECURITY_ALERT) == (outcome == "refused")


def test_a_deed_that_the_standard_has_no_message_for_is_none() -> None:
    """Told as a count, not forced into another message's form."""
    assert kind_of(event("vote")) is None
    assert messages(event("vote")) == [()]


def test_starts_and_stops_log_ins_and_log_outs_are_told_apart() -> None:
    """By the event's type."""
    codes = []
    for verb in ("start", "stop", "login", "logout"):
        (code,) = read(told(event(verb)).xml).iter("EventTypeCode")
        codes.append(code.attrib["csd-code"])
    assert codes == ["110120", "110121", "110122", "110123"]


def test_instances_that_were_there_already_were_read_not_created() -> None:
    """PS3.15 A.5.3.7: C for new ones, R for the same again."""
    assert b'EventActionCode="C"' in told(event("ingest", participant=ADA)).xml
    assert b'EventActionCode="R"' in told(event("ingest", outcome="duplicate", participant=ADA)).xml


def test_as_syslog_it_has_the_header_that_ps3_15_a_6_wants() -> None:
    """Facility 10, notice or warning, MSGID DICOM+RFC3881, the event's own time, the XML as it is."""
    message = told(event("ingest", participant=ADA))
    header, xml = message.as_syslog().split(b" - ", 1)
    assert re.fullmatch(rb"<85>1 2026-06-01T12:00:00.250000Z \S+ fivesafes \S+ DICOM\+RFC3881", header)
    assert xml == message.xml
    assert told(event("ingest", outcome="refused")).as_syslog().startswith(b"<84>1 ")
    assert json.dumps(message.n) == "7"


def subjects(message: AuditMessage) -> tuple[list[str], list[str]]:
    """Give the ids of the studies and of the patients of a message."""
    found: dict[str, list[str]] = {"3": [], "1": []}
    for one in read(message.xml).iter("ParticipantObjectIdentification"):
        found[one.attrib["ParticipantObjectTypeCodeRole"]].append(one.attrib["ParticipantObjectID"])
    return found["3"], found["1"]


def test_a_release_that_left_is_one_export_with_its_series_its_people_and_where_it_went() -> None:
    """Begun, leaving and the run's own end are none; the message says whose data went, and to which place."""
    deeds = (
        *TAKEN_IN,
        *BEGUN,
        event("export", outcome="holds", about=RELEASE, candidate="c", participant=BEN, series=SECOND),
        event("export", outcome="leaving", about=RELEASE),
        event("export", outcome="out", about=RELEASE),
        event("release", outcome="released", about="p", candidate="c"),
    )
    every = messages(*deeds, places={RELEASE: "file:///srv/out"})
    assert [len(some) for some in every] == [1, 1, 0, 0, 0, 0, 1, 0]
    (export,) = every[6]
    assert subjects(export) == ([f"2.25.{int(KEYED[:32], 16)}", f"2.25.{int(SECOND, 16)}"], [ADA, BEN])
    media = [one for one in read(export.xml).iter("ActiveParticipant") if one.find("MediaIdentifier") is not None]
    assert [one.attrib["UserID"] for one in media] == ["file:///srv/out"]


def test_a_release_that_begins_again_holds_what_it_holds_then() -> None:
    """What the first attempt held is not told of the second."""
    again = (
        event("export", outcome="begun again", about=RELEASE, candidate="c"),
        event("export", outcome="holds", about=RELEASE, candidate="c", participant=BEN, series=SECOND),
    )
    message = told(LAST[Kind.EXPORT], *TAKEN_IN, *BEGUN, *again)
    assert subjects(message)[1] == [BEN]


def test_studies_that_are_gone_are_told_one_patient_a_message() -> None:
    """A withdrawal tells of that participant's series, a disposal then of the rest; who had none is not told of."""
    every = messages(
        *TAKEN_IN,
        event("withdraw", outcome="done", about=ADA, kind="full"),
        event("withdraw", outcome="done", about="c1e0" * 16, kind="full"),
        event("ingest", outcome="sealed", about="series 0123456789abcdee", participant="d0e0" * 16),
        event("dispose", outcome="done", about="p"),
    )
    assert [subjects(one) for one in every[2]] == [([f"2.25.{int(KEYED[:32], 16)}"], [ADA])]
    assert every[3] == ()
    assert [subjects(one)[1] for one in every[5]] == [[BEN], ["d0e0" * 16]]


@pytest.mark.parametrize(
    ("verb", "about", "outcome"),
    [
        ("unseal", "names of p", "begun"),
        ("unseal", "series of p", "begun"),
        ("unseal", "pictures of p", "begun"),
        ("unseal", f"series {KEYED}", "handed back"),
        ("reidentify", "participant 1", "opened"),
    ],
)
def test_an_opening_is_the_use_of_a_restricted_function_and_no_study(verb: str, about: str, outcome: str) -> None:
    """What was opened is the alert's subject; a text that is no series is never given as a Study Instance UID."""
    message = told(event(verb, outcome=outcome, about=about))
    root = read(message.xml)
    assert message.kind is Kind.SECURITY_ALERT
    assert [one.attrib["csd-code"] for one in root.iter("EventTypeCode")] == ["110132"]
    assert [one.attrib["csd-code"] for one in root.iter("ParticipantObjectIDTypeCode")] == ["12"]


def test_messages_from_an_entry_on_know_what_was_told_before_it() -> None:
    """The series of a release that began before the last call are told with its end."""
    lines = [line_of(one, n=n, previous=GENESIS) for n, one in enumerate((*TAKEN_IN, *BEGUN, LAST[Kind.EXPORT]))]
    ((message,),) = list(audit_messages(lines, SOURCE, since=4))
    assert subjects(message)[1] == [ADA]
