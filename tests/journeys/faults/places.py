"""Havens to be broken: made once per stage, copied for each round, and the commands that are run on them."""

import atexit
import json
import os
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen
from tests.databases import Cluster
from tests.journeys.faults.scans import PROJECT, Study

from fivesafes.setting.vault.seal import Identity
from fivesafes.stores.identity_files import write_identity
from fivesafes.wiring.haven import OpenHaven, opened_haven

INJECTED: Final = Path(__file__).parent / "inject"
_MARK: Final = "FIVESAFES_FAULTS_ROUND"
LONGEST: Final = 180.0
NEWCOMER: Final = "newcomer.agekey"


@frozen(kw_only=True)
class Place:
    """A haven in a folder of its own, with its keys, its temporary folder and where its releases go.

    ``database`` is ``sqlite`` or ``postgresql``; ``name`` is the PostgreSQL database's.
    """

    root: Path
    study: Study
    database: str = "sqlite"
    cluster: Cluster | None = field(default=None, repr=False)
    name: str = ""

    @property
    def haven(self) -> Path:
        """The haven's folder."""
        return self.root / "haven"

    @property
    def keys(self) -> Path:
        """The folder of keys."""
        return self.root / "keys"

    @property
    def temporary(self) -> Path:
        """What the commands take for the machine's folder of temporary files."""
        return self.root / "tmp"

    @property
    def out(self) -> Path:
        """Where the release goes."""
        return self.root / "out" / "release"

    @property
    def id(self) -> str:
        """The haven's id."""
        return next((self.keys / "havens").iterdir()).name

    def identity(self, number: int) -> Path:
        """One of the two custodians' identity files."""
        return self.keys / "havens" / self.id / "custodians" / f"custodian-{number}.agekey"

    def environment(self, mark: str, fault: Mapping[str, object] | None) -> dict[str, str]:
        """Say in which environment a command runs."""
        ours = {
            "FIVESAFES_KEYS": str(self.keys),
            "FIVESAFES_HAVEN": str(self.haven),
            "TMPDIR": str(self.temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
            _MARK: mark,
        }
        if fault:
            also = os.environ.get("PYTHONPATH", "")  # a second work tree's own code, where it is under test
            path = os.pathsep.join(filter(None, (str(INJECTED), also)))
            ours |= {"PYTHONPATH": path, "FIVESAFES_FAULT": json.dumps(fault)}
        return {**os.environ, **ours}

    @contextmanager
    def opened(self) -> Iterator[OpenHaven]:
        """Open the haven in this process, to look at it."""
        before = os.environ.get("FIVESAFES_KEYS")
        os.environ["FIVESAFES_KEYS"] = str(self.keys)
        try:
            with opened_haven(self.haven) as haven:
                yield haven
        finally:
            if before is None:
                del os.environ["FIVESAFES_KEYS"]
            else:
                os.environ["FIVESAFES_KEYS"] = before

    def copied(self, root: Path) -> "Place":
        """Copy all of it; PostgreSQL copies its database."""
        shutil.copytree(self.root, root, symlinks=True)
        if self.cluster is None:
            return evolve(self, root=root)
        name = f"f{secrets.token_hex(6)}"
        self.cluster.do(f"CREATE DATABASE {name} TEMPLATE {self.name}")
        copy = evolve(self, root=root, name=name)
        file = copy.haven / "haven.toml"
        if file.exists():
            text = file.read_text(encoding="utf-8").replace(self.cluster.url(self.name), self.cluster.url(name))
            file.write_text(text, encoding="utf-8")
        return copy

    def removed(self) -> None:
        """Remove it."""
        shutil.rmtree(self.root, ignore_errors=True)
        if self.cluster is not None:
            self.cluster.do(f"DROP DATABASE {self.name} WITH (FORCE)")


@contextmanager
def a_copy(place: Place, root: Path) -> Iterator[Place]:
    """Give a copy that is gone afterwards, unless something went wrong: then it stays to be looked at."""
    copy = place.copied(root)
    yield copy
    copy.removed()


def founded(root: Path, study: Study, *, cluster: Cluster | None = None) -> Place:
    """Make an empty haven."""
    (root / "tmp").mkdir(parents=True)
    (root / "out").mkdir()
    (root / "keys").mkdir(mode=0o700)
    write_identity(Identity.made(), root / "keys" / NEWCOMER)
    name = f"f{secrets.token_hex(6)}"
    place = Place(root=root, study=study)
    if cluster is not None:
        cluster.do(f"CREATE DATABASE {name}")
        place = evolve(place, database="postgresql", cluster=cluster, name=name)
    Run.of(place, INIT).ended()
    return place


@frozen(kw_only=True)
class Operation:
    """A command, the stage of the haven on which it is run, and how it may end when nothing disturbs it.

    ``again``: how it may end when it was done already, perhaps by a run that was killed just afterwards.
    """

    name: str
    stage: str
    words: tuple[str, ...]
    weight: int = 1
    codes: tuple[int, ...] = (0,)
    again: tuple[int, ...] = (0,)

    def command(self, place: Place) -> list[str]:
        """Compose the command line; names in braces stand for what differs between havens."""
        said = {
            "haven": str(place.haven),
            "database": place.cluster.url(place.name) if place.cluster else "sqlite",
            "form": str(place.study.form),
            "more": str(place.study.folder / "consent-more.csv"),
            "first": str(place.study.scans("first")),
            "second": str(place.study.scans("second")),
            "out": str(place.out),
            "project": PROJECT,
        }
        if any("{identity" in word or "{newcomer" in word for word in self.words):
            newcomer = (place.keys / NEWCOMER).read_text(encoding="ascii").splitlines()[0].split()[-1]
            said |= {"identity1": str(place.identity(1)), "identity2": str(place.identity(2)), "newcomer": newcomer}
        if any("{victim" in word for word in self.words):
            said["victim"] = victim(place)
        return [sys.executable, "-m", "fivesafes", *(word.format(**said) for word in self.words)]


def victim(place: Place) -> str:
    """Name the participant who withdraws: always the same of a haven, and one whose scans are in it."""
    with place.opened() as haven:
        return min(one.participant for one in haven.books.series(PROJECT))


class Manner(StrEnum):
    """Who is killed: the command alone, it with its process group, or everything that it has started, keepers too."""

    MAIN = "main"
    GROUP = "group"
    EVERYTHING = "everything"


@frozen(kw_only=True)
class Run:
    """One command under way."""

    process: "subprocess.Popen[bytes]"
    mark: str
    began: float
    said: Path

    @classmethod
    def of(
        cls,
        place: Place,
        operation: Operation,
        *,
        fault: Mapping[str, object] | None = None,
        largest_file: int | None = None,
    ) -> "Run":
        """Start it, in a process group of its own; ``largest_file`` is what the system lets it write, in bytes."""

        def limit() -> None:
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))

        mark = secrets.token_hex(8)
        said = _words() / mark
        with said.open("wb") as file:
            process = subprocess.Popen(
                operation.command(place),
                env=place.environment(mark, fault),
                cwd=place.root,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=limit,  # noqa: PLW1509 - this process has no threads
            )
        return cls(process=process, mark=mark, began=time.monotonic(), said=said)

    def ended(self, *codes: int) -> tuple[int, float]:
        """Wait for its end; give its exit code and its seconds.  Raises AssertionError for another code than these."""
        try:
            code = self.process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            self.kill(Manner.EVERYTHING)
            message = f"a command did not end within {LONGEST:.0f} s:\n{self.text()}"
            raise AssertionError(message) from None
        seconds = time.monotonic() - self.began
        if code not in (codes or (0,)):
            message = f"a command ended with {code}, not {codes or (0,)}:\n{self.text()}"
            raise AssertionError(message)
        return code, seconds

    def text(self) -> str:
        """Give what it has said."""
        return self.said.read_text(encoding="utf-8", errors="replace")[-3000:]

    def killed(self, after: float, manner: Manner) -> bool:
        """Kill it so many seconds after its start; tell whether it was still at work."""
        try:
            self.process.wait(max(0.0, self.began + after - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill(manner)
            return True
        return False

    def kill(self, manner: Manner) -> None:
        """Kill -9."""
        started = marked(self.mark) if manner is Manner.EVERYTHING else []
        if manner is Manner.MAIN:
            self.process.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        for one in started:
            _kill(one)
        self.process.wait()
        if manner is Manner.EVERYTHING:
            for one in marked(self.mark):
                _kill(one)

    def left_behind(self, *, within: float) -> list[int]:
        """Wait until all that it has started has ended; give what has not."""
        deadline = time.monotonic() + within
        while (left := marked(self.mark)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left


@cache
def _words() -> Path:
    """Make a folder for what commands say, on a disk that is never the small one."""
    folder = Path(tempfile.mkdtemp(prefix="fs-faults-said-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def marked(mark: str) -> list[int]:
    """Find every process that was started by a command, however far down: they inherit its mark."""
    sought = f"{_MARK}={mark}".encode()
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                if sought in (one / "environ").read_bytes():
                    found.append(int(one.name))
            except OSError:
                continue  # ended since, or not ours
    return found


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


INIT: Final = Operation(name="init", stage="", words=("init", "{haven}", "--database", "{database}"))
_QUIET: Final = ("--quiet", "--workers", "1")
REGISTER: Final = Operation(name="project add", stage="founded", words=("project", "add", "{form}"), weight=4)
INGEST: Final = Operation(
    name="ingest", stage="registered", words=("ingest", "{project}", "{first}", *_QUIET), weight=20
)
INGEST_MORE: Final = Operation(
    name="ingest more", stage="ingested", words=("ingest", "{project}", "{second}", *_QUIET), weight=8
)
PROCESS: Final = Operation(name="process", stage="ingested", words=("process", "{project}", *_QUIET), weight=12)
RELEASE: Final = Operation(
    name="release", stage="processed", words=("release", "{project}", "--to", "{out}", *_QUIET), weight=10
)
_WITHDRAW: Final = (
    "consent", "withdraw", "{project}", "{victim}", "--kind", "full", "--by", "the data office", "--yes",
)  # fmt: skip
WITHDRAW: Final = Operation(name="withdraw", stage="processed", words=_WITHDRAW, weight=11)
WITHDRAW_SEALED: Final = Operation(name="withdraw, sealed", stage="ingested", words=_WITHDRAW)
WITHDRAW_RELEASED: Final = Operation(name="withdraw, released", stage="released", words=_WITHDRAW, weight=9)
ROTATE_WORKER: Final = Operation(
    name="rotate worker", stage="ingested", words=("vault", "rotate", "--worker"), weight=7
)
ROTATE: Final = Operation(
    name="rotate",
    stage="ingested",
    words=("vault", "rotate", "custodian-1", "{newcomer}", "--identity", "{identity2}"),
    weight=6,
    again=(0, 2),
)
CONSENT: Final = Operation(
    name="consent import",
    stage="ingested",
    words=("consent", "import", "{project}", "{more}", "--by", "the data office"),
    weight=5,
)
DISPOSE: Final = Operation(
    name="dispose",
    stage="released",
    words=(
        "project",
        "dispose",
        "{project}",
        "--by",
        "the data office",
        "--yes",
        "--reason",
        "the committee asks",
        "--identity",
        "{identity1}",
        "--identity",
        "{identity2}",
    ),
    weight=6,
    again=(0, 3),
)
LOOK: Final = Operation(name="consent show", stage="", words=("consent", "show", "{project}"))
INGEST_SECOND: Final = evolve(INGEST_MORE, name="ingest second", stage="registered")
WORKER: Final = Operation(
    name="worker", stage="ingested", words=("worker", "{project}", "--once", *_QUIET), codes=(0, 5, 6), again=(0, 5, 6)
)
ADD_CUSTODIAN: Final = Operation(
    name="add custodian",
    stage="ingested",
    words=("vault", "add-custodian", "third", "{newcomer}", "--identity", "{identity2}"),
    weight=4,
    again=(0, 2),
)
REMOVE_CUSTODIAN: Final = Operation(
    name="remove custodian",
    stage="three custodians",
    words=("vault", "remove-custodian", "third", "--identity", "{identity2}"),
    weight=3,
    again=(0, 2),
)
OPERATIONS: Final[Sequence[Operation]] = (
    REGISTER, INGEST, INGEST_MORE, PROCESS, RELEASE, WITHDRAW, WITHDRAW_RELEASED, ROTATE_WORKER, ROTATE,
    ADD_CUSTODIAN, REMOVE_CUSTODIAN, CONSENT, DISPOSE,
)  # fmt: skip
_STAGES: Final[Mapping[str, tuple[str, Operation]]] = {
    "registered": ("founded", REGISTER),
    "ingested": ("registered", INGEST),
    "processed": ("ingested", PROCESS),
    "released": ("processed", RELEASE),
    "three custodians": ("ingested", ADD_CUSTODIAN),
}


def stage_after(operation: Operation) -> str | None:
    """Name the stage that a command leads to, or None."""
    return next((stage for stage, (_, one) in _STAGES.items() if one == operation), None)


@frozen(kw_only=True)
class Stages:
    """Havens at each stage of a study's life, made when first asked for, to be copied."""

    folder: Path
    study: Study
    cluster: Cluster | None = None
    _made: dict[str, Place] = field(factory=dict, repr=False)

    def at(self, stage: str) -> Place:
        """Give the haven at that stage; copy it, don't change it."""
        if stage not in self._made:
            root = self.folder / stage.replace(" ", "-")
            if stage == "founded":
                self._made[stage] = founded(root, self.study, cluster=self.cluster)
            else:
                before, operation = _STAGES[stage]
                place = self.at(before).copied(root)
                Run.of(place, operation).ended(*operation.codes)
                self._made[stage] = place
        return self._made[stage]
