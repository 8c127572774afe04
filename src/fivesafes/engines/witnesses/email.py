"""E-mail: the checkpoint as an attachment to people who keep their mail, over TLS to a mail server that is verified."""

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.core.errors import PolicyInvalid, TryAgain
from fivesafes.core.event import utc_now
from fivesafes.engines.private_file import private_text
from fivesafes.setting.trail.checkpoint import SignedCheckpoint

_SECONDS: Final = 30
_FIX: Final = "see that the mail server can be reached, takes this sender, and shows the certificate expected"
_TEXT: Final = """\
This is a checkpoint of the trail of {origin}: {size} entries.

Please keep this message.  If somebody ever alters that trail, the attached note proves it; nothing else needs
to be done.  To verify the trail against it: fivesafes trail verify trail.jsonl --key trail.pub --checkpoint NOTE
"""


class EmailWitness:
    """Sends notes by SMTP: ``starttls`` (port 587) or ``tls`` from the first byte (465); never in clear."""

    kind: ClassVar[str] = "email"

    def __init__(  # noqa: PLR0913 - a mail server has so many settings
        self,
        *,
        host: str,
        sender: str,
        to: Sequence[str],
        port: int | None = None,
        security: str = "starttls",
        user: str = "",
        password_file: str = "",
        ca_file: str = "",
    ) -> None:
        """Take the settings; the password is read from its file when it is needed and kept nowhere."""
        self._host, self._tls = host, security == "tls"
        self._port = port or (smtplib.SMTP_SSL_PORT if self._tls else 587)
        self._sender, self._to = sender, tuple(to)
        self._user, self._password_file, self._ca_file = user, password_file, ca_file

    def missing(self) -> str | None:
        """Need a password file where a user is named."""
        return "set password_file beside user" if self._user and not self._password_file else None

    def send(self, checkpoint: SignedCheckpoint) -> None:
        """Send the note; when it returns, the mail server has taken it for every recipient."""
        message = self._message(checkpoint)
        try:
            with self._connected() as server:
                if self._user:
                    server.login(self._user, private_text(Path(self._password_file), what="the mail password"))
                refused = server.send_message(message)
        except smtplib.SMTPAuthenticationError:
            why = "the mail server refuses the log-in"
            raise TryAgain(why, fix="see user and password_file of this witness") from None
        except (OSError, smtplib.SMTPException) as fault:  # TLS errors are OSErrors
            why = f"the mail server did not take the checkpoint: {type(fault).__name__}"
            raise TryAgain(why, fix=_FIX) from None
        if refused:
            why = f"the mail server refused {len(refused)} of {len(self._to)} recipients"
            raise TryAgain(why, fix="see the addresses of this witness")

    def _connected(self) -> smtplib.SMTP:
        context = self._context()
        if self._tls:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=_SECONDS, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=_SECONDS)
        try:
            server.starttls(context=context)  # raises where the server offers none: nothing goes in clear
        except BaseException:
            server.close()
            raise
        return server

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self._ca_file or None)
        except OSError:
            why = "the certificate for the mail server can't be used"
            raise PolicyInvalid(why, fix="give ca_file as a PEM file, or leave it out") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _message(self, checkpoint: SignedCheckpoint) -> EmailMessage:
        told = checkpoint.checkpoint
        message = EmailMessage()
        message["From"], message["To"] = self._sender, ", ".join(self._to)
        message["Subject"] = f"Checkpoint {told.size} of {told.origin}"
        message["Date"] = format_datetime(utc_now())
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
        message.set_content(_TEXT.format(origin=told.origin, size=told.size))
        # As bytes: a mail server may change a text's line ends, and the signature is over every byte.
        name = f"checkpoint-{told.size}.txt"
        message.add_attachment(checkpoint.note.encode(), maintype="application", subtype="octet-stream", filename=name)
        return message
