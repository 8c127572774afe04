"""Sends syslog messages (RFC 5424) over TLS (RFC 5425): framed by length, to a server whose certificate verifies."""

import re
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes import __version__
from fivesafes.core.errors import PolicyInvalid, TryAgain

PORT: Final = 6514
NOTICE, WARNING = 5, 4
_AUTHPRIV: Final = 10
_SECONDS: Final = 20
_FIX: Final = "see that the syslog server runs and can be reached, and that its certificate is the one expected"
_UNPRINTABLE: Final = re.compile(r"[^\x21-\x7e]")


@frozen(kw_only=True)
class SyslogServer:
    """Where messages go.  ``ca_file`` holds the certificates that vouch for it (the system's when None).

    ``certificate`` and ``key`` are ours, where the server asks for them.
    """

    host: str
    port: int = PORT
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


def message(text: bytes, *, msgid: str, when: datetime, severity: int = NOTICE) -> bytes:
    """Write one message of facility 10 (security); ``text`` is ASCII, or UTF-8 with its byte order mark before it."""
    stamp = when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    host = _UNPRINTABLE.sub("", socket.gethostname())[:255] or "-"
    header = f"<{_AUTHPRIV * 8 + severity}>1 {stamp} {host} fivesafes {__version__} {msgid} - "
    return header.encode("ascii") + text


def send(server: SyslogServer, messages: Iterable[bytes]) -> int:
    """Send messages over one connection and close it properly; give how many were sent.

    Syslog acknowledges nothing: that the server took the bytes and said goodbye is all that can be known.  Raises
    TryAgain when it can't be reached or does not say it, PolicyInvalid when our certificate can't be used.
    """
    context = _context(server)
    count = 0
    try:
        with (
            socket.create_connection((server.host, server.port), timeout=_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=server.host) as wire,
        ):
            for one in messages:
                wire.sendall(b"%d %s" % (len(one), one))
                count += 1
            # A server that refuses our certificate says so only now (TLS 1.3), or just hangs up: only its own goodbye
            # tells that it took what was sent.
            wire.unwrap()
    except ssl.SSLCertVerificationError as fault:
        why = f"the syslog server's certificate does not verify: {fault.verify_message}"
        raise TryAgain(why, fix=_FIX) from None
    except OSError as fault:  # TLS errors are among them
        why = f"the syslog server can't be reached: {fault.strerror or type(fault).__name__}"
        raise TryAgain(why, fix=_FIX) from None
    return count


def _context(server: SyslogServer) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if server.ca_file is None else str(server.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if server.certificate is not None:
            context.load_cert_chain(server.certificate, server.key)
    except OSError:
        why = "a certificate for the syslog server can't be used"
        raise PolicyInvalid(
            why, fix="give PEM files: ca_file, and certificate with key where the server asks"
        ) from None
    return context
