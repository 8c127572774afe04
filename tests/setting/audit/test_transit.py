"""TLS endpoints: real handshakes with servers that are right, old, weak, expiring, strange or silent."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.setting.audit.made_up import Made

from fivesafes.core.event import utc_now
from fivesafes.setting.model import Endpoint, State

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def certificate(folder: Path, *, days: int, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """Make a self-signed certificate that lives for some days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "endpoint")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "k.pem").write_bytes(private)
    return folder / "c.pem", folder / "k.pem"


@contextmanager
def served(context: ssl.SSLContext | None) -> Iterator[int]:
    """Serve handshakes on loopback; without a context, answer nothing sensible."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    line, _ = listener.accept()
                except TimeoutError:
                    continue
                with line:
                    line.settimeout(2)
                    try:
                        if context is None:
                            line.sendall(b"220 hello\r\n")
                        else:
                            with context.wrap_socket(line, server_side=True) as wrapped:
                                wrapped.recv(1)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def server(
    folder: Path, *, days: int = 90, oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2, ciphers: str = ""
) -> ssl.SSLContext:
    """Set a server up, by default as it should be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder, days=days))
    context.set_ciphers(ciphers or "ECDHE+AESGCM:ECDHE+CHACHA20")
    old = oldest < ssl.TLSVersion.TLSv1_2
    with pytest.warns(DeprecationWarning, match="TLS") if old else nullcontext():
        context.minimum_version = oldest
    return context


def look(made: Made, port: int, *, trusted: bool = True) -> tuple[State, str]:
    """Look at one endpoint."""
    made.machine(now=utc_now)
    authority = made.folder / "c.pem" if trusted else None
    made.declare(endpoints=(Endpoint(host="127.0.0.1", port=port, authority=authority),))
    fact = made.fact("endpoints_tls")
    return fact.state, fact.seen


def test_a_good_endpoint_is_met(made: Made) -> None:
    """TLS 1.2 or later, AEAD alone, a chain to a known authority, and time to live."""
    with served(server(made.folder)) as port:
        state, seen = look(made, port)
    assert state is State.YES, seen
    assert "TLSv1.3" in seen


def test_faults_of_an_endpoint_are_told(made: Made) -> None:
    """Each way to be wrong is a no with its reason."""
    weak = "ECDHE-ECDSA-AES128-SHA:ECDHE+AESGCM:@SECLEVEL=0"
    cases = {
        "ends within 30 days": server(made.folder, days=20),
        "accepts TLS 1.1 or earlier": server(made.folder, oldest=ssl.TLSVersion.TLSv1, ciphers=weak),
        "accepts TLS 1.2 without AEAD": server(made.folder, ciphers=weak),
        "no TLS 1.2 or later": None,
    }
    for why, context in cases.items():
        if context is not None:
            context.load_cert_chain(*certificate(made.folder, days=20 if "ends" in why else 90))
        with served(context) as port:
            state, seen = look(made, port)
        assert state is State.NO, (why, seen)
        assert why in seen


def test_a_certificate_that_does_not_verify_is_a_no(made: Made) -> None:
    """Unknown authorities and wrong names alike."""
    with served(server(made.folder)) as port:
        state, seen = look(made, port, trusted=False)
        assert (state, "does not verify" in seen) == (State.NO, True)
    context = server(made.folder)
    context.load_cert_chain(*certificate(made.folder, days=90, host="192.0.2.1"))
    with served(context) as port:
        state, seen = look(made, port)
    assert (state, "does not verify" in seen) == (State.NO, True)


def test_nobody_there_is_unknown(made: Made) -> None:
    """An endpoint that does not answer was not looked at; nor was one that nobody declared."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert look(made, port)[0] is State.UNKNOWN
    made.declare(endpoints=())
    assert made.fact("endpoints_tls").state is State.UNKNOWN


@pytest.mark.parametrize(
    ("printed", "state"),
    [
        ('{"scan_status": "COMPLETED", "scan_result": %s}', State.YES),
        ('{"scan_status": "ERROR_NO_CONNECTIVITY", "scan_result": %s}', State.UNKNOWN),
        ("rubbish", State.UNKNOWN),
        ('{"scan_status": "COMPLETED", "scan_result": {}}', State.UNKNOWN),
    ],
)
def test_sslyze_is_asked_where_it_is(made: Made, printed: str, state: State) -> None:
    """Its JSON counts; anything else leaves the endpoint unknown."""
    names = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
    result = ", ".join(f'"{name}_cipher_suites": {{"result": {{"accepted_cipher_suites": []}}}}' for name in names)
    text = '{"server_scan_results": [' + printed.replace("%s", "{" + result + "}") + "]}"
    made.program("sslyze", f"/bin/cat <<'END'\n{text}\nEND\n")
    with served(server(made.folder)) as port:
        assert look(made, port)[0] is state
        if state is State.YES:
            old = text.replace(
                '"tls_1_0_cipher_suites": {"result": {"accepted_cipher_suites": []',
                '"tls_1_0_cipher_suites": {"result": {"accepted_cipher_suites": [1]',
            )
            made.program("sslyze", f"/bin/cat <<'END'\n{old}\nEND\n")
            assert look(made, port) == (State.NO, f"port {port}: accepts tls_1_0")
