"""What the haven's flows need from outside: the books (state and trail in one transaction) and the job table."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from typing import Protocol

from fivesafes.core.event import Event
from fivesafes.core.ids import Identifying
from fivesafes.core.verdict import Verdict
from fivesafes.flow.haven.model import (
    Job,
    JobState,
    KeptAside,
    KeptConsent,
    KeptInstance,
    KeptParticipant,
    KeptProject,
    KeptRelease,
    KeptSeries,
    KeptStep,
    KeptWithdrawal,
    ParticipantState,
    ProjectState,
    ReleaseState,
    SeriesState,
    WithdrawalKind,
)


class Books(Protocol):
    """The haven's state.  What changes stands inside ``deed()``: all of it with its events, or none of it.

    Every method that writes raises when no deed is open.  Reading needs none.
    """

    def deed(self) -> AbstractContextManager[None]:
        """Open one transaction: it becomes durable when the context ends, and never by halves."""

    def tell(self, *events: Event) -> int:
        """Append events to the trail within the deed; give the number of the first."""

    def told(self, n: int) -> Event | None:
        """Give the event of that number, or None when the trail has none or its line does not fit its digest."""

    def told_of(self, verb: str, *, project: str) -> Sequence[Event]:
        """Give every event of a verb about a project, oldest first; a look through the whole trail."""

    # projects

    def save_project(self, kept: KeptProject, *, at: datetime) -> None:
        """Add a project or replace what its form says; approvals and memberships keep their history."""

    def project(self, id_: str) -> KeptProject | None:
        """Give a project, or None."""

    def projects(self) -> Sequence[KeptProject]:
        """Give all projects, by id."""

    def set_project_state(self, id_: str, state: ProjectState, *, at: datetime) -> None:
        """Close, reopen or mark as disposed."""

    def set_retention(self, id_: str, until: date | None, *, at: datetime) -> None:
        """Say until when the project's originals are kept."""

    # participants and consents

    def add_participants(self, new: Iterable[KeptParticipant], *, at: datetime) -> None:
        """Add participants; one that is there already stays as it is (two ingests may race)."""

    def admit_again(self, new: KeptParticipant) -> None:
        """Give a key and a name to somebody who withdrew before anything was received; nobody else changes."""

    def participants(self, project: str) -> Sequence[KeptParticipant]:
        """Give a project's participants, by id."""

    def participant(self, id_: str) -> KeptParticipant | None:
        """Give one participant, or None."""

    def set_subjects(self, labels: Mapping[str, str]) -> None:
        """Write pseudonyms by participant id.  Raises InvalidInput when two of a project would share one."""

    def set_participant_state(self, id_: str, state: ParticipantState) -> None:
        """Move a participant on; ``WITHDRAWN`` also removes the sealed name."""

    def add_consents(self, new: Iterable[KeptConsent]) -> None:
        """Record consents; the newest of a participant holds."""

    def consents(self, project: str) -> Mapping[str, KeptConsent]:
        """Give the newest consent of each participant of a project, by participant id."""

    def consent_history(self, participant: str) -> Sequence[KeptConsent]:
        """Give all consents of a participant, oldest first."""

    def add_withdrawal(self, participant: str, kind: WithdrawalKind, *, at: datetime, by: str = "") -> KeptWithdrawal:
        """Record that a participant takes back consent, and who entered it."""

    def appointed(self, *, on: date) -> Sequence[str]:
        """Give the active participants whose consent, as recorded last, ends by withdrawal on that day or before."""

    def withdrawals(self, *, project: str | None = None, open_only: bool = False) -> Sequence[KeptWithdrawal]:
        """Give withdrawals, oldest first; ``open_only``: those that still have no receipt."""

    def finish_withdrawal(self, id_: int, receipt: Mapping[str, object], *, at: datetime) -> None:
        """Write the receipt."""

    # originals

    def add_series(self, series: KeptSeries, instances: Sequence[KeptInstance]) -> None:
        """Add a series with its instances in order, or replace what is said of one."""

    def series(self, project: str, *states: SeriesState) -> Sequence[KeptSeries]:
        """Give a project's series in these states (all when none is named), by id."""

    def one_series(self, id_: str) -> KeptSeries | None:
        """Give one series, or None."""

    def series_of(self, participant: str) -> Sequence[KeptSeries]:
        """Give a participant's series, by id."""

    def instances(self, series: str) -> Sequence[KeptInstance]:
        """Give a series' instances in order."""

    def set_series_state(self, ids: Iterable[str], state: SeriesState, *, why: str = "") -> None:
        """Move series on; ``SHREDDED`` also removes their instances' rows, their sizes, and what was measured."""

    def taken_in(self) -> Mapping[str, tuple[int, str]]:
        """Give every series that the trail says was taken in: the number of its last such event, and the project."""

    def add_aside(self, files: Iterable[KeptAside]) -> None:
        """Keep what was set aside; the same content again is no second row."""

    def asides(self, project: str, *, participant: str | None = None) -> Sequence[KeptAside]:
        """Give what was set aside for a project, or of one participant of it, oldest first."""

    def forget_asides(self, project: str, *, participant: str | None = None, but: Collection[str] = ()) -> None:
        """Remove what is said of files set aside, discarded ones too: of a participant, or of all ``but`` these.

        Their objects are the caller's to remove.
        """

    def discard_asides(self, project: str, addresses: Iterable[bytes], *, at: datetime) -> None:
        """Write down that a custodian removed files which were set aside; their objects are the caller's to remove."""

    def addresses(self, project: str | None = None) -> Iterator[bytes]:
        """Give every vault address that a row names: instances, sheets and what was set aside."""

    # work

    def save_steps(self, steps: Iterable[KeptStep]) -> None:
        """Write steps as last done, with their evidence."""

    def steps(self, series: str) -> Sequence[KeptStep]:
        """Give a series' steps."""

    def save_findings(self, project: str, verdicts: Mapping[str, Verdict], *, series: str | None, at: datetime) -> None:
        """Replace the findings about a project (``series=None``) or one of its series, by safe."""

    def findings(self, project: str, *, series: str | None = None) -> Mapping[str, Verdict]:
        """Give the findings about a project or one of its series, by safe; a safe without one is not named."""

    def forget_measured(self, project: str, series: Iterable[str]) -> int:
        """Remove steps, evidence and findings of these series, and what was found of the project with them in it.

        Gives how many rows those were.
        """

    def add_release(self, release: KeptRelease) -> None:
        """Record a release with whose data it holds."""

    def releases(self, project: str | None = None, *, participant: str | None = None) -> Sequence[KeptRelease]:
        """Give releases, oldest first; of one project, or those that hold one participant."""

    def deliveries(self) -> Sequence[KeptRelease]:
        """Give the releases of which an unfinished part may lie outside, oldest first."""

    def set_release_state(self, id_: str, state: ReleaseState) -> None:
        """Mark a release as out or recalled."""

    def set_release_part(self, id_: str, part: str) -> None:
        """Say in which folder an unfinished part may lie; empty: in none any more."""

    def drop_release(self, id_: str) -> None:
        """Remove a release that never left; the trail keeps that it was begun."""


