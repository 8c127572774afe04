"""Objects are complete or absent, durable when acknowledged, written once: in a folder and in a bucket."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import obstore
import pytest
from attrs import evolve

from fivesafes.core.errors import EngineMissing, InvalidInput, Refused, TryAgain
from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.ports import Blobs
from fivesafes.setting.vault.seal import Identity, unseal
from fivesafes.setting.vault.vault import ObjectMissing, Vault
from fivesafes.stores import blobs as blobs_module
from fivesafes.stores.blobs import Bucket, FolderBlobs, S3Blobs, write_whole

NAMES = [f"ab/cdef{n:010}/{n:064x}" for n in range(6)]


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """Run an S3 server on loopback for this session; give its address."""
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", "0"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert server.stderr is not None
    try:
        for line in server.stderr:
            if b"Running on" in line:
                yield line.split()[-1].decode()
                return
        pytest.fail("the object store did not start")
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


@pytest.fixture
def bucket(object_store: str, socket_enabled: None) -> Bucket:  # noqa: ARG001 - opens loopback for this test
    """Make a fresh bucket."""
    name = f"haven-{os.urandom(4).hex()}"
    asked = urllib.request.Request(f"{object_store}/{name}", method="PUT")  # noqa: S310 - loopback
    with urllib.request.urlopen(asked) as answer:  # noqa: S310 - loopback
        assert answer.status == 200
    return Bucket(
        name=name,
        prefix="some/where",
        endpoint=object_store,
        allow_http=True,
        access_key_id="key-of-tests",
        secret_access_key="secret-of-tests",  # noqa: S106 - nobody's
    )


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Give an empty place of each kind."""
    if request.param == "folder":
        return FolderBlobs(tmp_path / "vault")
    return S3Blobs(request.getfixturevalue("bucket"))


def test_objects_are_written_once_and_read_back(blobs: Blobs) -> None:
    """The second writing changes nothing and says so."""
    assert blobs.put([(NAMES[0], [b"a", b"", b"bc"]), (NAMES[1], [b""])]) == (True, True)
    assert blobs.put([(NAMES[0], [b"other"]), (NAMES[2], [b"new"])]) == (False, True)
    assert blobs.get(NAMES[0]) == b"abc"
    assert blobs.sizes(NAMES) == {NAMES[0]: 3, NAMES[1]: 0, NAMES[2]: 3}
    assert dict(blobs.walk()) == {NAMES[0]: 3, NAMES[1]: 0, NAMES[2]: 3}
    assert dict(blobs.walk(NAMES[2].rpartition("/")[0] + "/")) == {NAMES[2]: 3}


def test_what_is_not_there_says_so(blobs: Blobs) -> None:
    """Reading, measuring, listing, removing."""
    with pytest.raises(ObjectMissing):
        blobs.get(NAMES[0])
    assert blobs.sizes(NAMES) == {}
    assert list(blobs.walk()) == list(blobs.walk("ab/cdef/")) == []
    assert blobs.delete(NAMES) == 0
    assert blobs.put([]) == ()


def test_removed_objects_are_gone_and_others_stay(blobs: Blobs) -> None:
    """And may be written again."""
    blobs.put((name, [b"x"]) for name in NAMES)
    assert blobs.delete(iter(NAMES[:4])) == 4
    assert sorted(dict(blobs.walk())) == NAMES[4:]
    assert blobs.put([(NAMES[0], [b"again"])]) == (True,)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", "", "A/b", "a/../b", ".x", "a/.hidden", "a b"])
def test_a_name_that_leads_elsewhere_is_refused(blobs: Blobs, name: str) -> None:
    """Names come from keyed digests; anything else is a mistake or worse."""
    for act in (lambda: blobs.get(name), lambda: blobs.put([(name, [b""])]), lambda: blobs.delete([name])):
        with pytest.raises(InvalidInput):
            act()


def test_many_writers_of_the_same_objects_agree_who_was_first(blobs: Blobs) -> None:
    """Each object is new for exactly one of them, and whole."""
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda n: blobs.put([(name, [bytes([n])] * 9) for name in NAMES]), range(6)))
    assert [sum(row) for row in zip(*told, strict=True)] == [1] * len(NAMES)
    assert all(len(set(blobs.get(name))) == 1 and len(blobs.get(name)) == 9 for name in NAMES)


