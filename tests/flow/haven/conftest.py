"""A real haven in a temporary folder, with people, scans, work and releases; and a blade that kills anywhere."""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve, frozen

from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.model import (
    KeptConsent,
    KeptInstance,
    KeptParticipant,
    KeptProject,
    KeptRelease,
    KeptSeries,
    ReleaseState,
    SeriesState,
)
from fivesafes.flow.haven.shredding import Means
from fivesafes.project.model import (
    Approval,
    Cohort,
    Consent,
    Content,
    DataUse,
    IntendedUse,
    Permission,
    Project,
    Tier,
)
from fivesafes.setting.vault.seal import Identity

PROJECT = "memory-2026"
AGREED = Consent(permissions=frozenset({Permission(use=DataUse.GRU)}), face=True, valid_from=date(2026, 1, 1))


class Killed(BaseException):
    """What kill -9 is to a test: nothing that runs may catch it."""


class Blade:
    """Kills at the n-th step; counts steps."""

    death = Killed

    def __init__(self) -> None:
        """Begin without killing."""
        self.steps = 0
        self.falls_at: int | None = None

    def step(self) -> None:
        """Take one step."""
        self.steps += 1
        if self.steps == self.falls_at:
            raise Killed

    def set(self, falls_at: int | None) -> None:
        """Begin to count anew."""
        self.steps, self.falls_at = 0, falls_at


class Under:
    """A port under the blade: each call that changes something may be the one that never comes."""

    _READS: ClassVar = {
        "asides",
        "consent_history",
        "consents",
        "deliveries",
        "instances",
        "one_series",
        "participant",
        "participants",
        "project",
        "projects",
        "releases",
        "series",
        "series_of",
        "told_of",
        "withdrawals",
    }

    def __init__(self, port: object, blade: Blade) -> None:
        """Take the port."""
        self._port, self._blade = port, blade

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - stands in for any method
        """Give the port's method, under the blade."""
        method = getattr(self._port, name)

        def called(*args: object, **kwargs: object) -> object:
            if name not in self._READS:
                self._blade.step()
            return method(*args, **kwargs)

        return called

    @contextmanager
    def deed(self) -> Iterator[None]:
        """Open the real deed; the blade may fall inside, just before it ends, or just after."""
        with self._port.deed():  # type: ignore[attr-defined]
            yield
            self._blade.step()
        self._blade.step()


class Watch:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        """Begin on a Monday."""
        self.now = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Give the moment."""
        return self.now

    def pass_days(self, days: int) -> None:
        """Move on."""
        self.now += timedelta(days=days)


def project_form(**changes: Any) -> Project:  # noqa: ANN401 - any field of the form
    """Fill in a project's form."""
    form = Project(
        id=PROJECT,
        title="Memory",
        investigator="Dr A. Person",
        institution="University",
        contact="data@university.example",
        approval=Approval(
            committee="HREC", number="2026/1", valid_from=date(2026, 1, 1), valid_until=date(2026, 12, 31)
        ),
        use=IntendedUse(purpose="Study memory.", permission=Permission(use=DataUse.HMB)),
        cohort=Cohort(participants=24, eligible=100_000, content=Content.STRUCTURAL),
        shared_with=Tier.T1,
    )
    return evolve(form, **changes)


