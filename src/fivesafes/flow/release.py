"""From finished series to a release, or to the reasons why there is none: assess → airlock → release → report."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from fivesafes import __version__
from fivesafes.core.errors import EXIT_OK, InvalidInput, NeedsReview, PartlyDone, Refused, TryAgain
from fivesafes.core.verdict import Gravity, Verdict, review
from fivesafes.data.bids import dataset
from fivesafes.data.bids.sidecar import METHODS
from fivesafes.data.residue.search import search
from fivesafes.flow.assess import (
    Assessed,
    Candidate,
    assess_candidate,
    judge_residue,
    needles_of,
    not_our_own,
)
from fivesafes.flow.candidate import build, output_path, people_of
from fivesafes.flow.controls import policy_texts
from fivesafes.flow.entering import Leaving, participants_of
from fivesafes.flow.haven.recall import Compared, to_compare
from fivesafes.flow.holdings import claim
from fivesafes.flow.record import SeriesOutcome, SeriesStatus
from fivesafes.flow.run import Runner, RunState, StudyRequest
from fivesafes.flow.sign_off import EVIDENCE, MANIFEST, RECORD, signed_record, stands_already
from fivesafes.flow.still_agreed import admitted_of, changed_meanwhile, heeding_withdrawals, still_agreed
from fivesafes.flow.telling import contract_of, gravest, outcome_of, record_of, set_aside_count
from fivesafes.output.airlock import after_looking, judge_evidence, judge_reviews
from fivesafes.output.manifest import manifest_of
from fivesafes.output.recode import Recoding, finest
from fivesafes.output.statement import Statement, statement_text
from fivesafes.project.policy import consents_of

CANDIDATE: Final = "candidate"
"""Where, in the private part, a candidate waits for the people who must look at it."""

REPORTS: Final = ("report.html", "report.json")


@frozen(kw_only=True)
class Conclusion:
    """How a run ended: its state, what it tells, where the release lies (relative to ``out``), and the exit code."""

    state: RunState
    contract: dict[str, Any]
    release: str | None
    exit_code: int
    sentence: str


class Door(StrEnum):
    """Whether what passes every check goes out now, or waits for somebody to let it out."""

    OPEN = "open"
    SHUT = "shut"


def conclude(runner: Runner, request: StudyRequest, *, door: Door = Door.OPEN) -> Conclusion:
    """Run a study to its end: what may leave where releases go, the whole story in the private part.

    With the door shut, the candidate is kept beside the report.  Raises UsageMistake, before anything is touched, when
    the place is another project's or another key's.
    """
    claim(runner.place, project=request.project.id, key=runner.engines.pseudonyms.name("key", ""), record=RECORD)
    state = runner.process(request)
    with heeding_withdrawals(runner, state):
        return _judge(runner, _hold_clashes(state), door)


def _judge(runner: Runner, state: RunState, door: Door) -> Conclusion:
    ready = tuple(o for o in state.outcomes if o.status is SeriesStatus.READY)
    if not ready or state.postponed:
        state = state.adding("output", _not_judged())
    if not ready or state.postponed or state.verdicts["setting"].refuses:
        return _tell(runner, state, assessed=None, recoding=None, candidate=None)
    return _assess(runner, state, ready, door)


def _not_judged() -> Verdict:
    return review(
        "output.not_judged",
        why="not judged: there is no candidate yet",
        fix="see what was left out or postponed, then run again",
        source="ARCHITECTURE: no evidence, no release",
    )


def _hold_clashes(state: RunState) -> RunState:
    """Hold every series of which an image would get the name of another series' image."""
    ready = [o for o in state.outcomes if o.status is SeriesStatus.READY]
    clashes = {f.about: f for f in dataset.judge_clashes(output_path(o, i) for o in ready for i in o.images).findings}
    if not clashes:
        return state
    outcomes = []
    for one in state.outcomes:
        names = {str(output_path(one, image)).casefold() for image in one.images} & clashes.keys()
        if one.status is SeriesStatus.READY and names:
            found = Verdict(tuple(clashes[name] for name in sorted(names)))
            outcomes.append(evolve(one, status=SeriesStatus.HELD, why=found.findings[0].why).with_verdict(found))
        else:
            outcomes.append(one)
    told = Verdict(tuple(clashes.values())).left_out()
    return evolve(state, outcomes=tuple(outcomes)).adding("data", told)


