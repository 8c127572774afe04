"""TLS endpoints: real handshakes with servers that are right, old, weak, expiring, strange or silent."""

import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
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
def served(context: ssl.SSLContext | None, *, hangs_up: str = "never") -> Iterator[int]:
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
                        elif hangs_up != "never" and b"\x00\x2b" not in line.recv(4096, socket.MSG_PEEK):
                            line.recv(4096)  # no list of versions in it: no hello of TLS 1.3
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


@contextmanager
def openssl(folder: Path, *words: str) -> Iterator[int]:
    """Serve with openssl's own server, which waits for the handshake and its end."""
    program = shutil.which("openssl")
    assert program is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = ("-cert", folder / "c.pem", "-key", folder / "k.pem", "-CAfile", folder / "c.pem")
    server = subprocess.Popen(
        [program, "s_server", "-accept", f"127.0.0.1:{port}", *map(str, files), "-quiet", *words],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield port
    finally:
        server.kill()
        server.communicate()


GOOD_SUITES = ("-cipher", "ECDHE+AESGCM:ECDHE+CHACHA20")
OLD = ("-cipher", "ALL:@SECLEVEL=0")


@pytest.mark.parametrize(
    ("words", "state", "why"),
    [
        (("-no_tls1", "-no_tls1_1", *GOOD_SUITES), State.YES, "TLSv1.3"),
        (("-no_tls1", "-no_tls1_1", *GOOD_SUITES, "-Verify", "1"), State.YES, "TLSv1.3"),
        (("-tls1_2", *GOOD_SUITES), State.YES, "TLSv1.2"),
        (("-tls1_2", *GOOD_SUITES, "-Verify", "1"), State.UNKNOWN, "may want a client's certificate"),
        (OLD, State.NO, "accepts TLS 1.1 or earlier"),
        ((*OLD, "-Verify", "1"), State.NO, "accepts TLS 1.1 or earlier"),
        ((*OLD, "-no_tls1_3", "-Verify", "1"), State.NO, "accepts TLS 1.1 or earlier"),
        (("-no_tls1", "-no_tls1_1", "-cipher", "ALL", "-Verify", "1"), State.NO, "accepts TLS 1.2 without AEAD"),
        (("-tls1_1", *OLD), State.NO, "no TLS 1.2 or later"),
        (("-tls1_1", *OLD, "-Verify", "1"), State.NO, "no TLS 1.2 or later"),
    ],
)
def test_a_server_that_wants_a_clients_certificate_is_told_by_its_first_answer(
    made: Made, words: tuple[str, ...], state: State, why: str
) -> None:
    """With openssl's own server: what it turns away for want of a certificate it has chosen all the same."""
    certificate(made.folder, days=90)
    with openssl(made.folder, *words) as port:
        found, seen = look(made, port)
    assert (found, why in seen) == (state, True), seen


def test_a_weak_offer_that_is_hung_up_on_is_unknown(made: Made) -> None:
    """Without an alert nobody knows why: an overloaded server hangs up as well."""
    context = server(made.folder)
    with served(context, hangs_up="on old hellos") as port:
        state, seen = look(made, port)
    assert (state, "its answer does not tell" in seen) == (State.UNKNOWN, True), seen


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
