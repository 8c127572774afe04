"""The one-shot journey put together: engines by name, the project's key, the private place of a run."""

import os
from pathlib import Path

from attrs import evolve

from fivesafes.core.errors import EngineMissing, InvalidInput
from fivesafes.core.event import Clock, utc_now
from fivesafes.core.plugins import load
from fivesafes.core.progress import Progress
from fivesafes.core.verdict import Gravity
from fivesafes.data.face.render import before_after
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.engines.signers.ed25519 import Ed25519Signer
from fivesafes.flow.haven.in_place import InPlaceSource
from fivesafes.flow.haven.model import KeptProject
from fivesafes.flow.haven.work import new_worker_name
from fivesafes.flow.ports import Executor
from fivesafes.flow.receive import FolderSource
from fivesafes.flow.release import Conclusion, conclude
from fivesafes.flow.run import Engines, Runner, RunState, StudyRequest, survey
from fivesafes.setting.keyring import KEY_BYTES, project_key, read_key
from fivesafes.setting.trail.verify import verify
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import migrate, opened_database, sqlite_config
from fivesafes.stores.haven_file import DATABASE
from fivesafes.stores.jobs import DjangoJobs
from fivesafes.stores.not_scans import scans_alone
from fivesafes.stores.trail import entries, head, rows
from fivesafes.stores.workshop import no_core_dumps, opened


def executor(workers: int | None) -> Executor:
    """Give the process pool, or the inline executor for one worker; None means one worker per core."""
    made: Executor = load("executor", "inline" if workers == 1 else "process")(workers or 0)
    return made


def pseudonyms_of(project: str, *, key: Path | None) -> Pseudonyms:
    """Give a project's pseudonyms from its key: the file given, or the one in the user's key folder."""
    return Pseudonyms(read_key(key) if key is not None else project_key(project), project)


def engines(
    project: str, *, key: Path | None, workers: int | None, defacer: str = "embedded", profile: str = "mri-research"
) -> Engines:
    """Put the engines of a run together, with the project's key, which is made when there is none.

    Raises EngineMissing when one of them can't work here.
    """
    secret = read_key(key) if key is not None else project_key(project)
    return engines_of(secret, project, workers=workers, defacer=defacer, profile=profile)


def passing_engines(project: str, *, workers: int | None) -> Engines:
    """Put the engines of a dry run together: its pseudonyms are of a key that is forgotten, so nothing is written."""
    return engines_of(os.urandom(KEY_BYTES), project, workers=workers)


def engines_of(
    secret: bytes,
    project: str,
    *,
    workers: int | None,
    defacer: str = "embedded",
    profile: str = "mri-research",
    destination: str = "folder",
) -> Engines:
    """Put the engines together for a project whose pseudonym key is given.  Raises EngineMissing."""
    made = Engines(
        executor=executor(workers),
        converter=load("converter", "dcm2niix")(),
        defacer=load("defacer", defacer)(),
        draw=before_after,
        validator=load("validator", "bids_validator")(),
        reporter=load("reporter", "html")(),
        destination=load("destination", destination)(),
        signer=Ed25519Signer(secret),
        profile=load_profile(profile),
        pseudonyms=Pseudonyms(secret, project),
    )
    for engine in (made.converter, made.defacer, made.validator):
        if (missing := engine.missing()) is not None:
            message = f"the engine {engine.name} can't work here"
            raise EngineMissing(message, fix=missing)
    return made


def run_study(
    request: StudyRequest, made: Engines, *, out: Path, progress: Progress, clock: Clock = utc_now
) -> Conclusion:
    """Run a study to its end, alone on its output folder, with an ephemeral haven in its private part."""
    no_core_dumps()
    folder = request.source
    assert isinstance(folder, FolderSource)  # noqa: S101 - a study of one run is a folder
    scans_alone([folder.path.reveal()])
    with opened(out, source=folder.path.reveal()) as place, opened_database(sqlite_config(place.private / DATABASE)):
        migrate()
        _keep_former_trail(place.private)
        for finding in verify(rows(), head=head).verdict.findings:
            if finding.gravity is Gravity.REFUSE:
                raise InvalidInput(finding.why, fix=f"{finding.fix}; move private/{DATABASE} away to begin a new one")
        books, jobs = DjangoBooks(), DjangoJobs()
        jobs.take_back(request.project.id, at=clock())  # this folder is ours alone: whoever had them is dead
        jobs.retry(request.project.id, at=clock())  # a person asks for all of it again
        runner = Runner(
            engines=made,
            place=place,
            books=books,
            jobs=jobs,
            progress=progress,
            clock=clock,
            project=request.project.id,
            actor="fivesafes run",
            worker=new_worker_name(),
        )
        source = InPlaceSource(folder=folder, kept=_kept(request), consents=request.consents, books=books, clock=clock)
        try:
            return conclude(runner, evolve(request, source=source))
        finally:
            write_trail(place.private / "trail.jsonl")


def _keep_former_trail(private: Path) -> None:
    """Set a trail aside that an earlier version left as its only copy: what it says must not be written over."""
    former = private / "trail.jsonl"
    if head().size == 0 and former.exists():
        former.replace(private / "trail-of-an-earlier-version.jsonl")


def _kept(request: StudyRequest) -> KeptProject:
    return KeptProject(
        project=request.project,
        recipients=request.recipients,
        attestations=request.attestations,
        reviews=request.reviews,
        rules=request.rules,
        recipient="",
    )


def write_trail(path: Path) -> None:
    """Write the trail as JSON lines beside the report, for who reads it without a database: complete or as before."""
    aside = path.with_name(f".{path.name}.part")
    with aside.open("wb") as file:
        file.writelines(line + b"\n" for line in entries())
    aside.chmod(0o600)
    aside.replace(path)


def survey_study(request: StudyRequest, made: Engines, *, progress: Progress, clock: Clock = utc_now) -> RunState:
    """Say what a run would do, and write nothing."""
    if isinstance(request.source, FolderSource):
        scans_alone([request.source.path.reveal()])
    return survey(request, made, today=clock().date(), progress=progress)