def test_the_vault_works_on_each(blobs: Blobs) -> None:
    """Sealed in, opened out; the place never sees clear bytes."""
    identity = Identity.made()
    vault = Vault(blobs, Addresser(bytes(32), "p"))
    contents = [b"CANARY" * n for n in (1, 1000, 30_000)]
    kept = vault.keep(contents, recipient=identity.recipient)
    assert list(vault.read_all([one.address for one in kept], identity=identity)) == contents
    assert not any(b"CANARY" in blobs.get(name) for name, _ in blobs.walk())


# a folder


def files_below(folder: Path) -> list[Path]:
    """List every file but the lock."""
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]


def failing_with(code: int, *, at: int, of: Callable[..., object]) -> Callable[..., object]:
    """Let a call of the system fail at its n-th time."""
    count = iter(range(10_000))

    def call(*given: object) -> object:
        if next(count) == at:
            raise OSError(code, os.strerror(code), "/secret/place")
        return of(*given)

    return call


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize(
    ("call", "at"), [("write", 0), ("write", 3), ("fsync", 0), ("fsync", 2), ("fsync", 4), ("link", 1), ("open", 3)]
)
def test_a_failing_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, at: int, code: int
) -> None:
    """Whatever fails, what stands under a final name is whole; the rest is not there, and can be tried again."""
    blobs = FolderBlobs(tmp_path / "vault")
    blobs.put([(NAMES[5], [b"before"])])
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing_with(code, at=at, of=getattr(os, call)))
        with pytest.raises(TryAgain) as refusal:
            blobs.put([(name, [b"whole", name.encode()]) for name in NAMES[:3]])
    assert "secret" not in str(refusal.value)
    assert all(blobs.get(name) == b"whole" + name.encode() for name, _ in blobs.walk() if name != NAMES[5])
    assert files_below(tmp_path / "vault" / "aside") == []
    blobs.put([(name, [b"whole", name.encode()]) for name in NAMES[:3]])
    assert sorted(dict(blobs.walk())) == [*NAMES[:3], NAMES[5]]


def test_a_source_that_fails_in_the_middle_leaves_nothing_aside(tmp_path: Path) -> None:
    """The generator reads files, and files can vanish."""

    def objects() -> Iterator[tuple[str, list[bytes]]]:
        yield NAMES[0], [b"x"]
        raise InvalidInput("gone", fix="none")

    with pytest.raises(InvalidInput):
        FolderBlobs(tmp_path).put(objects())
    assert files_below(tmp_path) == []


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take three bytes at a time."""
    real = os.write

    def three(descriptor: int, part: bytes) -> int:
        return real(descriptor, part[:3])

    monkeypatch.setattr(os, "write", three)
    blobs = FolderBlobs(tmp_path)
    blobs.put([(NAMES[0], [b"", b"12", b"34567", b"", b"890"])])
    assert blobs.get(NAMES[0]) == b"1234567890"


def test_a_thousand_parts_are_written(tmp_path: Path) -> None:
    """Also by a generator: each is written before the next is made."""
    with (tmp_path / "file").open("wb") as file:
        write_whole(file.fileno(), (bytes([n % 256]) for n in range(1500)))
    assert (tmp_path / "file").read_bytes() == bytes(n % 256 for n in range(1500))


FULL = """
import resource, signal, sys
from pathlib import Path
from fivesafes.core.errors import TryAgain
from fivesafes.stores.blobs import FolderBlobs
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    FolderBlobs(Path(sys.argv[1])).put([(f"ab/c/{n:064x}", [bytes(4000 + 600 * n)]) for n in range(3)])
except TryAgain as refusal:
    print(refusal)
