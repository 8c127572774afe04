"""A release enters the books before it leaves: one that nobody knows of could never be recalled."""

import hashlib
from collections.abc import Collection, Sequence

from fivesafes.core.errors import TryAgain
from fivesafes.core.ids import SeriesId
from fivesafes.flow.haven.consent import judge_participant
from fivesafes.flow.haven.model import KeptRelease, KeptSeries, ReleaseState
from fivesafes.flow.haven.recall import releases_to_compare
from fivesafes.flow.haven.retention import judge_work
from fivesafes.flow.run import Runner, RunState


def enter(runner: Runner, state: RunState, series: Collection[str], digest: str) -> None:
    """Judge once more, and write the release down, in one deed.

    Raises TryAgain when anybody's consent or state, or the project's approval, is no longer what was judged.
    """
    rows = [row for id_ in sorted(series) if (row := runner.books.one_series(id_)) is not None]
    destination = str(runner.place.release)
    with runner.books.deed():
        _check_still_agreed(runner, state, rows)
        people = sorted({row.participant for row in rows})
        now = runner.clock()
        release = KeptRelease(
            id=hashlib.sha256(f"{digest} {destination} {now.isoformat()}".encode()).hexdigest()[:16],
            project=runner.project,
            digest=digest,
            destination=destination,
            recipients=tuple(f"{one.name}, {one.institution}" for one in state.request.recipients),
            participants=tuple(people),
            state=ReleaseState.OUT,
            released_at=now,
            compare=releases_to_compare(runner.books, runner.project, people),
        )
        entered = _entered_before(runner, release)
        if entered is None:
            runner.books.add_release(release)
        id_, outcome = (release.id, "begun") if entered is None else (entered.id, "begun again")
        runner.books.tell(
            runner.event("export", f"release {id_}", outcome, state.plan, candidate=digest, people=len(people))
        )


def _check_still_agreed(runner: Runner, state: RunState, rows: Sequence[KeptSeries]) -> None:
    """Judge project and participants in the deed that lets out: minutes have passed since the survey."""
    assert state.gated is not None  # noqa: S101 - what leaves was gated
    today, project = runner.clock().date(), state.request.project
    kept, consents = runner.books.project(runner.project), runner.books.consents(runner.project)
    moved = kept is None or judge_work(kept, on=today).refuses
    for row in rows:
        person, newest = runner.books.participant(row.participant), consents.get(row.participant)
        judged = state.gated.admitted[SeriesId(row.id)].consent
        if (
            person is None
            or newest is None
            or newest.consent != judged
            or judge_participant(person, newest, project.use, on=today, place=project.shared_with).refuses
        ):
            moved = True
    if moved:
        message = "a consent or the approval has changed meanwhile: nothing was released"
        raise TryAgain(message, fix="run the same command again: it goes on with what holds now")


def _entered_before(runner: Runner, release: KeptRelease) -> KeptRelease | None:
    """Find the row of this very release: killed between entering it and its leaving, it leaves under that row."""

    def told(one: KeptRelease) -> tuple[object, ...]:
        return one.digest, one.destination, one.recipients, one.participants, one.state

    return next((one for one in runner.books.releases(runner.project) if told(one) == told(release)), None)
