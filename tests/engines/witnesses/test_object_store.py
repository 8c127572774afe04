"""The witness in an object store, against a real S3 server on loopback: new objects only, none overwritten."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.witnesses.conftest import HOST

from fivesafes.core.errors import InvalidInput, PolicyInvalid, TryAgain
from fivesafes.engines.witnesses.object_store import ObjectStoreWitness
from fivesafes.setting.trail.checkpoint import SignedCheckpoint
from fivesafes.setting.trail.note import notes_in

pytestmark = pytest.mark.allow_hosts([HOST])


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Run moto's S3 server for these tests."""
    pytest.importorskip("moto")
    pytest.importorskip("obstore")
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)]
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection((HOST, port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"http://{HOST}:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a key as its owner has it; no proxy stands before loopback."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "credentials"
    path.write_text("an-id\na-secret\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def bucket(endpoint: str, credentials: Path) -> str:
    """Make a bucket."""
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to load

    key, secret = credentials.read_text().split()
    name = f"notes-{time.monotonic_ns()}"
    boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1"
    ).create_bucket(Bucket=name)
    return name


def test_notes_become_objects_that_are_never_overwritten(
    endpoint: str, bucket: str, credentials: Path, checkpoints: list[SignedCheckpoint]
) -> None:
    """Sent again, the same note is there already; another of the same size is told of, and does not go in."""
    witness = ObjectStoreWitness(
        url=f"s3://{bucket}/haven", endpoint=endpoint, credentials_file=str(credentials), transport="http"
    )
    assert witness.missing() is None
    for one in [*checkpoints, checkpoints[0]]:
        witness.send(one)
    forged = SignedCheckpoint(checkpoint=checkpoints[0].checkpoint, note=checkpoints[1].note)
    with pytest.raises(InvalidInput, match="another checkpoint"):
        witness.send(forged)
    witness.send(checkpoints[0])


def test_what_the_store_keeps_is_read_back(
    endpoint: str, bucket: str, credentials: Path, checkpoints: list[SignedCheckpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its own prefix; of many, the newest are always among what is read."""
    witness, other = (
        ObjectStoreWitness(
            url=f"s3://{bucket}/{prefix}", endpoint=endpoint, credentials_file=str(credentials), transport="http"
        )
        for prefix in ("haven", "other")
    )
    assert witness.read_back() == ""
    for one in checkpoints[:2]:
        witness.send(one)
    other.send(checkpoints[2])
    assert list(notes_in(witness.read_back())) == [one.note for one in checkpoints[:2]]
    witness.send(checkpoints[2])
    monkeypatch.setattr("fivesafes.engines.witnesses.object_store._NEWEST", 1)
    read = list(notes_in(witness.read_back()))
    assert (len(read), read[0]) == (2, checkpoints[2].note)


def test_a_store_that_is_away_or_has_no_such_bucket_is_tried_again(
    endpoint: str, credentials: Path, checkpoints: list[SignedCheckpoint]
) -> None:
    """No bucket; no server; and in clear only when that was said."""
    for url, at, transport in (
        ("s3://no-such-bucket/x", endpoint, "http"),
        ("s3://bucket/x", endpoint, "https"),
    ):
        witness = ObjectStoreWitness(url=url, endpoint=at, credentials_file=str(credentials), transport=transport)
        with pytest.raises(TryAgain):
            witness.send(checkpoints[0])
        with pytest.raises(TryAgain):
            witness.read_back()


def test_a_key_file_of_another_form_is_a_mistake(tmp_path: Path, checkpoints: list[SignedCheckpoint]) -> None:
    """Two lines, and its owner's alone."""
    path = tmp_path / "credentials"
    path.write_text("only-one\n")
    path.chmod(0o600)
    with pytest.raises(PolicyInvalid, match="two lines"):
        ObjectStoreWitness(url="s3://bucket/x", credentials_file=str(path)).send(checkpoints[0])
