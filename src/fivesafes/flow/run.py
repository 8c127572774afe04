"""The runner: takes a study's scans through every step, and alone writes the trail."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from attrs import evolve, field, frozen

from fivesafes import __version__
from fivesafes.core.errors import TryAgain
from fivesafes.core.event import Clock, Event
from fivesafes.core.ids import Identifying, SeriesId
from fivesafes.core.progress import Progress
from fivesafes.core.verdict import Verdict, note, refuse, review
from fivesafes.data.bids.rules import Rule
from fivesafes.data.face.policy import FaceRule, load_face_rules
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.model import FaceMode
from fivesafes.data.ports import BidsValidator, Converter, Defacer
from fivesafes.flow.beside import besides
from fivesafes.flow.gate import Admitted, Gated, gate, nobody
from fivesafes.flow.haven.ports import Books, Jobs
from fivesafes.flow.haven.work import LEASE, Desk
from fivesafes.flow.holdings import forget
from fivesafes.flow.plan import Plan, make_plan
from fivesafes.flow.ports import Destination, Executor, Reporter, Signer, Workplace
from fivesafes.flow.receive import Received, Source
from fivesafes.flow.record import SeriesOutcome, SeriesStatus
from fivesafes.flow.series import SeriesContext
from fivesafes.flow.series_jobs import Done, Shift, do_series
from fivesafes.flow.steps import Drawer, FacePlan
from fivesafes.output.airlock import Review
from fivesafes.people.model import Recipient
from fivesafes.people.policy import judge_recipients
from fivesafes.project.model import Consent, Project
from fivesafes.project.policy import judge_approval, judge_consent
from fivesafes.setting.audit import collect
from fivesafes.setting.model import Attestation
from fivesafes.setting.policy import judge_setting

SAFES: Final = ("project", "people", "setting", "data", "output")


@frozen(kw_only=True)
class StudyRequest:
    """What is to be done: the study as its form says, and where its scans come from."""

    project: Project
    consents: Mapping[Identifying[str], Consent]
    recipients: tuple[Recipient, ...]
    attestations: tuple[Attestation, ...]
    reviews: tuple[Review, ...]
    rules: tuple[Rule, ...]
    source: Source


@frozen(kw_only=True)
class Engines:
    """Who does it."""

    executor: Executor
    converter: Converter
    defacer: Defacer
    draw: Drawer
    validator: BidsValidator
    reporter: Reporter
    destination: Destination
    signer: Signer
    profile: Profile
    pseudonyms: Pseudonyms = field(repr=False)

    def versions(self) -> dict[str, str]:
        """Name each engine's version, for provenance."""
        return {
            "fivesafes": __version__,
            self.converter.name: self.converter.version(),
            f"defacer {self.defacer.name}": self.defacer.version(),
            self.validator.name: self.validator.version(),
        }


@frozen(kw_only=True)
class RunState:
    """What is known of a run so far; each stage gives a fuller one."""

    request: StudyRequest
    plan: Plan
    today: date
    verdicts: Mapping[str, Verdict]
    received: Received | None = None
    gated: Gated | None = None
    outcomes: tuple[SeriesOutcome, ...] = ()
    postponed: tuple[TryAgain, ...] = ()

    def adding(self, safe: str, verdict: Verdict) -> "RunState":
        """Add findings to one safe's verdict."""
        return evolve(self, verdicts={**self.verdicts, safe: self.verdicts[safe] + verdict})

    @property
    def refuses(self) -> bool:
        """Whether any of the five says no."""
        return any(verdict.refuses for verdict in self.verdicts.values())


def survey(request: StudyRequest, engines: Engines, *, today: date, progress: Progress) -> RunState:
    """Judge project and people, receive and gate: all that can be known without writing anything.

    Where nobody's consent counts, the tier says nothing: it would be guessed from nobody, and no place mends that.
    """
    plan = make_plan(request.project, request.consents.values(), on=today)
    state = RunState(request=request, plan=plan, today=today, verdicts=dict.fromkeys(SAFES, Verdict()))
    agreed = _anybody_agreed(request, on=today)
    promised = plan if agreed else evolve(plan, verdict=Verdict())
    project, people = judge_form(request.project, request.recipients, promised, on=today)
    state = state.adding("project", project).adding("people", people)
    if state.refuses:
        return _not_judged(state)
    received = request.source.receive(
        executor=engines.executor,
        profile=engines.profile,
        pseudonyms=engines.pseudonyms,
        progress=progress,
    )
    if not (agreed or received.series or received.withheld or received.set_aside):  # all of it was withdrawn
        return _not_judged(state.adding("project", nobody()))
    state = state.adding("data", _judge_received(received))
    gated = gate(
        received.series,
        consents=request.consents,
        use=request.project.use,
        place=request.project.shared_with,
        rules=request.rules,
        on=today,
    )
    stopped = (*received.withheld, *gated.stopped)
    if received.withheld and not received.series:
        state = state.adding("project", nobody())
    return evolve(state, received=received, gated=gated, outcomes=stopped).adding("project", gated.verdict)


