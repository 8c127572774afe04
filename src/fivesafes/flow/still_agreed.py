"""Whether what was judged still holds: minutes or hours lie between the survey and the release, and people withdraw."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from fivesafes.core.errors import Refused, TryAgain
from fivesafes.core.ids import SeriesId
from fivesafes.flow.haven.consent import judge_participant
from fivesafes.flow.haven.retention import judge_work
from fivesafes.flow.run import Runner, RunState
from fivesafes.flow.telling import form_digest


def still_agreed(runner: Runner, state: RunState, series: Collection[str]) -> bool:
    """Tell whether everybody whose series these are, and the project, stand as they did when they were judged.

    Within a deed the answer holds until the deed ends.
    """
    project, today = state.request.project, runner.clock().date()
    kept = runner.books.project(runner.project)
    if kept is None or judge_work(kept, on=today).refuses:
        return False
    if state.gated is None:
        return not series
    rows = {one.id: one for one in runner.books.series(runner.project)}
    people = {one.id: one for one in runner.books.participants(runner.project)}
    consents = runner.books.consents(runner.project)
    for id_ in series:
        row, admitted = rows.get(id_), state.gated.admitted.get(SeriesId(id_))
        person = people.get(row.participant) if row is not None else None
        newest = consents.get(person.id) if person is not None else None
        if person is None or newest is None or admitted is None or newest.consent != admitted.consent:
            return False
        if judge_participant(person, newest, project.use, on=today, place=project.shared_with).refuses:
            return False
    return True


def check_may_leave(runner: Runner, state: RunState, series: Collection[str]) -> None:
    """Judge in the open deed whether a release of these series may leave: people, form and place as it was judged.

    Raises TryAgain.
    """
    if not still_agreed(runner, state, series):
        raise changed_meanwhile()
    if not _same_form(runner, state):
        message = "the project's form was changed meanwhile: nothing was released"
        raise TryAgain(message, fix="run the same command again: it goes on with what the form says now")
    try:
        runner.check_exports()
    except Refused as refusal:
        message = f"the place may let nothing out any more: nothing was released ({refusal.what})"
        raise TryAgain(message, fix=f"{refusal.fix}; then run the same command again") from None


def _same_form(runner: Runner, state: RunState) -> bool:
    """Tell whether the form says what the release was judged by; a look at it that came since takes nothing back."""
    kept, judged = runner.books.project(runner.project), state.request
    return kept is not None and (
        form_digest(kept.project, kept.rules) == form_digest(judged.project, judged.rules)
        and kept.recipients == judged.recipients
        and kept.attestations == judged.attestations
        and set(judged.reviews) <= set(kept.reviews)
    )


def changed_meanwhile() -> TryAgain:
    """Say that a run must begin anew, and that nothing of it left."""
    message = "a participant withdrew, or a consent or the approval changed, meanwhile: nothing was released"
    return TryAgain(message, fix="run the same command again: it goes on with what holds now")


@contextmanager
def heeding_withdrawals(runner: Runner, state: RunState) -> Iterator[None]:
    """Tell what a withdrawal took from under a run's hands as that, and not as a fault of the disk.

    Raises TryAgain.
    """
    try:
        yield
    except OSError:
        if still_agreed(runner, state, admitted_of(state)):
            raise
        raise changed_meanwhile() from None


def admitted_of(state: RunState) -> Collection[str]:
    """Name every series that the gate let through."""
    return tuple(state.gated.admitted) if state.gated is not None else ()
