"""The syslog witness against a TLS listener: framed by RFC 5425, and only to a server that verifies."""

import json
import re
from datetime import UTC, datetime

import pytest
from tests.engines.witnesses.conftest import HOST, Certificates, Received, server_context, serving

from fivesafes.core.errors import PolicyInvalid, TryAgain
from fivesafes.core.event import Event
from fivesafes.engines.exporters.dicom_audit import AuditSource, audit_messages
from fivesafes.engines.syslog_tls import SyslogServer, send
from fivesafes.engines.witnesses.syslog import SyslogWitness
from fivesafes.setting.trail.checkpoint import SignedCheckpoint
from fivesafes.setting.trail.entry import GENESIS, line_of

pytestmark = pytest.mark.allow_hosts([HOST])

WHEN = datetime(2026, 6, 1, tzinfo=UTC)
FRAME = re.compile(
    rb"(?P<length>[1-9][0-9]*) (?P<message><85>1 (?P<when>\S+Z) \S+ fivesafes \S+ CHECKPOINT - (?P<text>\{.*\}))",
)


def test_a_note_arrives_framed_and_comes_back_whole(
    certificates: Certificates, checkpoints: list[SignedCheckpoint]
) -> None:
    """Length, header and note as RFC 5424 and 5425 have them, in ASCII on one line."""
    got = Received()
    with serving(got.take, tls=server_context(certificates)) as port:
        witness = SyslogWitness(host=HOST, port=port, ca_file=str(certificates.authority))
        witness.send(checkpoints[0])
        witness.send(checkpoints[1])
    assert witness.missing() is None
    for raw, sent in zip(got.whole, checkpoints, strict=False):
        frame = FRAME.fullmatch(raw)
        assert frame is not None
        assert int(frame["length"]) == len(frame["message"])
        assert json.loads(frame["text"])["checkpoint"] == sent.note
        assert b"\n" not in raw
        assert raw.isascii()
    assert len(got.whole) == 2


def test_a_server_of_a_stranger_gets_nothing(certificates: Certificates, checkpoints: list[SignedCheckpoint]) -> None:
    """Its certificate does not verify, so no byte of the note is sent."""
    got = Received()
    with serving(got.take, tls=server_context(certificates)) as port:
        witness = SyslogWitness(host=HOST, port=port, ca_file=str(certificates.stranger))
        with pytest.raises(TryAgain, match="does not verify"):
            witness.send(checkpoints[0])
    assert b"".join(got.whole) == b""


def test_a_server_that_wants_our_certificate_takes_it_and_refuses_without(
    certificates: Certificates, checkpoints: list[SignedCheckpoint]
) -> None:
    """TLS 1.3 tells of the refusal only after the handshake: it must not pass for success."""
    got = Received()
    with serving(got.take, tls=server_context(certificates, client_needed="yes")) as port:
        without = SyslogWitness(host=HOST, port=port, ca_file=str(certificates.authority))
        with pytest.raises(TryAgain):
            without.send(checkpoints[0])
        ours = str(certificates.client)
        SyslogWitness(host=HOST, port=port, ca_file=str(certificates.authority), certificate=ours).send(checkpoints[0])
    assert sum(b"checkpoint" in one for one in got.whole) == 1


def test_a_server_that_is_away_is_tried_again(certificates: Certificates, checkpoints: list[SignedCheckpoint]) -> None:
    """Nobody listens there any more."""
    with serving(Received().take, tls=server_context(certificates)) as port:
        pass
    with pytest.raises(TryAgain, match="can't be reached"):
        SyslogWitness(host=HOST, port=port, ca_file=str(certificates.authority)).send(checkpoints[0])


def test_a_certificate_file_that_is_none_is_a_mistake(checkpoints: list[SignedCheckpoint]) -> None:
    """Told before anything is sent."""
    with pytest.raises(PolicyInvalid):
        SyslogWitness(host=HOST, ca_file="/nowhere.pem").send(checkpoints[0])


def test_audit_messages_arrive_in_one_connection_each_in_its_frame(certificates: Certificates) -> None:
    """DICOM PS3.15 A.6: the same transport, the XML as the message, as many as there are."""
    events = [
        Event(when=WHEN, actor="w", verb="unseal", object=f"s{n}", outcome="ok", policy_digest="d") for n in range(50)
    ]
    lines = [line_of(event, n=n, previous=GENESIS) for n, event in enumerate(events)]
    told = [one.as_syslog() for some in audit_messages(lines, AuditSource(id="example.org/haven")) for one in some]
    got = Received()
    with serving(got.take, tls=server_context(certificates)) as port:
        assert send(SyslogServer(host=HOST, port=port, ca_file=certificates.authority), told) == 50
    (raw,), arrived = got.whole, []
    while raw:
        length, _, rest = raw.partition(b" ")
        arrived.append(rest[: int(length)])
        raw = rest[int(length) :]
    assert arrived == told
