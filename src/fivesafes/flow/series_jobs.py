"""A project's series as jobs: queued, claimed, done in worker processes; each published and written down in a deed."""

from collections.abc import Callable, Mapping, Sequence

from attrs import field, frozen

from fivesafes.core.errors import FiveSafesError, TryAgain
from fivesafes.core.event import Event
from fivesafes.core.ids import SeriesId
from fivesafes.core.verdict import Verdict, refuse
from fivesafes.flow.haven.model import Job, JobState, ParticipantState
from fivesafes.flow.haven.outcomes import output_digest, steps_of, told_why
from fivesafes.flow.haven.work import Desk, NotAsked, Task, drain
from fivesafes.flow.record import SeriesOutcome, SeriesStatus
from fivesafes.flow.series import (
    SeriesContext,
    discard_series,
    drop_series,
    finished_before,
    publish_series,
    step_of,
    stopped_outcome,
    work_series,
)
from fivesafes.project.model import Consent

KIND = "series"


@frozen(kw_only=True)
class Shift:
    """Who does a project's series, and by which consents they were admitted.

    ``event`` composes one of what, outcome, why and further facts.
    """

    desk: Desk
    project: str
    consents: Mapping[SeriesId, Consent]
    versions: Mapping[str, str]
    event: Callable[..., Event]


@frozen(kw_only=True)
class Done:
    """What came of the series: an outcome for each, or that it must be tried again."""

    outcomes: tuple[SeriesOutcome, ...]
    postponed: tuple[TryAgain, ...] = field(repr=False)


def do_series(shift: Shift, context: SeriesContext, wanted: Sequence[SeriesId]) -> Done:
    """Do what is not finished from the same inputs, in the order given; tell of every series how it stands now.

    What was finished before is read whole, to see that it is what was written; what failed is tried anew.
    """
    written = _written_down(shift)
    finished: dict[str, SeriesOutcome] = {}
    for series in wanted:
        before = finished_before(context, series) if written.get(series) == context.inputs[series] else None
        if before is not None and not _failed(before):  # what a damaged object or a lost key stopped is tried anew
            finished[series] = before
    todo: dict[str, str] = {series: context.inputs[series] for series in wanted if series not in finished}
    results: dict[str, SeriesOutcome] = dict(finished)

    def came(outcome: SeriesOutcome) -> None:
        results[outcome.id] = outcome

    if todo:
        _work(shift, context, todo, written, came)
    left = [series for series in wanted if series not in results]
    outcomes, postponed = _looked_up(shift, context, left)
    ordered = sorted([*results.values(), *outcomes], key=lambda one: one.id)  # finishing first must not show
    return Done(outcomes=tuple(ordered), postponed=tuple(postponed))


def do_waiting(shift: Shift, context: SeriesContext, wanted: Sequence[SeriesId]) -> Done:
    """Do what nobody has done from the same inputs, and leave telling how it stands to who does all of it.

    For workers, which look again and again: what is done is neither read nor held in memory nor, where it failed,
    tried anew.
    """
    written = _written_down(shift)
    todo: dict[str, str] = {
        series: context.inputs[series]
        for series in wanted
        if written.get(series) != context.inputs[series] or not (context.place.finished / series).exists()
    }
    if todo:
        _work(shift, context, todo, written, lambda _: None)
    jobs = {job.object: job for job in shift.desk.jobs.jobs(shift.project) if job.kind == KIND}
    over = {JobState.DONE, JobState.FAILED, JobState.QUARANTINED}
    left = (jobs.get(series) for series in todo)
    return Done(outcomes=(), postponed=tuple(_postponed(job) for job in left if job is None or job.state not in over))


def _work(
    shift: Shift,
    context: SeriesContext,
    todo: Mapping[str, str],
    written: Mapping[str, str],
    came: Callable[[SeriesOutcome], None],
) -> None:
    missed = [series for series in todo if written.get(series) == todo[series]]  # done, and its result is not here
    shift.desk.jobs.add(shift.project, KIND, todo, at=shift.desk.clock(), again=missed)
    drain(shift.desk, _task(shift, context, came))