def _anybody_agreed(request: StudyRequest, *, on: date) -> bool:
    use, place = request.project.use, request.project.shared_with
    return any(not judge_consent(one, use, on=on, place=place).refuses for one in request.consents.values())


def judge_form(project: Project, recipients: Sequence[Recipient], plan: Plan, *, on: date) -> tuple[Verdict, Verdict]:
    """Judge what the form says of project and people; neither scans nor keys are needed for it."""
    agreed = judge_approval(project.approval, on=on) + plan.verdict + _judge_wish(project, plan)
    return agreed, judge_recipients(recipients, plan.controls.people, on=on)


def _not_judged(state: RunState) -> RunState:
    """Say of the safes whose turn did not come that nobody knows: silence must not read as yes."""
    for safe in ("setting", "data", "output"):
        state = state.adding(
            safe,
            review(
                f"{safe}.not_judged",
                why="not judged: an earlier gate stopped the run",
                fix="see what refuses, mend it, then run again",
                source="ARCHITECTURE: absence refuses",
            ),
        )
    return state


def _judge_received(received: Received) -> Verdict:
    if received.series or received.withheld:
        return Verdict()
    return refuse(
        "data.receive.nothing",
        why=f"no DICOM image of MR was found ({len(received.set_aside)} files were set aside, each with its reason)",
        fix="give the folder that holds the scans; unpack archives first",
        source="ARCHITECTURE: receive",
    )


def _judge_wish(project: Project, plan: Plan) -> Verdict:
    if not project.keep_face or plan.face_mode is None:
        return Verdict()
    return note(
        "project.face.not_kept",
        why="the form asks to keep faces; the place does not allow it, so they are removed",
        fix='set keep_face = false, or share with a place of type "iso27001"',
        source="controls.csv: face",
    )


