"""Lies on PYTHONPATH of a command that is to meet a fault: Python imports it before anything else.

``FIVESAFES_FAULT`` holds JSON and is taken out of the environment, so that children meet no fault of their own.
``moment`` counts what the process does to the world: files opened for writing, named, removed, synced, written to with
``os.write``, programs started, database transactions committed (before and after).

    {"kill": n}                      kill -9 of itself at the n-th moment
    {"kill_at": "os.rename", "path": "part of a path", "later": n}
                             kill -9 of itself n moments after the first such event (0: just before it happens)
    {"fail": "EIO", "at": n}         the n-th moment that touches a file fails so, and each one after it
    {"short": true}                  every write of more than one byte writes half of it
    {"clock": seconds}               the machine's clock is wrong by so much (children too)
    {"count": path}                  write the number of moments to that file at the end
"""

import atexit
import errno
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

NAME = "FIVESAFES_FAULT"
_FILES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class _Afterwards(importlib.abc.MetaPathFinder):
    """Changes a module as soon as it is imported."""

    def __init__(self, changes: dict[str, Callable[[Any], None]]) -> None:
        self._changes = changes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        change = self._changes.pop(fullname, None)
        spec = importlib.util.find_spec(fullname) if change is not None else None
        if change is None or spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def changed(module: ModuleType) -> None:
            execute(module)
            change(module)

        spec.loader.exec_module = changed  # type: ignore[method-assign]  # of this one loader
        return spec


class _Fault:
    """Counts moments, and does at one of them what it was told."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self._moments = 0
        self._due: int | None = told.get("kill")

    def moment(self, *, touches_file: bool) -> None:
        """Count one, and act when it is the one."""
        self._moments += 1
        if self._moments == self._due:
            os.kill(os.getpid(), signal.SIGKILL)
        if touches_file and "fail" in self._told and self._moments >= self._told["at"]:
            number = getattr(errno, self._told["fail"])
            raise OSError(number, os.strerror(number))

    def heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Listen to what the interpreter tells of."""
        if event == self._told.get("kill_at") and any(self._told["path"] in str(one) for one in arguments):
            self._due = self._due or self._moments + 1 + int(self._told["later"])
        if event == "open":
            _, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING:
                self.moment(touches_file=True)
        elif event in _FILES:
            self.moment(touches_file=True)
        elif event == "subprocess.Popen":
            self.moment(touches_file=False)

    def wrap_writing(self) -> None:
        """Stand between the program and ``os.write`` and ``os.fsync``."""
        write, sync = os.write, os.fsync

        def counted_write(handle: int, content: Any) -> int:  # noqa: ANN401 - any buffer
            self.moment(touches_file=handle > 2)
            size = len(content)
            return write(handle, content[: size // 2] if self._told.get("short") and size > 1 else content)

        def counted_sync(handle: int) -> None:
            self.moment(touches_file=True)
            sync(handle)

        os.write, os.fsync = counted_write, counted_sync  # type: ignore[assignment]

    def wrap_commit(self, module: Any) -> None:  # noqa: ANN401 - a module
        """Make a moment of the time just before and just after a transaction is durable."""
        commit = module.BaseDatabaseWrapper._commit

        def counted(wrapper: object) -> object:
            self.moment(touches_file=False)
            done = commit(wrapper)
            self.moment(touches_file=False)
            return done

        module.BaseDatabaseWrapper._commit = counted

    def tell(self) -> None:
        """Write down how many moments there were."""
        moments = self._moments
        with open(self._told["count"], "w", encoding="ascii") as file:  # noqa: PTH123 - before anything is imported
            file.write(str(moments))


def _set_clock(told: dict[str, Any]) -> Callable[[Any], None]:
    def change(module: Any) -> None:  # noqa: ANN401 - a module
        right = module.utc_now
        module.utc_now = lambda: right() + timedelta(seconds=told["clock"])

    return change


def _begin() -> None:
    told = json.loads(os.environ.get(NAME, "{}"))
    changes: dict[str, Callable[[Any], None]] = {}
    if "clock" in told:
        changes["fivesafes.core.event"] = _set_clock(told)
        os.environ[NAME] = json.dumps({"clock": told["clock"]})
    else:
        os.environ.pop(NAME, None)
    if told.keys() & {"kill", "kill_at", "fail", "short", "count"}:
        fault = _Fault(told)
        changes["django.db.backends.base.base"] = fault.wrap_commit
        fault.wrap_writing()
        sys.addaudithook(fault.heard)
        if "count" in told:
            atexit.register(fault.tell)
    if changes:
        sys.meta_path.insert(0, _Afterwards(changes))


_begin()