def _task(
    shift: Shift, context: SeriesContext, came: Callable[[SeriesOutcome], None]
) -> Task[SeriesContext, SeriesOutcome]:
    def keep(_job: Job, outcome: SeriesOutcome) -> None:
        came(_keep(shift, context, outcome))

    def tell(job: Job, error: FiveSafesError, state: JobState) -> None:
        shift.desk.books.tell(shift.event(f"series {job.object}", state.value, error.what))

    return Task(
        context=lambda jobs: context.narrowed([job.object for job in jobs]),
        do=_do,
        keep=keep,
        tell=tell,
        drop=lambda job: drop_series(context.place, SeriesId(job.object)),
        stage=lambda job: step_of(context.place, SeriesId(job.object)),
    )


def _written_down(shift: Shift) -> dict[str, str]:
    """Give the inputs of every series that the books say is done: killed between publishing and writing, it is not."""
    done = shift.desk.jobs.jobs(shift.project, JobState.DONE)
    return {job.object: job.inputs for job in done if job.kind == KIND}


def _do(context: SeriesContext, job: Job) -> SeriesOutcome:
    if job.object not in context.scans:  # queued before, by who was allowed more than we are
        message = "the series is not admitted any more"
        raise NotAsked(message, fix="see what the gate says of it; once it is admitted it is queued again")
    return work_series(context, SeriesId(job.object))


def _keep(shift: Shift, context: SeriesContext, outcome: SeriesOutcome) -> SeriesOutcome:
    """Publish what was made and write it down, within the job's deed; nothing, when it is no longer agreed to."""
    books, at = shift.desk.books, shift.desk.clock()
    if not _may_be_touched(shift, outcome.id):
        discard_series(context.place, outcome.id)
        why = "the participant has withdrawn, or the consent changed, meanwhile"
        outcome = stopped_outcome(context, outcome.id, why=why)
    else:
        publish_series(context.place, outcome.id)
        books.save_steps(steps_of(outcome, shift.versions, at=at))
    books.save_findings(shift.project, {"data": Verdict(outcome.verdict)}, series=outcome.id, at=at)
    row = books.one_series(outcome.id)
    event = shift.event(
        f"series {outcome.id}",
        outcome.status.value,
        told_why(outcome),
        participant=row.participant if row is not None else "",
        input_digest=outcome.inputs,
        output_digest=output_digest(outcome),
    )
    books.tell(event)
    return outcome


def _may_be_touched(shift: Shift, series: SeriesId) -> bool:
    """Tell whether the participant takes part, and agrees to what they agreed to when this was begun."""
    row = shift.desk.books.one_series(series)
    person = shift.desk.books.participant(row.participant) if row is not None else None
    if person is None or person.state is not ParticipantState.ACTIVE:
        return False
    recorded = shift.desk.books.consent_history(person.id)
    return bool(recorded) and recorded[-1].consent == shift.consents.get(series)


def _failed(outcome: SeriesOutcome) -> bool:
    return any(finding.code == "data.series.failed" for finding in outcome.verdict)


def _looked_up(
    shift: Shift, context: SeriesContext, left: Sequence[SeriesId]
) -> tuple[list[SeriesOutcome], list[TryAgain]]:
    """Say how series stand that this worker did not end: done elsewhere, given up, or still in hand."""
    if not left:
        return [], []
    jobs = {job.object: job for job in shift.desk.jobs.jobs(shift.project) if job.kind == KIND}
    outcomes: list[SeriesOutcome] = []
    postponed: list[TryAgain] = []
    for series in left:
        job = jobs.get(series)
        written = job is not None and job.state is JobState.DONE and job.inputs == context.inputs[series]
        elsewhere = finished_before(context, series) if written else None
        if elsewhere is not None:
            outcomes.append(elsewhere)
        elif job is not None and job.state in {JobState.FAILED, JobState.QUARANTINED}:
            outcomes.append(_given_up(context, series, job))
        else:
            postponed.append(_postponed(job))
    return outcomes, postponed


def _postponed(job: Job | None) -> TryAgain:
    why = job.why if job is not None and job.why else "another worker has it in hand"
    return TryAgain(why, fix="run the same command again")


def _given_up(context: SeriesContext, series: SeriesId, job: Job) -> SeriesOutcome:
    why = f"given up: {job.why}" if job.state is JobState.FAILED else f"quarantined: {job.why}"
    verdict = refuse(
        f"data.series.{job.state.value}",
        why=why,
        fix="find the cause, then run it again with --retry",
        source="ARCHITECTURE: absence refuses",
        about=f"series {series}",
    )
    return stopped_outcome(context, series, why=why, status=SeriesStatus.REFUSED).with_verdict(verdict)