@frozen(kw_only=True)
class Runner:
    """Runs one study in one private place.

    What it did stands in the books, each deed in one transaction with its event.  ``check_exports`` raises Refused when
    the place may let nothing out any more.
    """

    engines: Engines
    place: Workplace
    books: Books
    jobs: Jobs
    progress: Progress
    clock: Clock
    project: str
    actor: str
    worker: str
    lease: timedelta = LEASE
    series: Callable[[Shift, SeriesContext, Sequence[SeriesId]], Done] = do_series
    check_exports: Callable[[], None] = lambda: None

    def process(self, request: StudyRequest) -> RunState:
        """Take each admitted series through its steps; what an earlier run finished from the same inputs stays.

        A series whose worker ran out of memory or disk is postponed: it is told, and nothing is released.
        """
        plan = make_plan(request.project, request.consents.values(), on=self.clock().date())
        versions = json.dumps(self.engines.versions())
        self.tell(self.event("run", request.project.id, "begun", plan, engines=versions))
        self._forget(request, plan)
        state = survey(request, self.engines, today=self.clock().date(), progress=self.progress)
        facts = collect(self.place.private)
        state = state.adding("setting", judge_setting(facts, request.attestations, plan.controls.place, on=state.today))
        if state.gated is None:
            return state
        self._tell_stopped(state)
        if not state.gated.admitted or state.verdicts["setting"].refuses:
            return state
        return self._work(state, state.gated.admitted)

    def _work(self, state: RunState, admitted: Mapping[SeriesId, Admitted]) -> RunState:
        # The longest first, so that none is left to wait for.
        wanted = sorted(admitted, key=lambda series: -admitted[series].scan.bytes)
        shift = Shift(
            desk=self._desk(),
            project=self.project,
            consents={id_: one.consent for id_, one in admitted.items()},
            versions=self.engines.versions(),
            event=lambda what, outcome, why, **facts: self.event(
                "process", what, outcome, state.plan, why=why, **facts
            ),
        )
        done = self.series(shift, self._context(state, admitted), wanted)
        outcomes = (*state.outcomes, *done.outcomes)
        return evolve(state, outcomes=outcomes, postponed=done.postponed).adding("data", _judge_series(done.outcomes))

    def _desk(self) -> Desk:
        return Desk(
            books=self.books,
            jobs=self.jobs,
            executor=self.engines.executor,
            clock=self.clock,
            progress=self.progress,
            worker=self.worker,
            project=self.project,
            lease=self.lease,
        )

    def _context(self, state: RunState, admitted: Mapping[SeriesId, Admitted]) -> SeriesContext:
        rules = load_face_rules()
        faces = {id_: _face_plan(one, state.plan, rules) for id_, one in admitted.items()}
        scans = {id_: one.scan for id_, one in admitted.items()}
        beside = besides((scan for id_, scan in scans.items() if faces[id_].kept_because is None), rules)
        return SeriesContext(
            scans=scans,
            inputs={id_: self._inputs(state, one, faces[id_], beside.get(id_)) for id_, one in admitted.items()},
            faces=faces,
            place=self.place,
            profile=self.engines.profile.name,
            pseudonyms=self.engines.pseudonyms,
            sidecar=state.plan.controls.setting("sidecar"),
            converter=self.engines.converter,
            defacer=self.engines.defacer,
            draw=self.engines.draw,
            besides=beside,
            recipients=self._recipients(),
        )

    def _recipients(self) -> dict[SeriesId, str]:
        """Say to whom pictures of a face are sealed: nobody, where originals are read in place."""
        people = {one.id: one.recipient for one in self.books.participants(self.project)}
        return {SeriesId(row.id): to for row in self.books.series(self.project) if (to := people[row.participant])}

    def _inputs(self, state: RunState, one: Admitted, faces: FacePlan, beside: SeriesId | None) -> str:
        """Digest all that the result of a series depends on: change any of it and the series is done again."""
        assert state.received is not None  # noqa: S101 - the survey received before it gated
        parts = [
            state.received.digests[one.scan.id],
            one.scan.name.stem(one.scan.subject, one.scan.session),
            state.plan.controls.policy_digest,
            state.plan.controls.tier.label,
            self.engines.pseudonyms.name("key", ""),
            str((faces.mode, faces.kept_because)),
            "" if beside is None else state.received.digests[beside],
            json.dumps(self.engines.versions(), sort_keys=True),
        ]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _forget(self, request: StudyRequest, plan: Plan) -> None:
        """Remove what is here of participants whose consent does not hold today, before anything can go wrong."""
        today = self.clock().date()
        allowed = {
            self.engines.pseudonyms.subject(participant)
            for participant, consent in request.consents.items()
            if not judge_consent(consent, request.project.use, on=today, place=request.project.shared_with).refuses
        }
        ours = [self.place.release] if self.engines.destination.keeps else []
        gone = forget(self.place, allowed=allowed, releases=ours)
        self.tell(*(self.event("forget", what, "removed", plan, why="no consent in force") for what in gone))

    def _tell_stopped(self, state: RunState) -> None:
        self.tell(
            *(
                self.event("gate", f"series {outcome.id}", outcome.status.value, state.plan, why=outcome.why)
                for outcome in state.outcomes
            )
        )

    def event(self, verb: str, what: str, outcome: str, plan: Plan, **facts: str | int) -> Event:
        """Compose an event of this run."""
        return Event(
            when=self.clock(),
            actor=self.actor,
            verb=verb,
            object=what,
            outcome=outcome,
            policy_digest=plan.controls.policy_digest,
            project=self.project,
            facts={**facts},
        )

    def tell(self, *events: Event) -> None:
        """Write events that no change of state belongs to."""
        if events:
            with self.books.deed():
                self.books.tell(*events)


def _judge_series(done: Sequence[SeriesOutcome]) -> Verdict:
    """Tell what was found in each series; what left one out weighs only when none remains."""
    told = [
        Verdict(one.verdict) if one.status is SeriesStatus.READY else Verdict(one.verdict).left_out() for one in done
    ]
    statuses = {one.status for one in done}
    if SeriesStatus.READY in statuses or not done:
        return Verdict.all_of(told)
    judge = review if SeriesStatus.NEEDS_REVIEW in statuses else refuse
    nothing = judge(
        "data.series.none",
        why="no series passed its steps: see what was left out, and why",
        fix="look at the pictures and reasons below; mend what they name, then run again",
        source="ARCHITECTURE: no evidence, no release",
    )
    return Verdict.all_of([*told, nothing])


def _face_plan(one: Admitted, plan: Plan, rules: Sequence[FaceRule]) -> FacePlan:
    """Say what happens to the faces of a series: they stay only where plan and participant agree, never by a rule."""
    if plan.face_mode is None and one.consent.face and one.deface is not True:
        return FacePlan(
            mode=FaceMode.REMOVE,
            rules=tuple(rules),
            kept_because="kept: place, study and participant agreed to the face",
        )
    return FacePlan(mode=plan.face_mode or FaceMode.REMOVE, rules=tuple(rules))
