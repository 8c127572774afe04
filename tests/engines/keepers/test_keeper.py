"""The keeper opens what it is asked for, tells no key, stops at once when a key is gone, and dies with who began it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import evolve, frozen
from tests.setting.vault.havens import PEOPLE, PSEUDONYM_KEY, SealedHaven, make_haven

from fivesafes.core.errors import FiveSafesError, InvalidInput, PolicyInvalid, Refused, TryAgain
from fivesafes.core.ids import Identifying
from fivesafes.core.plugins import load
from fivesafes.engines.keepers import wire
from fivesafes.engines.keepers.client import KeeperClient
from fivesafes.engines.keepers.server import peer_of
from fivesafes.flow.haven.model import KeptParticipant
from fivesafes.flow.sealed import Kind, Sealed, sealed_in
from fivesafes.setting.vault.keys import KeyGone, participant_key
from fivesafes.setting.vault.seal import SealBroken
from fivesafes.setting.vault.vault import ObjectMissing, object_name
from fivesafes.stores.haven_file import read_haven_file
from fivesafes.wiring.haven import opened_haven
from fivesafes.wiring.vault import keeper_of, ring_of


@frozen(kw_only=True)
class Place:
    """A haven, its two people, the originals of each series, and a keeper that works there.

    The first and the third series are of the first person.
    """

    haven: SealedHaven
    people: tuple[KeptParticipant, ...]
    sealed: tuple[Sealed, ...]
    keeper: KeeperClient


@contextmanager
def made_place(folder: Path) -> Iterator[Place]:
    """Make a haven and start its keeper."""
    haven = make_haven(folder)
    with opened_haven(haven.path) as opened:
        by_id = {one.id: one for one in opened.books.participants("p1")}
        named = [opened.addresser("p1").participant(Identifying(name)) for name in PEOPLE]
        sealed = tuple(one for one in sealed_in(opened.books) if one.kind is Kind.ORIGINAL)
    people = tuple(by_id[id_] for id_ in named)
    with keeper_of(read_haven_file(haven.path), haven.keys) as client:
        yield Place(haven=haven, people=people, sealed=sealed, keeper=client)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Give a place for tests that leave it as it is: starting a keeper takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIVESAFES_KEYS", str(tmp_path_factory.mktemp("keys-of-keeper")))
        with made_place(tmp_path_factory.mktemp("haven")) as made:
            yield made


@pytest.fixture
def own_place(tmp_path: Path) -> Iterator[Place]:
    """Give a place for a test that destroys something."""
    with made_place(tmp_path) as made:
        yield made


@pytest.fixture
def haven(tmp_path: Path) -> SealedHaven:
    """Make a haven without a keeper."""
    return make_haven(tmp_path)


def test_originals_names_and_project_keys_are_opened(place: Place) -> None:
    """All that a job needs, and each verified."""
    assert (
        tuple(place.keeper.contents(place.people[0], place.sealed[0].addresses))
        == place.haven.contents[place.sealed[0].series]
    )
    assert list(place.keeper.contents(place.people[0], [])) == []
    assert [place.keeper.name_of(person) for person in place.people] == [Identifying(name) for name in PEOPLE]
    assert place.keeper.project_key("p1") == PSEUDONYM_KEY
    assert place.keeper.damaged("p1", place.sealed[0].key, place.sealed[0].addresses) == [""] * 4


def test_a_key_destroyed_a_moment_ago_stops_the_next_question(own_place: Place) -> None:
    """Nothing is remembered from the question before; the other participant is untouched."""
    assert len(list(own_place.keeper.contents(own_place.people[0], own_place.sealed[0].addresses))) == 4
    ring_of(read_haven_file(own_place.haven.path)).destroy(
        participant_key(own_place.people[0].id, own_place.people[0].recipient)
    )
    with pytest.raises(KeyGone, match="withdrawn"):
        list(own_place.keeper.contents(own_place.people[0], own_place.sealed[0].addresses))
    with pytest.raises(KeyGone):
        own_place.keeper.name_of(own_place.people[0])
    assert len(list(own_place.keeper.contents(own_place.people[1], own_place.sealed[1].addresses))) == 4


def test_one_persons_key_does_not_give_another_persons_originals(place: Place) -> None:
    """Objects lie below their recipient."""
    with pytest.raises(ObjectMissing):
        list(place.keeper.contents(place.people[1], place.sealed[0].addresses))
    with pytest.raises(SealBroken):
        place.keeper.name_of(evolve(place.people[1], sealed_name=place.people[0].sealed_name))


def test_a_damaged_original_is_told_after_the_whole_ones(own_place: Place) -> None:
    """What came before it was given; of it, nothing is."""
    one = own_place.sealed[0]
    path = own_place.haven.path / "vault" / object_name(one.addresses[2], one.recipient)
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    got: list[bytes] = []
    with pytest.raises(SealBroken):
        got.extend(own_place.keeper.contents(own_place.people[0], one.addresses))
    assert [bool(fault) for fault in own_place.keeper.damaged("p1", one.key, one.addresses)] == [
        False,
        False,
        True,
        False,
    ]


def work(context: tuple[KeeperClient, KeptParticipant, tuple[bytes, ...]], number: int) -> int:
    """Read the originals in a worker process."""
    client, person, addresses = context
    return sum(map(len, client.contents(person, addresses))) + number


def test_spawned_workers_can_ask_at_the_same_time(place: Place) -> None:
    """The client crosses to them; no key does."""
    executor = load("executor", "process")(2)
    size = sum(map(len, place.haven.contents[place.sealed[0].series]))
    done = dict(executor.run_with((place.keeper, place.people[0], place.sealed[0].addresses), work, list(range(4))))
    assert done == {n: size + n for n in range(4)}


def test_more_askers_than_turns_are_all_answered(place: Place) -> None:
    """They wait their turn."""
    done: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: done.append(len(list(place.keeper.contents(place.people[0], place.sealed[0].addresses))))
        )
        for _ in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [4] * 24


def test_an_asker_that_goes_away_does_not_hold_the_keeper(place: Place) -> None:
    """Twenty that read one original and leave, one that says nothing: the next is answered."""
    for _ in range(20):
        next(place.keeper.contents(place.people[0], place.sealed[0].addresses))
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with silent:
        silent.connect(str(place.keeper.path))
        assert len(list(place.keeper.contents(place.people[0], place.sealed[0].addresses))) == 4


@pytest.mark.parametrize(
    "request_",
    [b"{}", b"[]", b"not json", b'{"ask":"worker key"}', b'{"ask":"opened","key":"../../x","sealed":""}',
     b'{"ask":"contents","project":"p1","key":"haven.address.age","addresses":[]}'],
)  # fmt: skip
def test_a_strange_question_gets_a_refusal_and_no_secret(place: Place, request_: bytes) -> None:
    """And the keeper goes on; the address key is no identity, so asking for it as one tells nothing of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.connect(str(place.keeper.path))
        wire.send(link, wire.REQUEST, request_)
        kind, body = wire.receive(link)
    assert kind == wire.REFUSAL
    with pytest.raises(FiveSafesError) as refusal:
        wire.raise_refusal(body)
    assert not re.search(rf"{PSEUDONYM_KEY.hex()}|SECRET-KEY-1[0-9A-Z]|CANARY", str(refusal.value))
    assert place.keeper.project_key("p1") == PSEUDONYM_KEY