def _assess(runner: Runner, state: RunState, ready: tuple[SeriesOutcome, ...], door: Door) -> Conclusion:
    folder = runner.place.scratch / "candidate"
    project, controls = state.request.project, state.plan.controls
    recoding = finest(
        people_of(ready),
        eligible=project.cohort.eligible,
        max_risk=controls.max_record_risk,
        min_k=controls.min_k,
    )
    versions = runner.engines.versions()
    made_by = {name: versions[name] for name in ("fivesafes", runner.engines.converter.name)}
    build(
        folder,
        outcomes=ready,
        finished=runner.place.finished,
        project=project,
        recoding=recoding,
        made_by=made_by,
        methods=_methods(state, ready),
    )
    (folder / "README").write_text(_statement(state, ready, recoding), encoding="utf-8")
    assert state.received is not None  # noqa: S101 - ready series were received
    assert state.gated is not None  # noqa: S101 - and gated
    candidate = Candidate(
        folder=folder,
        outcomes=ready,
        texts=state.received.texts_of(ready_ids := {one.id for one in ready}),
        recoding=recoding,
        cohort=project.cohort,
        consents=consents_of(state.gated.admitted[id_].consent for id_ in sorted(ready_ids)),
    )
    assessed = assess_candidate(
        candidate, plan=state.plan, validator=runner.engines.validator, progress=runner.progress
    )
    state = state.adding("data", assessed.data).adding("project", assessed.project).adding("output", assessed.output)
    return _airlock(runner, state, candidate, assessed, door)


def _methods(state: RunState, ready: tuple[SeriesOutcome, ...]) -> list[str]:
    """Name how the data were de-identified: headers, dates, sidecars, faces."""
    engines = {
        f"{image.face.mode} by {image.face.engine} {image.face.engine_version}"
        for one in ready
        for image in one.images
        if image.face.status == "defaced"
    }
    dates = f"dates and times {state.plan.controls.setting('dates')} per participant, intervals kept (DICOM 113107)"
    return [*METHODS, dates, *(f"faces: {engine}, verified on the written file" for engine in sorted(engines))]


def _statement(state: RunState, ready: tuple[SeriesOutcome, ...], recoding: Recoding) -> str:
    project, controls = state.request.project, state.plan.controls
    faces = [image.face for one in ready for image in one.images if image.face.status != "passed"]
    said = Statement(
        title=project.title,
        investigator=project.investigator,
        institution=project.institution,
        contact=project.contact,
        approval=f"{project.approval.committee}, {project.approval.number}",
        purpose=project.use.purpose,
        data_use=f"{project.use.permission.use.name} ({project.use.permission.use.value})",
        tier=f"{project.shared_with.label}, {project.shared_with.words}",
        licence=project.licence,
        reasons=[s.because[0].upper() + s.because[1:] + "." for s in state.plan.steps if s.name != "gate"],
        recoding=recoding,
        eligible=project.cohort.eligible,
        participants=len({one.subject for one in ready}),
        images=sum(len(one.images) for one in ready),
        defaced=sum(face.status == "defaced" for face in faces),
        software=f"fivesafes {__version__}",
        policy_digest=controls.policy_digest,
    )
    return statement_text(said)


def _airlock(runner: Runner, state: RunState, candidate: Candidate, assessed: Assessed, door: Door) -> Conclusion:
    """Demand evidence of each planned step and the looks of people; then release, or say what is missing."""
    text = manifest_of(candidate.folder)
    digest = hashlib.sha256(text.encode()).hexdigest()
    evidence = _evidence(state, candidate, assessed)
    verdict = judge_evidence(sorted({step.name for step in state.plan.steps} - {"airlock", "release"}), evidence)
    verdict += judge_reviews(
        state.request.reviews,
        candidate=digest,
        needed=state.plan.controls.reviewers,
        investigator=state.request.project.investigator,
        today=state.today,
    )
    state = _after_looking(state.adding("output", verdict), digest)
    if gravest(state) is not Gravity.NOTE or door is Door.SHUT:
        if gravest(state) is not Gravity.REFUSE:
            _set_out_candidate(runner)
            candidate.folder.replace(runner.place.private / CANDIDATE)  # what reviewers look at is what leaves
        return _tell(runner, state, assessed=assessed, recoding=candidate.recoding, candidate=digest)
    return _release(runner, state, candidate, assessed, digest)


