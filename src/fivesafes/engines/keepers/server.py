"""The keeper's side: answers those of its own user on a Unix socket, one original at a time, and forgets each at once.

Identities are unwrapped for one request and not kept, so a key that is destroyed stops the very next request.  The
process dumps no core, can't be traced by others, and ends when the pipe from the process that started it closes.
"""

import ctypes
import json
import os
import resource
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from fivesafes.core.errors import FiveSafesError, InvalidInput
from fivesafes.engines.keepers import wire
from fivesafes.engines.keepers.holding import Holding

_AT_ONCE: Final = 8
"""Requests that are answered at the same time: each holds one original, sealed and open."""
_NOT_DUMPABLE: Final = (4, 0)  # prctl(2): PR_SET_DUMPABLE, no


def answer(holding: Holding, request: dict[str, Any]) -> Iterator[bytes]:
    """Give what was asked for, piece by piece.  Raises KeyGone, SealBroken, ObjectMissing, InvalidInput."""
    match request:
        case {"ask": "contents", "project": str(project), "key": str(key), "addresses": list(addresses)}:
            yield from holding.contents(project, key, _addresses(addresses))
        case {"ask": "damaged", "project": str(project), "key": str(key), "addresses": list(addresses)}:
            yield from (fault.encode() for fault in holding.damaged(project, key, _addresses(addresses)))
        case {"ask": "opened", "key": str(key), "sealed": str(sealed)}:
            yield holding.opened(key, bytes.fromhex(sealed))
        case {"ask": "project key", "project": str(project)}:
            yield holding.project_key(project)
        case _:
            message = "the keeper was asked for something that it does not do"
            raise InvalidInput(message, fix="use the client of the same version")


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: Path, holding: Holding) -> None:
        self.holding = holding
        self.turn = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__(str(path), _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ANN401 - as the library has it
        """Listen to our own user only; elsewhere than on Linux the folder's mode alone sees to that."""
        return peer_of(request) in {os.getuid(), None}

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the library has it
        """Say nothing: a traceback may hold what must not be told."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    def handle(self) -> None:
        _, body = wire.receive(self.request, largest=wire.LARGEST_REQUEST)
        with self.server.turn:
            try:
                for content in answer(self.server.holding, json.loads(body)):
                    wire.send(self.request, wire.CONTENT, content)
            except FiveSafesError as refusal:
                wire.send(self.request, wire.REFUSAL, wire.refusal_of(refusal))
            except ValueError:
                fault = InvalidInput("the keeper was asked badly", fix="use the client of the same version")
                wire.send(self.request, wire.REFUSAL, wire.refusal_of(fault))
            else:
                wire.send(self.request, wire.END)


def peer_of(link: socket.socket) -> int | None:
    """Tell which user is at the other end, by the kernel's word; None where the system has no such word."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    _, user, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(user)


def guard_memory() -> None:
    """Keep this process's memory from core dumps and from being read through the debugger's door."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(*_NOT_DUMPABLE, 0, 0, 0)


def serve(path: Path, holding: Holding, *, until_closed: BinaryIO, ready: BinaryIO) -> None:
    """Answer at the socket ``path`` until the pipe ``until_closed`` ends; say on ``ready`` when it listens.

    ``path`` lies in a folder that only this user may enter; it is removed at the end.
    """
    with _Server(path, holding) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ready.write(b"ready\n")
        ready.flush()
        until_closed.read()  # the pipe closes when its other end does, however that process ends
        with suppress(OSError):
            path.unlink()
            path.parent.rmdir()


def _addresses(given: list[Any]) -> list[bytes]:
    return [bytes.fromhex(str(one)) for one in given]