"""


def test_a_disk_that_is_really_full_is_told(tmp_path: Path) -> None:
    """The system itself refuses, in the middle of a write: no piece is left."""
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, check=True)
    assert "the disk is full" in done.stdout
    assert files_below(tmp_path) == []


WRITER = """
import sys
from pathlib import Path
from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.vault import Vault
from fivesafes.stores.blobs import FolderBlobs
vault = Vault(FolderBlobs(Path(sys.argv[1])), Addresser(bytes(32), "p"))
for batch in range(1000):
    kept = vault.keep([b"%d %d " % (batch, n) * 3000 for n in range(8)], recipient=sys.argv[2])
    print(*(one.address.hex() for one in kept), flush=True)
"""


@pytest.mark.parametrize("milliseconds", [150, 200, 260, 330, 410])
def test_a_writer_killed_at_any_moment_loses_nothing_that_it_acknowledged(tmp_path: Path, milliseconds: int) -> None:
    """Every acknowledged object opens, nothing that has a name is cut, and the next writer sweeps what was aside."""
    identity = Identity.made()
    command = [sys.executable, "-c", WRITER, str(tmp_path), identity.recipient]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    said = [writer.stdout.readline()]
    time.sleep(milliseconds / 10_000)
    writer.kill()
    said += writer.stdout.read().splitlines(keepends=True)
    writer.stdout.close()
    writer.wait()
    whole = [line for line in said if line.endswith("\n")]
    blobs = FolderBlobs(tmp_path)
    vault = Vault(blobs, Addresser(bytes(32), "p"))
    addresses = [bytes.fromhex(address) for line in whole for address in line.split()]
    assert addresses
    assert len(list(vault.read_all(addresses, identity=identity))) == len(addresses)
    for name, _ in blobs.walk():
        unseal(blobs.get(name), identity)
    vault.keep([b"next"], recipient=identity.recipient)
    assert files_below(tmp_path / "aside") == []


def test_what_another_writer_has_aside_is_not_swept(tmp_path: Path) -> None:
    """Only who is alone sweeps."""
    first, second = FolderBlobs(tmp_path), FolderBlobs(tmp_path)

    def objects() -> Iterator[tuple[str, list[bytes]]]:
        yield NAMES[0], [b"one"]
        second.put([(NAMES[1], [b"two"])])
        yield NAMES[2], [b"three"]

    assert first.put(objects()) == (True, True)
    assert sorted(dict(first.walk())) == NAMES[:3]


def test_files_are_the_owners_alone_and_empty_folders_go(tmp_path: Path) -> None:
    """Modes 0700 and 0600; a shredded participant leaves no folder."""
    blobs = FolderBlobs(tmp_path / "vault")
    blobs.put([(NAMES[0], [b"x"])])
    path = tmp_path / "vault" / NAMES[0]
    assert path.stat().st_mode & 0o777 == 0o600
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in path.parents[:2])
    blobs.delete([NAMES[0]])
    assert not path.parent.exists()


def test_every_folder_on_the_way_is_synced_before_an_object_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for an object that was found there: who put it may not have come to it."""
    synced: list[str] = []
    real = blobs_module.sync_folder

    def sync(folder: Path) -> None:
        synced.append(str(folder))
        real(folder)

    monkeypatch.setattr(blobs_module, "sync_folder", sync)
    blobs = FolderBlobs(tmp_path / "vault")
    way = [str(tmp_path / "vault" / part) for part in (NAMES[0].rpartition("/")[0], "ab", "")]
    for act in (lambda: blobs.put([(NAMES[0], [b"x"])]), lambda: blobs.sizes([NAMES[0]])):
        synced.clear()
        act()
        assert synced == [str(Path(path)) for path in way]


# a bucket


