"""A syslog server over TLS: the checkpoint as one message, its note as a JSON text on one line of ASCII."""

import json
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.core.event import utc_now
from fivesafes.engines.syslog_tls import PORT, SyslogServer, message, send
from fivesafes.setting.trail.checkpoint import SignedCheckpoint

MSGID: Final = "CHECKPOINT"


class SyslogWitness:
    """Sends notes by RFC 5424 over RFC 5425."""

    kind: ClassVar[str] = "syslog"

    def __init__(self, *, host: str, port: int = PORT, ca_file: str = "", certificate: str = "", key: str = "") -> None:
        """Take the server, the certificates that vouch for it, and ours where it asks for one."""
        self._server = SyslogServer(
            host=host,
            port=port,
            ca_file=Path(ca_file) if ca_file else None,
            certificate=Path(certificate) if certificate else None,
            key=Path(key) if key else None,
        )

    def missing(self) -> str | None:
        """Need nothing."""
        return None

    def send(self, checkpoint: SignedCheckpoint) -> None:
        """Send the note; newlines and the dash travel as JSON escapes, which no server mangles."""
        text = json.dumps({"checkpoint": checkpoint.note}).encode("ascii")
        send(self._server, [message(text, msgid=MSGID, when=utc_now())])
