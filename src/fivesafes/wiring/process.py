"""A haven's work: a project's sealed scans through every step, and out through the airlock."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.core.errors import Refused, TryAgain, UsageMistake
from fivesafes.core.progress import Progress
from fivesafes.engines.destinations.names import check_name
from fivesafes.engines.keepers.client import KeeperClient
from fivesafes.flow.haven.model import JobState, KeptProject, ProjectState
from fivesafes.flow.haven.source import check_open, open_project
from fivesafes.flow.haven.work import LEASE, new_worker_name
from fivesafes.flow.release import Conclusion, Door, conclude
from fivesafes.flow.run import Engines, Runner, RunState, StudyRequest
from fivesafes.flow.series_jobs import do_series, do_waiting
from fivesafes.setting.keyring import keys_folder
from fivesafes.stores.workshop import Company, opened_bench
from fivesafes.wiring.consent import carry_on
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.run import engines_of
from fivesafes.wiring.standing import check_access, check_exports
from fivesafes.wiring.vault import keeper_of

NOWHERE = "not-released-from-here"
AT_WORK: Final = TryAgain(
    "a worker, or another command, is at work on this project",
    fix="wait until it has finished (fivesafes status shows it), or stop it with Ctrl-C; then run this again",
)
"""Assessing and releasing need the project alone."""


@frozen(kw_only=True)
class Way:
    """How the work is to be done: by how many processes, with which defacer.

    ``lease`` says how long a series stays with a worker that is silent, where nobody can tell whether it lives.
    """

    workers: int | None = None
    defacer: str = "embedded"
    lease: timedelta = LEASE


def process_project(haven: OpenHaven, project: str, way: Way, *, to: Path | None, progress: Progress) -> Conclusion:
    """Take a project's scans as far as they go; with ``to``, let out what passes every check.

    Raises TryAgain when somebody works on the project who must be alone, Refused when the vault can't be opened here.
    """
    carry_on(haven)
    check_access(haven)
    if to is not None:
        check_exports(haven)
        check_outside(haven, to)
    _check_taken_in(haven, haven.project(project))
    door = Door.SHUT if to is None else Door.OPEN
    with _opened(haven, project, way, to=to, company=Company.ALONE, progress=progress) as (runner, request):
        haven.jobs.take_back(project, at=haven.clock())  # we hold the bench alone: whoever had them is dead
        conclusion = conclude(runner, request, door=door)
    carry_on(haven)  # somebody may have withdrawn while a worker still held a series
    return conclusion


def _check_taken_in(haven: OpenHaven, kept: KeptProject) -> None:
    """Raise Refused for an open project of which the haven has no series yet."""
    if kept.state is not ProjectState.OPEN or haven.books.series(kept.id):
        return
    message = "no scans of this project were taken in yet"
    if aside := len(haven.books.asides(kept.id)):
        message = f"no series of this project was taken in yet, only {aside} files that were set aside"
    raise Refused(message, fix=f"take scans in first: fivesafes ingest {kept.id} FOLDER")


def check_outside(haven: OpenHaven, to: Path) -> None:
    """Refuse to release into the haven, its keys, or a backup of them: backups and sweeps would take it for theirs.

    A name that can't be written where it is to go is refused too.  Raises UsageMistake.
    """
    check_name(to)
    target = to.resolve()
    if Path.cwd().is_relative_to(target):
        message = (
            "the destination is the folder that you are in, or one around it, and a release is a folder of its own"
        )
        raise UsageMistake(message, fix="name one that does not exist yet: --to FOLDER")
    for place in (haven.path, keys_folder(), *haven.keyring.places()):
        if target.is_relative_to(place.resolve()):
            message = "the destination lies in the haven, or where its keys are"
            raise UsageMistake(message, fix="name a folder outside")


def work_on_project(haven: OpenHaven, project: str, way: Way, *, progress: Progress) -> RunState:
    """Do the series of a project that wait, beside other workers; assessing them is left to ``process``."""
    carry_on(haven)
    check_access(haven)
    with _opened(haven, project, way, to=None, company=Company.BESIDE, progress=progress) as (runner, request):
        return runner.process(request)


def what_is_there(haven: OpenHaven, project: str) -> str | None:
    """Digest all that decides what there is to do, without opening anything; None while jobs wait or run.

    Who has worked on a project need not look at it again while this stays the same: each look is told in the trail.
    """
    counts = haven.jobs.counts().get(project, {})
    if counts.get(JobState.QUEUED.value, 0) or counts.get(JobState.RUNNING.value, 0):
        return None
    digest = hashlib.sha256()
    for part in (
        haven.clock().date(),
        haven.project(project),
        sorted((one.id, one.state.value, one.digest) for one in haven.books.series(project)),
        sorted((one.id, one.state.value) for one in haven.books.participants(project)),
        sorted((id_, one.recorded_at) for id_, one in haven.books.consents(project).items()),
    ):
        digest.update(repr(part).encode())
    return digest.hexdigest()


@contextmanager
def _opened(
    haven: OpenHaven, project: str, way: Way, *, to: Path | None, company: Company, progress: Progress
) -> Iterator[tuple[Runner, StudyRequest]]:
    kept = haven.project(project)
    check_open(kept)
    private = haven.workspaces.private(project)
    target = to.absolute() if to is not None else private / NOWHERE
    with (
        keeper_of(haven.config, haven.keys) as keeper,
        opened_bench(private, release=target, company=company, busy=AT_WORK) as place,
    ):
        made = _engines(keeper, kept, way)
        actor = _actor(to, company)
        opened = open_project(kept, haven.books, keeper, pseudonyms=made.pseudonyms, author=haven.author(actor))
        request = StudyRequest(
            project=kept.project,
            consents=opened.consents,
            recipients=kept.recipients,
            attestations=kept.attestations,
            reviews=kept.reviews,
            rules=kept.rules,
            source=opened.source,
        )
        runner = Runner(
            engines=made,
            place=place,
            books=haven.books,
            jobs=haven.jobs,
            progress=progress,
            clock=haven.clock,
            project=project,
            actor=actor,
            worker=new_worker_name(),
            lease=way.lease,
            series=do_series if company is Company.ALONE else do_waiting,
            check_exports=partial(check_exports, haven),
        )
        yield runner, request


def _actor(to: Path | None, company: Company) -> str:
    if to is not None:
        return "fivesafes release"
    return "fivesafes process" if company is Company.ALONE else "fivesafes worker"


def _engines(keeper: KeeperClient, kept: KeptProject, way: Way) -> Engines:
    secret = keeper.project_key(kept.id)
    return engines_of(secret, kept.id, workers=way.workers, defacer=way.defacer, destination="delivery")