def _after_looking(state: RunState, digest: str) -> RunState:
    """Take what reviewers of this candidate accepted as notes, in whichever safe it was found."""
    accepted = {
        safe: after_looking(
            verdict,
            state.request.reviews,
            candidate=digest,
            investigator=state.request.project.investigator,
            today=state.today,
        )
        for safe, verdict in state.verdicts.items()
    }
    return evolve(state, verdicts=accepted)


def _set_out_candidate(runner: Runner) -> None:
    """Move an earlier candidate into scratch, with which it goes: half removed it would look like one to review."""
    with suppress(FileNotFoundError):
        (runner.place.private / CANDIDATE).rename(runner.place.scratch / f"former-{CANDIDATE}")


def _evidence(state: RunState, candidate: Candidate, assessed: Assessed) -> Mapping[str, str | None]:
    """Digest what each step left; a step that left nothing has None."""
    whole = all(one.images for one in candidate.outcomes)
    headers = all(one.header.kept or one.header.removed for one in candidate.outcomes)
    faces = all(image.face.status for one in candidate.outcomes for image in one.images)

    def digest(of: object) -> str:
        return hashlib.sha256(repr(of).encode()).hexdigest()

    return {
        "receive": digest(state.received.digests) if state.received else None,
        "gate": digest(state.gated.verdict) if state.gated else None,
        "deidentify": digest([one.header for one in candidate.outcomes]) if headers else None,
        "convert": digest([one.images for one in candidate.outcomes]) if whole else None,
        "deface": digest([image.face for one in candidate.outcomes for image in one.images]) if faces else None,
        "assess": digest(assessed.evidence) if assessed.decision.tier is not None and assessed.searched_files else None,
    }