class Jobs(Protocol):
    """The leased job table; every call is a transaction of its own, or part of the open deed.

    Payloads are ids, never identifying values.
    """

    def add(
        self, project: str, kind: str, objects: Mapping[str, str], *, at: datetime, again: Collection[str] = ()
    ) -> int:
        """Queue a job per object (id → digest of inputs), unless one ended with the same inputs; one that runs stays.

        A cancelled one is queued in any case.  One that is done is queued ``again`` where the caller has seen that it
        is done and misses its result: it may be done by another worker since the caller looked.  Gives how many of
        these objects are queued now.
        """

    def claim(
        self, worker: str, *, at: datetime, lease: timedelta, project: str | None = None, limit: int = 1
    ) -> Sequence[Job]:
        """Take jobs that are queued, or whose lease has ended, or whose worker's process is known to be gone.

        A job that was at work at the third death of its worker is quarantined instead, with the reason.
        """

    def begin(self, id_: int, worker: str, *, at: datetime) -> bool:
        """Mark, durably, that the work itself begins: it counts as an attempt, once for each claim.

        False when the job is no longer this worker's: then it must not begin.
        """

    def heartbeat(self, ids: Iterable[int], worker: str, *, at: datetime, lease: timedelta, stage: str = "") -> int:
        """Prolong leases that this worker still holds; give how many it holds.

        ``stage`` says which step they have entered now; empty: they are in the one they were in.
        """

    def finish(self, id_: int, worker: str, state: JobState, *, at: datetime, why: str = "", fix: str = "") -> bool:
        """End a job that this worker holds; False when it is no longer this worker's.  Within a deed it is part of it.

        ``QUEUED`` says that it could not be done at the time: it waits a minute for each attempt it has had.
        """

    def give_back(self, ids: Iterable[int], worker: str, *, at: datetime) -> None:
        """Queue jobs again that were claimed and not finished; an attempt that was begun does not count."""

    def cancel(self, objects: Iterable[str], *, at: datetime, why: str) -> None:
        """End every job about these objects that is not done, whoever holds it."""

    def forget(self, objects: Iterable[str]) -> int:
        """Remove every job about these objects, done or not, whoever holds it; give how many they were."""

    def take_back(self, project: str, *, at: datetime) -> int:
        """End the leases of a project's running jobs, for who works on it alone: whoever held them is dead."""

    def jobs(self, project: str | None = None, *states: JobState) -> Sequence[Job]:
        """Give jobs, oldest first."""

    def done_last(self, project: str, *, limit: int) -> Sequence[Job]:
        """Give the jobs that were done last, the newest first: how long they took tells how long others will."""

    def put_off(self, project: str) -> Sequence[Job]:
        """Give the queued jobs that were tried before, oldest first; each says why it could not be done."""

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Count jobs by project and state."""

    def retry(self, project: str, *, at: datetime) -> int:
        """Queue failed and quarantined jobs of a project again, by a person's wish; attempts begin anew."""

    def let_go(self) -> None:
        """Close what the calling thread has opened; a thread of its own calls this before it ends."""


class Newcomers(Protocol):
    """Takes people in: a key of their own, sealed to the custodians, and their name sealed to that key."""

    def admit(self, ids: Sequence[Identifying[str]]) -> Sequence[KeptParticipant]:
        """Make what is missing for these PatientIDs and give them all, in the order given.

        The keys are durable when it returns; the rows are the caller's to add, in its deed.
        """

    def check_keys(self, kept: KeptProject, people: Iterable[KeptParticipant]) -> None:
        """Raise Refused unless the keys are there of all to whom scans would be sealed: else nobody could open them."""


class Unsealer(Protocol):
    """Opens what is sealed, in a process that holds the worker's key.  It is small and crosses to worker processes."""

    def contents(self, participant: KeptParticipant, addresses: Sequence[bytes]) -> Iterator[bytes]:
        """Give originals or sheets, each verified against its address.  Raises KeyGone after a withdrawal."""

    def name_of(self, participant: KeptParticipant) -> Identifying[str]:
        """Give the PatientID of a participant, from its sealed name."""