def test_the_socket_is_in_a_folder_of_this_user_alone(place: Place) -> None:
    """And the kernel names the user at the other end."""
    assert place.keeper.path.parent.stat().st_mode & 0o777 == 0o700
    one, two = socket.socketpair()
    with one, two:
        assert peer_of(one) in {os.getuid(), None}


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="becoming another user takes root")
def test_another_user_is_not_listened_to(own_place: Place) -> None:
    """Even where the folder would let them in."""
    own_place.keeper.path.parent.chmod(0o755)
    own_place.keeper.path.chmod(0o777)
    script = (
        "import os, socket, sys\nos.setuid(65534)\nlink = socket.socket(socket.AF_UNIX)\nlink.connect(sys.argv[1])\n"
        'body = b\'{"ask":"project key","project":"p1"}\'\n'
        "try:\n link.sendall(b'?' + len(body).to_bytes(8, 'big') + body); print(link.recv(99))\n"
        "except OSError: print(b'')\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, str(own_place.keeper.path)], capture_output=True, text=True, check=True
    )
    assert said.stdout == "b''\n"
    assert own_place.keeper.project_key("p1") == PSEUDONYM_KEY


def keepers_of_ours() -> list[int]:
    """Find the processes that this one started and that run the keeper's module."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if b"fivesafes.wiring.keeper" in words and parent == os.getpid():
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_no_key_stands_where_others_can_look(place: Place) -> None:
    """Neither in its command line nor in its environment, and its memory is not dumped."""
    (process,) = keepers_of_ours()
    secret = (place.haven.keys / "worker.agekey").read_text().split()[-1].encode()
    assert secret not in Path(f"/proc/{process}/cmdline").read_bytes()
    assert Path(f"/proc/{process}/limits").read_text().split("Max core file size")[1].split()[:2] == ["0", "0"]
    if os.getuid():  # root may look all the same
        with pytest.raises(PermissionError):
            Path(f"/proc/{process}/environ").read_bytes()


STARTER = """
import sys, time
from pathlib import Path
from fivesafes.wiring.haven import opened_haven
from fivesafes.wiring.vault import keeper_of
with opened_haven(Path(sys.argv[1])) as haven, keeper_of(haven.config, Path(sys.argv[2])) as client:
    print(client.path, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_keeper_ends_with_who_began_it_however_that_ends(haven: SealedHaven, how: signal.Signals) -> None:
    """And its socket and folder go."""
    words = [sys.executable, "-c", STARTER, str(haven.path), str(haven.keys)]
    starter = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    client = KeeperClient(path=Path(starter.stdout.readline().strip()))
    assert client.project_key("p1") == PSEUDONYM_KEY
    starter.send_signal(how)
    starter.communicate()
    deadline = time.monotonic() + 10
    while client.path.parent.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not client.path.parent.exists()
    with pytest.raises(TryAgain):
        client.project_key("p1")


def test_a_keeper_that_can_not_begin_says_why(haven: SealedHaven) -> None:
    """In the words of what it met: a key that others may read, no key at all."""
    config = read_haven_file(haven.path)
    (haven.keys / "worker.agekey").chmod(0o644)
    with pytest.raises(FiveSafesError, match="others"), keeper_of(config, haven.keys):
        pass
    (haven.keys / "worker.agekey").unlink()
    with pytest.raises(Refused, match="take scans in"), keeper_of(config, haven.keys):
        pass


def test_a_refusal_crosses_with_its_kind() -> None:
    """One that the other side does not know becomes its nearest."""
    for error, kind in (
        (KeyGone.told(), KeyGone),
        (ObjectMissing.told(), ObjectMissing),
        (PolicyInvalid("what", fix="fix"), InvalidInput),
        (FiveSafesError("what", fix="fix"), TryAgain),
    ):
        with pytest.raises(kind) as refusal:
            wire.raise_refusal(wire.refusal_of(error))
        assert type(refusal.value) is kind
        assert refusal.value.fix == error.fix