def _release(runner: Runner, state: RunState, candidate: Candidate, assessed: Assessed, digest: str) -> Conclusion:
    """Add report, manifest and signed record to the candidate, search those too, and put it in its place."""
    folder, target = candidate.folder, runner.place.release
    ids = {one.id for one in candidate.outcomes}
    outcomes = (evolve(one, status=SeriesStatus.RELEASED) if one.id in ids else one for one in state.outcomes)
    released = evolve(state, outcomes=tuple(outcomes))
    if stands_already(target, digest, runner.engines.signer):
        _set_out_candidate(runner)
        return _tell(runner, released, assessed=assessed, recoding=candidate.recoding, candidate=digest, release=target)
    record = _record(runner, released, assessed, candidate.recoding, digest, released=True)
    runner.engines.reporter.write(record, pictures=runner.place.finished, into=folder / EVIDENCE, leaving=True)
    texts = not_our_own(candidate.texts.reveal(), _own_words(state, folder))
    hits = Verdict.all_of(judge_residue(hit) for hit in search(folder / EVIDENCE, needles_of(texts)))
    if hits.gravity is not Gravity.NOTE:
        state = state.adding("output", hits)
        return _tell(runner, state, assessed=assessed, recoding=candidate.recoding, candidate=digest)
    state = released
    (folder / MANIFEST).write_text(manifest_of(folder, leaving_out=[RECORD]), encoding="utf-8")
    signed = signed_record(runner, state, assessed, digest, folder / MANIFEST)
    (folder / RECORD).write_text(json.dumps(signed, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    runner.engines.destination.release(
        folder,
        to=target,
        aside=runner.place.withheld,
        passage=Leaving(runner=runner, state=state, series=ids, digest=digest),
    )
    _set_out_candidate(runner)
    return _tell(runner, state, assessed=assessed, recoding=candidate.recoding, candidate=digest, release=target)


def _own_words(state: RunState, folder: Path) -> str:
    """Join what a report says anyway: the form's words and the policies', which no scan has contributed to."""
    project = state.request.project
    form = f"{project.title} {project.investigator} {project.institution} {project.contact} {project.use.purpose}"
    described = [(folder / name).read_text(encoding="utf-8") for name in ("README", "dataset_description.json")]
    findings = [str(finding) for verdict in state.verdicts.values() for finding in verdict.findings]
    return "\n".join([form, *described, *findings, *policy_texts()])


def _record(
    runner: Runner,
    state: RunState,
    assessed: Assessed | None,
    recoding: Recoding | None,
    candidate: str | None,
    *,
    released: bool,
) -> dict[str, Any]:
    return record_of(
        state,
        assessed=assessed,
        recoding=recoding,
        candidate=candidate,
        outcome=outcome_of(state, candidate=candidate, released=released),
        versions=runner.engines.versions(),
        compare=_compared(runner, state),
    )


def _compared(runner: Runner, state: RunState) -> tuple[Compared, ...]:
    """Give the earlier releases that what would leave, or has left, must be compared with."""
    leaving = [one.id for one in state.outcomes if one.status in {SeriesStatus.READY, SeriesStatus.RELEASED}]
    if not leaving:
        return ()
    return to_compare(runner.books, runner.project, participants_of(runner, leaving))


def _tell(
    runner: Runner,
    state: RunState,
    *,
    assessed: Assessed | None,
    recoding: Recoding | None,
    candidate: str | None,
    release: Path | None = None,
) -> Conclusion:
    """Write the private report and the trail's last line; take an earlier release that no longer holds out of sight."""
    seen = state.received is None or bool(state.received.series)  # an empty share says nothing about a release
    if release is None and seen and not state.postponed:
        runner.engines.destination.withdraw(runner.place.release, into=runner.place.withheld)
    record = _record(runner, state, assessed, recoding, candidate, released=release is not None)
    runner.engines.reporter.write(record, pictures=runner.place.finished, into=runner.place.private, leaving=False)
    name = release.name if release is not None else None
    sentence = record["outcome"]["sentence"]
    _tell_end(runner, state, record["outcome"]["kind"], candidate)
    return Conclusion(
        state=state,
        contract=contract_of(state, release=name, compare=_compared(runner, state)),
        release=name,
        exit_code=_exit_code(state, passed=record["outcome"]["kind"] in {"released", "ready"}),
        sentence=sentence,
    )


def _tell_end(runner: Runner, state: RunState, kind: str, candidate: str | None) -> None:
    """Write the trail's last line of this run, unless somebody whom its report tells of has withdrawn meanwhile.

    A withdrawal that begins after this deed finds report and candidate itself; one that began before may have looked
    for them too early.  What is released already is the withdrawal's to recall.  Raises TryAgain.
    """
    about = state.request.project.id
    with runner.books.deed():
        agreed = state.gated is None or still_agreed(runner, state, admitted_of(state))
        outcome = kind if agreed or kind == "released" else "stopped"
        runner.books.tell(runner.event("release", about, outcome, state.plan, candidate=candidate or ""))
    if agreed:
        return
    for name in REPORTS:
        (runner.place.private / name).unlink(missing_ok=True)
    _set_out_candidate(runner)
    if kind != "released":
        raise changed_meanwhile()


def _exit_code(state: RunState, *, passed: bool) -> int:
    """Choose the exit code: what must be done next decides."""
    if state.postponed:
        return TryAgain.exit_code
    statuses = {one.status for one in state.outcomes}
    if not passed:
        return _code_without_release(state)
    if SeriesStatus.NEEDS_REVIEW in statuses:
        return NeedsReview.exit_code
    left_out = statuses & {SeriesStatus.REFUSED, SeriesStatus.HELD}
    return PartlyDone.exit_code if left_out or set_aside_count(state) else EXIT_OK


def _code_without_release(state: RunState) -> int:
    if state.received is not None and not state.received.series and not state.received.withheld:
        return InvalidInput.exit_code
    return Refused.exit_code if gravest(state) is Gravity.REFUSE else NeedsReview.exit_code