def test_a_bucket_that_overwrites_is_refused_before_anything_is_written(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such stores exist; ours is made to behave like one."""
    real = obstore.put
    monkeypatch.setattr(obstore, "put", lambda store, path, content, **_: real(store, path, content))
    blobs = S3Blobs(bucket)
    with pytest.raises(Refused, match="overwrites"):
        blobs.put([(NAMES[0], [b"x"])])
    assert blobs.sizes(NAMES) == {}


def test_two_havens_do_not_share_a_place_of_a_bucket(bucket: Bucket) -> None:
    """Who writes first has it; the other neither writes, nor lists, nor removes, and a haven inside it is noticed."""
    first, second = S3Blobs(bucket, owner="a" * 16), S3Blobs(bucket, owner="b" * 16)
    assert first.put([(NAMES[0], [b"first"])]) == (True,)
    for refused in (
        lambda: second.put([(NAMES[1], [b"second"])]),
        lambda: list(second.walk()),
        lambda: second.delete([NAMES[0]]),
    ):
        with pytest.raises(Refused, match="another haven"):
            refused()
    again = S3Blobs(bucket, owner="a" * 16)
    assert [name for name, _ in again.walk()] == [NAMES[0]]
    assert again.put([(NAMES[0], [b"first"])]) == (False,)
    inner = S3Blobs(evolve(bucket, prefix=f"{bucket.prefix}/inner"), owner="b" * 16)
    inner.put([(NAMES[2], [b"inner"])])
    with pytest.raises(Refused, match="another haven"):
        list(again.walk())


def test_a_probe_leaves_nothing_to_see(bucket: Bucket) -> None:
    """Neither in the listing nor in the bucket."""
    blobs = S3Blobs(bucket)
    blobs.probe()
    assert list(blobs.walk()) == []
    assert [one for some in obstore.list(blobs._store) for one in some] == []


@pytest.mark.usefixtures("socket_enabled")
def test_a_store_that_is_away_says_try_again_without_its_address() -> None:
    """Neither bucket nor address nor key stands in the message."""
    away = Bucket(name="secret-bucket", endpoint="http://127.0.0.1:9", allow_http=True, access_key_id="k",
                  secret_access_key="s")  # fmt: skip # noqa: S106 - nobody's
    blobs = S3Blobs(away)
    for act in (lambda: blobs.get(NAMES[0]), lambda: blobs.sizes(NAMES), lambda: list(blobs.walk())):
        with pytest.raises(TryAgain) as refusal:
            act()
        assert "secret-bucket" not in str(refusal.value)
        assert "127.0.0.1" not in str(refusal.value)
    assert "secret" not in repr(away).replace("secret-bucket", "")


def test_without_the_extra_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no S3 does not install it."""
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(EngineMissing, match=r"fivesafes\[s3\]"):
        S3Blobs(Bucket(name="bucket"))


S3_WRITER = """
import sys
from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.vault import Vault
from fivesafes.stores.blobs import Bucket, S3Blobs
blobs = S3Blobs(Bucket(name=sys.argv[1], prefix=sys.argv[2], endpoint=sys.argv[3], allow_http=True,
                       access_key_id="k", secret_access_key="s"))
vault = Vault(blobs, Addresser(bytes(32), "p"))
print("begun", flush=True)
for batch in range(1000):
    kept = vault.keep([b"%d %d " % (batch, n) * 3000 for n in range(8)], recipient=sys.argv[4])
    print(*(one.address.hex() for one in kept), flush=True)
"""


def test_a_writer_to_a_bucket_killed_and_started_again_loses_and_doubles_nothing(bucket: Bucket) -> None:
    """What was acknowledged opens; the second run finds it there and goes on."""
    identity = Identity.made()
    command = [sys.executable, "-c", S3_WRITER, bucket.name, bucket.prefix, bucket.endpoint, identity.recipient]
    told: list[str] = []
    for _ in range(2):
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        told += [writer.stdout.readline() for _ in range(2)]
        time.sleep(0.03)
        writer.send_signal(signal.SIGKILL)
        with suppress(ValueError):
            told += [line for line in writer.stdout if line.endswith("\n")]
        writer.stdout.close()
        writer.wait()
    blobs = S3Blobs(bucket)
    addresses = list(dict.fromkeys(bytes.fromhex(one) for line in told for one in line.split()))
    contents = list(Vault(blobs, Addresser(bytes(32), "p")).read_all(addresses, identity=identity))
    assert len(contents) == len(set(contents)) >= 16
    for name, _ in blobs.walk():
        unseal(blobs.get(name), identity)


def test_the_limit_of_open_files_is_far(tmp_path: Path) -> None:
    """A batch holds a descriptor per object: more objects than the limit are written in turn."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, hard))
    try:
        told = FolderBlobs(tmp_path).put((f"ab/c/{n:064x}", [b"x"]) for n in range(700))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert sum(told) == 700
