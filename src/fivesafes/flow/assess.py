"""Assesses the candidate: what identifies still, who could be linked, is it valid BIDS, and which tier that makes."""

import io
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Progress
from fivesafes.core.verdict import Verdict, note, refuse, review
from fivesafes.data.bids.dataset import DERIVATIVES
from fivesafes.data.model import Residue, Severity
from fivesafes.data.ports import BidsIssue, BidsValidator
from fivesafes.data.residue.search import Needles, numbers_in, search
from fivesafes.flow.candidate import people_of
from fivesafes.flow.check_dataset import check_dataset
from fivesafes.flow.plan import Plan
from fivesafes.flow.record import SeriesOutcome
from fivesafes.output.manifest import files_below
from fivesafes.output.recode import Person, Recoding, told_age
from fivesafes.project.model import (
    Cohort,
    Consents,
    Evidence,
    Face,
    Identifiers,
    TierDecision,
    Unchecked,
)
from fivesafes.project.policy import assess as weigh
from fivesafes.project.policy import judge_tier, tier_of

FROM_THE_FORM: Final = frozenset({"README", "dataset_description.json", f"{DERIVATIVES}/dataset_description.json"})
"""Files of a candidate to which no scan contributes a word."""

_DIRECT: Final = frozenset({"name", "direct_identifier", "linking_key"})
_DATED: Final = frozenset({"date", "time_of_day", "uid_with_date", "small_area", "age_over_89", "location"})
_SITE: Final = frozenset({"institution", "device"})
_SOURCE: Final = "ISO/IEC 27559:2022, 8"


@frozen(kw_only=True)
class Assessed:
    """What was measured on the candidate, and the verdicts that follow."""

    evidence: Evidence
    decision: TierDecision
    data: Verdict
    output: Verdict
    project: Verdict
    issues: tuple[BidsIssue, ...]
    residues: tuple[Residue, ...]
    needles: int
    searched_files: int
    searched_bytes: int
    remaining: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()


@frozen(kw_only=True)
class Candidate:
    """The data set as it would leave, with what is known of it: ``texts`` must not be found in it."""

    folder: Path
    outcomes: tuple[SeriesOutcome, ...]
    texts: Identifying[frozenset[str]]
    recoding: Recoding
    cohort: Cohort
    consents: Consents


def assess_candidate(candidate: Candidate, *, plan: Plan, validator: BidsValidator, progress: Progress) -> Assessed:
    """Search every byte, look for what identifies by its kind, validate, and derive the tier from what was found."""
    progress.begin("assess", total=3, unit="checks")
    texts, recoding, outcomes = candidate.texts.reveal(), candidate.recoding, candidate.outcomes
    hits = tuple(map(_weighed, search(candidate.folder, needles_of(texts))))
    progress.advance("assess")
    checked = check_dataset(candidate.folder)
    residues = (*hits, *checked.findings)
    progress.advance("assess")
    issues = validator.validate(candidate.folder)
    progress.advance("assess")
    progress.end("assess")
    evidence = Evidence(
        record_risk=recoding.max_risk,
        unique_share=recoding.unique_share,
        linkage=recoding.mean_risk,
        identifiers=_worst_identifier(residues),
        face=_worst_face(outcomes),
        unchecked=Unchecked.UNREAD if checked.unread or _any(residues, {"unchecked_content"}) else Unchecked.NONE,
    )
    weighed = weigh(evidence, candidate.cohort, plan.rules)
    decision = tier_of(weighed, candidate.consents, cohort=candidate.cohort, face=evidence.face, rules=plan.rules)
    names = files_below(candidate.folder)
    return Assessed(
        evidence=evidence,
        decision=decision,
        data=Verdict.all_of([*map(judge_residue, residues), _judge_bids(issues)]),
        output=_judge_linkage(recoding, plan),
        project=judge_tier(decision, shared_with=plan.controls.tier),
        issues=issues,
        residues=residues,
        needles=len(texts),
        searched_files=len(names),
        searched_bytes=sum((candidate.folder / name).stat().st_size for name in names),
        remaining=tuple(_remaining(outcomes)),
        unique=tuple(unique_combinations(outcomes, recoding)),
    )


def needles_of(texts: Collection[str]) -> Needles:
    """Compile what must not be found: single words and numbers count inside prose as whole words only."""
    return Needles.of(texts, alone=(text for text in texts if text.isalpha() or text.isdecimal()))


def not_our_own(texts: Collection[str], own: str) -> frozenset[str]:
    """Leave out what our own sentences say too: a report says "test" whether or not a header did."""
    needles = needles_of(texts)
    said = {needles.reveal(number).reveal() for number in numbers_in(io.BytesIO(own.encode()), needles)}
    return frozenset(texts) - said


def _weighed(hit: Residue) -> Residue:
    """Weigh a hit in a file that is written from the study form alone: the form says it too, no scan did."""
    if hit.path not in FROM_THE_FORM:
        return hit
    why = "the study form says a word that a header says too"
    return evolve(hit, severity=Severity.LOW, why=why, fix="if it names a participant, change the form")


def _any(residues: Iterable[Residue], kinds: Iterable[str]) -> bool:
    wanted = frozenset(kinds)
    heavy = {Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL}
    return any(residue.kind in wanted and residue.severity in heavy for residue in residues)


