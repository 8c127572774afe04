"""The e-mail witness against a mail server: encrypted or not at all, the note byte for byte."""

import base64
import email
import email.policy
from pathlib import Path

import pytest
from tests.engines.witnesses.conftest import HOST, Certificates, MailServer, server_context, serving

from fivesafes.core.errors import FiveSafesError, PolicyInvalid, TryAgain
from fivesafes.engines.witnesses.email import EmailWitness
from fivesafes.setting.trail.checkpoint import SignedCheckpoint

pytestmark = pytest.mark.allow_hosts([HOST])


def attached(mail: bytes) -> str:
    """Take the note out of a mail."""
    message = email.message_from_bytes(mail, policy=email.policy.default)
    (part,) = [part for part in message.walk() if part.get_content_disposition() == "attachment"]
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def witness(port: int, certificates: Certificates, **more: str) -> EmailWitness:
    """Make a witness of two people."""
    return EmailWitness(
        host=HOST,
        port=port,
        sender="haven@example.org",
        to=["one@example.org", "two@example.org"],
        ca_file=str(certificates.authority),
        **more,
    )


def test_a_note_arrives_by_starttls_and_nothing_of_it_goes_in_clear(
    certificates: Certificates, checkpoints: list[SignedCheckpoint]
) -> None:
    """Before TLS the server hears greetings only."""
    server = MailServer(tls=server_context(certificates))
    with serving(server.handle, tls=None) as port:
        witness(port, certificates).send(checkpoints[0])
    assert [attached(mail) for mail in server.mails] == [checkpoints[0].note]
    assert [line.split()[0] for line in server.clear] == [b"ehlo", b"STARTTLS"]


def test_a_note_arrives_by_tls_with_a_log_in_whose_password_lies_in_a_file(
    tmp_path: Path, certificates: Certificates, checkpoints: list[SignedCheckpoint]
) -> None:
    """TLS from the first byte; the password is read from a file that is its owner's alone."""
    secret = tmp_path / "password"
    secret.write_text("s3cret words\n")
    secret.chmod(0o600)
    server = MailServer(tls=server_context(certificates))
    with serving(server.handle, tls=server.tls) as port:
        one = witness(port, certificates, security="tls", user="haven", password_file=str(secret))
        assert one.missing() is None
        one.send(checkpoints[2])
    assert [attached(mail) for mail in server.mails] == [checkpoints[2].note]
    assert server.logins == [b"AUTH PLAIN " + base64.b64encode(b"\0haven\0s3cret words")]


def test_a_password_file_that_others_can_read_is_refused(
    tmp_path: Path, certificates: Certificates, checkpoints: list[SignedCheckpoint]
) -> None:
    """And one that is missing or empty; a user without a file is told before."""
    secret = tmp_path / "password"
    secret.write_text("s3cret")
    secret.chmod(0o644)
    (tmp_path / "empty").touch(mode=0o600)
    server = MailServer(tls=server_context(certificates))
    with serving(server.handle, tls=server.tls) as port:
        for path in (secret, tmp_path / "none", tmp_path / "empty"):
            with pytest.raises(PolicyInvalid):
                witness(port, certificates, security="tls", user="haven", password_file=str(path)).send(checkpoints[0])
    assert server.logins == []
    assert witness(1, certificates, user="haven").missing() is not None


@pytest.mark.parametrize(
    ("offers_tls", "refused"),
    [("no", set()), ("yes", {"one@", "two@"}), ("yes", {"two@"})],
    ids=["no TLS on offer", "all refused", "one refused"],
)
def test_what_the_mail_server_does_not_take_is_sent_again_later(
    certificates: Certificates, checkpoints: list[SignedCheckpoint], offers_tls: str, refused: set[str]
) -> None:
    """No TLS, unknown recipients: the witness has it not."""
    server = MailServer(tls=server_context(certificates), refused=frozenset(refused), offers_tls=offers_tls)
    with serving(server.handle, tls=None) as port, pytest.raises(TryAgain):
        witness(port, certificates).send(checkpoints[0])
    assert not any(b"checkpoint" in line for line in server.clear)


def test_a_refused_log_in_says_so_without_the_password(
    tmp_path: Path, certificates: Certificates, checkpoints: list[SignedCheckpoint]
) -> None:
    """The message names the settings, not the secret."""
    secret = tmp_path / "password"
    secret.write_text("s3cret")
    secret.chmod(0o600)
    server = MailServer(tls=server_context(certificates), refused=frozenset({"login"}))
    with serving(server.handle, tls=None) as port, pytest.raises(TryAgain, match="log-in") as fault:
        witness(port, certificates, user="haven", password_file=str(secret)).send(checkpoints[0])
    assert "s3cret" not in str(fault.value)


def test_a_server_of_a_stranger_or_none_gets_nothing(
    certificates: Certificates, checkpoints: list[SignedCheckpoint]
) -> None:
    """Its certificate does not verify; nobody listens; the authority's file is none."""
    server = MailServer(tls=server_context(certificates))
    with serving(server.handle, tls=None) as port:
        for authority in (str(certificates.stranger), "/nowhere.pem"):
            one = EmailWitness(host=HOST, port=port, sender="a@b.c", to=["d@e.f"], ca_file=authority)
            with pytest.raises(FiveSafesError):
                one.send(checkpoints[0])
    with pytest.raises(TryAgain):
        witness(port, certificates).send(checkpoints[0])
    assert server.mails == []
