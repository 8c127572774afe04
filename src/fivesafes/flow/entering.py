"""A release enters the books before its first byte leaves: one that nobody knows of could never be recalled."""

import hashlib
from collections.abc import Collection

from attrs import define, evolve

from fivesafes.core.event import Event
from fivesafes.flow.haven.deliveries import write_end
from fivesafes.flow.haven.model import KeptRelease, ReleaseState
from fivesafes.flow.haven.recall import to_compare
from fivesafes.flow.run import Runner, RunState
from fivesafes.flow.still_agreed import check_may_leave
from fivesafes.project.model import Tier


@define(kw_only=True)
class Leaving:
    """One release on its way out, as ``flow.ports.Passage``: each stage is one deed with its event.

    ``series`` are those that it holds, ``digest`` is its candidate's.
    """

    runner: Runner
    state: RunState
    series: Collection[str]
    digest: str
    _begun: KeptRelease | None = None

    def begin(self, part: str) -> None:
        """Judge once more, and write the release down as going, with the folder that will be filled.

        Raises TryAgain when anybody's consent or state, the project's form, or what the place may do is no longer
        what was judged.
        """
        books = self.runner.books
        with books.deed():
            check_may_leave(self.runner, self.state, self.series)
            new = self._row(part)
            before = _entered_before(self.runner, new)
            self._begun = new if before is None else evolve(before, part=part)
            if before is None:
                books.add_release(new)
            else:
                books.set_release_part(before.id, part)
            outcome = "begun" if before is None else "begun again"
            books.tell(self._event(outcome, candidate=self.digest, people=len(new.participants)), *self._held())

    def leave(self) -> None:
        """Judge in the last moment before it appears.  Raises TryAgain as ``begin`` does."""
        with self.runner.books.deed():
            check_may_leave(self.runner, self.state, self.series)
            self.runner.books.tell(self._event("leaving"))

    def arrived(self) -> None:
        """Write down that it is out."""
        self._end("out", stands=True)

    def stopped(self) -> None:
        """Write down that it did not leave."""
        self._end("stopped", stands=False)

    def _end(self, outcome: str, *, stands: bool) -> None:
        if self._begun is None:  # nothing was written down
            return
        with self.runner.books.deed():
            write_end(self.runner.books, self._begun, self._event(outcome), stands=stands)

    def _row(self, part: str) -> KeptRelease:
        runner, destination, now = self.runner, str(self.runner.place.release), self.runner.clock()
        people = participants_of(runner, self.series)
        return KeptRelease(
            id=hashlib.sha256(f"{self.digest} {destination} {now.isoformat()}".encode()).hexdigest()[:16],
            project=runner.project,
            digest=self.digest,
            destination=destination,
            recipients=tuple(f"{one.name}, {one.institution}" for one in self.state.request.recipients),
            participants=people,
            state=ReleaseState.GOING,
            released_at=now,
            faces=any(
                image.face.left_on for one in self.state.outcomes if one.id in self.series for image in one.images
            ),
            public=self.state.request.project.shared_with is Tier.T0 or not self.state.request.recipients,
            compare=tuple(one.release.id for one in to_compare(runner.books, runner.project, people)),
            part=part,
        )

    def _held(self) -> list[Event]:
        """Tell of each participant which series the release holds: from the trail alone one can walk back to them."""
        wanted: dict[str, list[str]] = {}
        for one in self.runner.books.series(self.runner.project):
            if one.id in self.series:
                wanted.setdefault(one.participant, []).append(one.id)
        return [
            self._event("holds", candidate=self.digest, participant=who, series=" ".join(sorted(ids)))
            for who, ids in sorted(wanted.items())
        ]

    def _event(self, outcome: str, **facts: str | int) -> Event:
        id_ = self._begun.id if self._begun is not None else ""
        return self.runner.event("export", f"release {id_}", outcome, self.state.plan, **facts)


def participants_of(runner: Runner, series: Collection[str]) -> tuple[str, ...]:
    """Name the participants whose series these are, by keyed id, in order."""
    wanted = set(series)
    return tuple(sorted({one.participant for one in runner.books.series(runner.project) if one.id in wanted}))


def _entered_before(runner: Runner, release: KeptRelease) -> KeptRelease | None:
    """Find the row of this very release: taken away since, or never arrived, it leaves again under that row."""

    def told(one: KeptRelease) -> tuple[object, ...]:
        return one.digest, one.destination, one.recipients, one.participants, one.faces, one.public

    known = runner.books.releases(runner.project)
    return next(
        (
            one
            for one in known
            if told(one) == told(release) and not one.part and one.state is not ReleaseState.RECALLED
        ),
        None,
    )