def _worst_identifier(residues: Sequence[Residue]) -> Identifiers:
    if _any(residues, _DIRECT):
        return Identifiers.DIRECT
    if _any(residues, _DATED):
        return Identifiers.DATE_OR_SMALL_AREA
    return Identifiers.DEVICE_OR_SITE if _any(residues, _SITE) else Identifiers.SHIFTED_DATES_OR_MODEL


def _worst_face(outcomes: Iterable[SeriesOutcome]) -> Face:
    """Take the worst image that could show a face; images that show none leave the best class."""
    classes = {
        "kept": Face.PRESENT,
        "defaced": Face.DEFACED_VERIFIED,
        "nothing-to-do": Face.DEFACED_VERIFIED,
        "passed": Face.STRIPPED_VERIFIED,
    }
    faces = [
        Face.STRIPPED_VERIFIED
        if image.face.mode == "skull-strip" and image.face.status == "defaced"
        else classes.get(image.face.status, Face.DEFACED_UNVERIFIED)
        for outcome in outcomes
        for image in outcome.images
    ]
    return max(faces, default=Face.STRIPPED_VERIFIED)


def judge_residue(residue: Residue) -> Verdict:
    """Weigh one residue: high and critical stop the release, medium needs a person, the rest is told."""
    about = f"{residue.path} {residue.locator}".strip()
    code = f"data.residue.{residue.kind}"
    if residue.severity in {Severity.HIGH, Severity.CRITICAL}:
        return refuse(code, why=residue.why, fix=residue.fix, source=residue.source, about=about)
    if residue.severity is Severity.MEDIUM:
        return review(code, why=residue.why, fix=residue.fix, source=residue.source, about=about)
    if residue.severity is Severity.LOW:
        return note(code, why=residue.why, fix=residue.fix, source=residue.source, about=about)
    return Verdict()


def _judge_bids(issues: Iterable[BidsIssue]) -> Verdict:
    return Verdict.all_of(
        review(
            "data.bids.invalid",
            why=f"the validator says {issue.code}: {issue.message}",
            fix="name the series by a rule that fits them, or leave them out",
            source="bids-validator",
            about=issue.location,
        )
        for issue in issues
        if issue.severity == "error"
    )


def _judge_linkage(recoding: Recoding, plan: Plan) -> Verdict:
    bound, floor = plan.controls.max_record_risk, plan.controls.min_k
    if recoding.max_risk <= bound or recoding.k >= floor:
        return Verdict()
    return refuse(
        "output.linkage.record_risk",
        why=f"even without age and sex the chance to single somebody out is {recoding.max_risk:.2f}, above {bound}",
        fix="share with a better protected place: so few people could have taken part that taking part identifies",
        source="EMA Policy 0070; El Emam",
    )


def _remaining(outcomes: Iterable[SeriesOutcome]) -> Iterable[str]:
    """Name what is still told of scanners, and of how many participants: what it would link to."""
    for label, what in (("manufacturer", "maker"), ("model", "model"), ("field_strength", "field strength")):
        values = Counter(
            (str(getattr(outcome.described, label)), outcome.subject)
            for outcome in outcomes
            if getattr(outcome.described, label) is not None
        )
        people = Counter(value for value, _ in values)
        if people:
            told = ", ".join(f"{value} ({count})" for value, count in sorted(people.items()))
            yield f"scanner {what}: {told}; links to sites that have such a scanner"


def unique_combinations(outcomes: Sequence[SeriesOutcome], recoding: Recoding) -> Iterable[str]:
    """Name the combinations of what is told that only one participant of several has."""
    people = people_of(outcomes)
    if len(people) <= 1:
        return
    for name, value_of in _tellers(outcomes, recoding).items():
        counts = Counter(value_of[person.label] for person in people)
        alone = sum(1 for count in counts.values() if count == 1)
        if alone:
            yield f"{name}: {alone} of {len(people)} participants stand alone"


def _tellers(outcomes: Sequence[SeriesOutcome], recoding: Recoding) -> dict[str, dict[str, tuple[str, ...]]]:
    scanners: dict[str, set[str]] = {}
    series: dict[str, list[str]] = {}
    for outcome in outcomes:
        model = f"{outcome.described.manufacturer} {outcome.described.model}"
        scanners.setdefault(outcome.subject, set()).add(model)
        name = outcome.name.stem(outcome.subject, None) if outcome.name else ""
        series.setdefault(outcome.subject, []).append(name.partition("_")[2])
    told = {person.label: _told(person, recoding) for person in people_of(outcomes)}
    by_scanner = {label: tuple(sorted(models)) for label, models in scanners.items()}
    by_series = {label: tuple(sorted(names)) for label, names in series.items()}
    return {
        "age and sex as told": told,
        "scanner": by_scanner,
        "set of series": by_series,
        "all of these": {label: (*told[label], *by_scanner[label], *by_series[label]) for label in told},
    }


def _told(person: Person, recoding: Recoding) -> tuple[str, ...]:
    return (told_age(person.age, recoding.age_width), (person.sex or "n/a") if recoding.sex else "")
