"""Real counterparts of the witnesses, on loopback: a certificate authority, a TLS listener, a mail server."""

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from attrs import define, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from fivesafes.setting.trail.checkpoint import Checkpoint, SignedCheckpoint, signed
from fivesafes.setting.trail.note import NoteSigner

HOST: Final = "127.0.0.1"
SIGNER: Final = NoteSigner(bytes(range(32)), "example.org/haven")


@pytest.fixture
def checkpoints() -> list[SignedCheckpoint]:
    """Make three checkpoints, one after the other."""
    made = [Checkpoint(origin="example.org/haven", size=size, root=bytes([size]) * 32) for size in (3, 20, 100)]
    return [signed(one, SIGNER) for one in made]


@frozen(kw_only=True)
class Certificates:
    """PEM files: an authority, a server's certificate with key, a client's, and a stranger's authority."""

    authority: Path
    server: Path
    client: Path
    stranger: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make an authority and what it vouches for."""
    folder = tmp_path_factory.mktemp("certificates")
    key, stranger_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("authority", key, signed_by=None)
    stranger = _certificate("stranger", stranger_key, signed_by=None)
    (folder / "authority.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    (folder / "stranger.pem").write_bytes(stranger.public_bytes(Encoding.PEM))
    for name in ("server", "client"):
        own = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(name, own, signed_by=(authority, key))
        private = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.pem").write_bytes(private + made.public_bytes(Encoding.PEM))
    return Certificates(
        authority=folder / "authority.pem",
        server=folder / "server.pem",
        client=folder / "client.pem",
        stranger=folder / "stranger.pem",
    )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    signed_by: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, issuer_key = (signed_by[0].subject, signed_by[1]) if signed_by else (subject, key)
    now = datetime.now(tz=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signed_by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if signed_by is None:
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def serving(handle: Handler, *, tls: ssl.SSLContext | None) -> Iterator[int]:
    """Serve on a free port of loopback in a thread; give the port."""
    loop, port, ready = asyncio.new_event_loop(), 0, threading.Event()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(handle, HOST, 0, ssl=tls)

    server = loop.run_until_complete(start())
    port = server.sockets[0].getsockname()[1]

    def serve() -> None:
        asyncio.set_event_loop(loop)
        ready.set()
        loop.run_forever()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait()
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(_stopped(server), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stopped(server: asyncio.Server) -> None:
    server.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0.05)


def server_context(certificates: Certificates, *, client_needed: str = "no") -> ssl.SSLContext:
    """Make a server's side of TLS; ``client_needed="yes"`` asks for a certificate of our authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server)
    if client_needed == "yes":
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates.authority)
    return context


@define
class Received:
    """What a listener got, one entry per connection."""

    whole: list[bytes] = field(factory=list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read to the end and close."""
        with suppress(OSError):
            self.whole.append(await reader.read())
        writer.close()


@define
class MailServer:
    """A mail server that speaks enough of SMTP: STARTTLS, AUTH PLAIN, 8BITMIME; it refuses what it is told to."""

    tls: ssl.SSLContext
    offers_tls: str = "yes"
    refused: frozenset[str] = frozenset()
    mails: list[bytes] = field(factory=list)
    logins: list[bytes] = field(factory=list)
    clear: list[bytes] = field(factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one conversation."""
        secure = writer.get_extra_info("sslcontext") is not None
        try:
            await _say(writer, "220 test ready")
            while line := await reader.readline():
                if not secure:
                    self.clear.append(line)
                verb = line.split()[0].upper() if line.split() else b""
                await _say(writer, *self._answer(verb, line, secure="yes" if secure else "no"))
                if verb == b"STARTTLS":
                    await writer.start_tls(self.tls)
                    secure = True
                elif verb == b"DATA":
                    await self._take(reader)
                    await _say(writer, "250 taken")
                elif verb == b"QUIT":
                    break
        except (OSError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    def _answer(self, verb: bytes, line: bytes, *, secure: str) -> list[str]:
        if verb in (b"EHLO", b"HELO"):
            extra = {"yes": ["250-AUTH PLAIN"], "no": ["250-STARTTLS"] if self.offers_tls == "yes" else []}[secure]
            return ["250-test", *extra, "250 8BITMIME"]
        if verb == b"AUTH":
            self.logins.append(line.strip())
            return ["535 no" if "login" in self.refused else "235 ok"]
        if verb == b"RCPT" and any(name.encode() in line for name in self.refused):
            return ["550 unknown"]
        return [{b"STARTTLS": "220 go ahead", b"DATA": "354 go on", b"QUIT": "221 bye"}.get(verb, "250 ok")]

    async def _take(self, reader: asyncio.StreamReader) -> None:
        body = b""
        while (part := await reader.readline()) not in (b".\r\n", b""):
            body += part.removeprefix(b".") if part.startswith(b"..") else part
        self.mails.append(body)


async def _say(writer: asyncio.StreamWriter, *lines: str) -> None:
    writer.write("".join(f"{line}\r\n" for line in lines).encode())
    await writer.drain()
