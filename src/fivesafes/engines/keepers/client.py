"""The other side: asks the keeper.  It holds a path and nothing else, and crosses to worker processes."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from fivesafes.core.errors import InvalidInput, TryAgain
from fivesafes.core.ids import Identifying
from fivesafes.engines.keepers import wire
from fivesafes.flow.haven.model import KeptParticipant
from fivesafes.flow.haven.newcomers import read_name
from fivesafes.setting.vault.keys import participant_key

_STARTS_WITHIN: Final = 30.0
_LONGEST_PATH: Final = 90
"""A Unix socket's path has 108 bytes on Linux and 104 on macOS."""


@frozen(kw_only=True)
class KeeperClient:
    """Asks the keeper that listens at ``path``; implements ``flow.haven.ports.Unsealer``."""

    path: Path

    def contents(self, participant: KeptParticipant, addresses: Sequence[bytes]) -> Iterator[bytes]:
        """Give originals or sheets one after another, each verified against its address.

        Raises KeyGone after a withdrawal, SealBroken or ObjectMissing for an object that is not what was received,
        TryAgain when the keeper has ended.
        """
        yield from self.of_key(participant.project, _key_of(participant), addresses)

    def of_key(self, project: str, key: str, addresses: Sequence[bytes]) -> Iterator[bytes]:
        """Give contents that are sealed to the identity kept under that name in the keyring."""
        yield from self._ask(
            {"ask": "contents", "project": project, "key": key, "addresses": [one.hex() for one in addresses]}
        )

    def name_of(self, participant: KeptParticipant) -> Identifying[str]:
        """Give the PatientID of a participant, from its sealed name.  Raises KeyGone after a withdrawal."""
        if participant.sealed_name is None:
            message = "the participant's name is not kept any more"
            raise InvalidInput(message, fix="nothing to do: the participant has withdrawn")
        asked = {"ask": "opened", "key": _key_of(participant), "sealed": participant.sealed_name.hex()}
        return read_name(b"".join(self._ask(asked)))

    def project_key(self, project: str) -> bytes:
        """Give a project's pseudonym key."""
        return b"".join(self._ask({"ask": "project key", "project": project}))

    def damaged(self, project: str, key: str, addresses: Sequence[bytes]) -> list[str]:
        """Have each object read and compared where it is opened; say of each what is wrong, or nothing."""
        asked = {"ask": "damaged", "project": project, "key": key, "addresses": [one.hex() for one in addresses]}
        return [fault.decode() for fault in self._ask(asked)]

    def _ask(self, request: Mapping[str, Any]) -> Iterator[bytes]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            try:
                link.connect(str(self.path))
                wire.send(link, wire.REQUEST, wire.as_json(request))
                while True:
                    kind, body = wire.receive(link)
                    if kind == wire.CONTENT:
                        yield body
                    elif kind == wire.REFUSAL:
                        wire.raise_refusal(body)
                    else:
                        return
            except OSError:
                message = "the keeper of the worker's key can't be reached"
                raise TryAgain(message, fix="run the same command again") from None


@contextmanager
def started(module: str, settings: Mapping[str, str]) -> Iterator[KeeperClient]:
    """Start a keeper, and end it with the context or with this process, whichever ends first.

    ``module`` is run as a program: it reads one line of JSON (``settings`` with ``socket``) from standard input, calls
    ``serve``, and gets no key by its command line or environment.  Raises InvalidInput with the keeper's own reason
    when it can't begin.
    """
    folder = Path(tempfile.mkdtemp(prefix="fivesafes-"))
    if len(str(folder)) > _LONGEST_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="fivesafes-", dir="/tmp"))
    client = KeeperClient(path=folder / "keeper")
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C ends the asking process first; this one ends with its pipe
    )
    try:
        _begin(process, wire.as_json({**settings, "socket": str(client.path)}))
        yield client
    finally:
        _end(process)
        with suppress(OSError):
            client.path.unlink()
        with suppress(OSError):
            folder.rmdir()


def _begin(process: subprocess.Popen[bytes], settings: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - asked for above
    assert process.stdout is not None  # noqa: S101 - asked for above
    with suppress(BrokenPipeError):  # it has ended, and its last word says why
        process.stdin.write(settings + b"\n")
        process.stdin.flush()
    said = process.stdout.readline()
    if said == b"ready\n":
        return
    if said.startswith(b"{"):
        wire.raise_refusal(said)
    message = "the keeper of the worker's key can't be started"
    raise TryAgain(message, fix="run the same command again; fivesafes doctor looks at what it needs")


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    try:
        process.wait(timeout=_STARTS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _key_of(participant: KeptParticipant) -> str:
    return participant_key(participant.id, participant.recipient)