@frozen(kw_only=True)
class World:
    """The haven under test, and what one can do in it."""

    haven: Any
    means: Means
    blade: Blade
    watch: Watch
    custodian: Identity

    @property
    def books(self) -> Any:  # noqa: ANN401 - the real books, without the blade
        """The books."""
        return self.haven.books

    def keyed(self, name: Identifying[str]) -> str:
        """Give a keyed id."""
        return str(self.haven.addresser(PROJECT).participant(name))

    def register(self, **changes: Any) -> None:  # noqa: ANN401 - any field of the form
        """Save the project's form."""
        recipient = Identity.made().recipient
        kept = self.books.project(PROJECT)
        new = KeptProject(project=project_form(**changes), recipient=kept.recipient if kept else recipient)
        with self.books.deed():
            self.books.save_project(new, at=self.watch())

    def admit(self, name: str, *, subject: str, consent: Consent | None = AGREED) -> KeptParticipant:
        """Take somebody in."""
        (new,) = self.haven.newcomers(PROJECT).admit([Identifying(name)])
        person: KeptParticipant = evolve(new, subject=subject)
        with self.books.deed():
            self.books.add_participants([person], at=self.watch())
            if consent is not None:
                kept = KeptConsent(
                    participant=person.id, consent=consent, evidence_digest="0" * 64, recorded_at=self.watch()
                )
                self.books.add_consents([kept])
        return person

    def seal(self, person: KeptParticipant, series: str, contents: Sequence[bytes]) -> None:
        """Ingest a series, and work on it: finished files, a job that waits."""
        kept = self.haven.vault(PROJECT).keep(contents, recipient=person.recipient)
        row = KeptSeries(
            id=series,
            project=PROJECT,
            participant=person.id,
            state=SeriesState.SEALED,
            digest=hashlib.sha256(b"".join(one.address for one in kept)).hexdigest(),
            sheet=b"",
            files=len(kept),
            bytes=sum(one.bytes for one in kept),
            received_at=self.watch(),
            trail_n=0,
        )
        instances = [KeptInstance(address=one.address, bytes=one.bytes, uid=one.address[:16]) for one in kept]
        with self.books.deed():
            self.books.add_series(row, instances)
        self.haven.jobs.add(PROJECT, "process", {series: "inputs"}, at=self.watch())
        finished = self.finished(series)
        finished.mkdir(parents=True)
        (finished / "image.nii.gz").write_bytes(b"derived")

    def finished(self, series: str) -> Path:
        """Name where finished work of a series lies."""
        return Path(self.haven.path) / "projects" / PROJECT / "private" / "finished" / series

    def release(self, id_: str, people: Sequence[KeptParticipant], *recipients: str, faces: bool = False) -> None:
        """Release these people's data; to nobody by name it is public."""
        kept = KeptRelease(
            id=id_,
            project=PROJECT,
            digest="d" * 64,
            destination="folder /releases/1",
            recipients=recipients,
            participants=tuple(one.id for one in people),
            state=ReleaseState.OUT,
            released_at=self.watch(),
            faces=faces,
            public=not recipients,
        )
        with self.books.deed():
            self.books.add_release(kept)

    def events(self) -> list[tuple[str, str]]:
        """List verb and outcome of every event since the haven was made."""
        told = []
        number = 0
        while (event := self.books.told(number)) is not None:
            told.append((event.verb, event.outcome))
            number += 1
        return told

    def holds(self, needle: bytes) -> list[str]:
        """Search every byte of the haven and its key folder; give the files that hold the needle."""
        roots = (Path(self.haven.path), Path(self.haven.keys))
        files = (path for root in roots for path in root.rglob("*") if path.is_file())
        return [path.name for path in files if needle in path.name.encode() or needle in path.read_bytes()]

    def document(self, name: str) -> Path:
        """Name a document of the outbox."""
        return Path(self.haven.path) / "documents" / PROJECT / name


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Give what makes worlds: each a new haven of two custodians, with one project."""
    from contextlib import ExitStack  # noqa: PLC0415 - nobody else needs it

    from fivesafes.wiring.consent import means_of  # noqa: PLC0415 - Django starts here
    from fivesafes.wiring.found import Founding, found_haven  # noqa: PLC0415 - as above
    from fivesafes.wiring.haven import opened_haven  # noqa: PLC0415 - as above

    with ExitStack() as stack:

        def make(name: str, *, database: str = "sqlite") -> World:
            stack.close()  # one database is open at a time
            custodians = [Identity.made(), Identity.made()]
            wish = Founding(
                path=tmp_path / name,
                database=database,
                custodians={f"custodian {n}": one.recipient for n, one in enumerate(custodians, start=1)},
            )
            watch = Watch()
            found_haven(wish, clock=watch)
            haven = stack.enter_context(opened_haven(tmp_path / name, clock=watch))
            blade = Blade()
            real = means_of(haven, by="data manager")
            under = {
                port: Under(getattr(real, port), blade)
                for port in ("books", "jobs", "keys", "originals", "workspaces", "deliveries", "outbox")
            }
            author = Author(name="data manager", clock=watch, policy_digest="p" * 64)
            world = World(
                haven=haven,
                means=Means(author=author, traces=real.traces, **under),
                blade=blade,
                watch=watch,
                custodian=custodians[0],
            )
            world.register()
            return world

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """Give one world."""
    return make_world("haven")


@pytest.fixture(params=["sqlite", "postgresql"])
def either_world(request: pytest.FixtureRequest, make_world: Callable[..., World]) -> World:
    """Give one world on each kind of database."""
    if request.param == "sqlite":
        return make_world("haven")
    cluster = request.getfixturevalue("postgresql")
    name = f"world_{secrets.token_hex(6)}"
    cluster.do(f"CREATE DATABASE {name}")
    return make_world("haven", database=cluster.url(name))
