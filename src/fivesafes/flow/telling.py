"""The record of a run as reports, JSON and the release's signed record tell it.  Pseudonyms, keywords, counts."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from attrs import asdict

from fivesafes.core.verdict import Gravity
from fivesafes.data.bids.rules import Rule
from fivesafes.data.model import FileStatus, Severity
from fivesafes.flow.assess import Assessed
from fivesafes.flow.candidate import output_path
from fivesafes.flow.haven.recall import Compared
from fivesafes.flow.record import SeriesOutcome, SeriesStatus, plain, told
from fivesafes.flow.run import SAFES, RunState
from fivesafes.output.recode import Recoding
from fivesafes.project.model import Project, TierDecision

RELEASED: Final = "Released: every planned step left its evidence."

QUESTIONS: Final = {
    "project": "Is this use appropriate, is the risk justified?",
    "people": "Are these people who they say, and may they?",
    "setting": "Does the place prevent misuse and mistakes?",
    "data": "What in the data betrays a person?",
    "output": "Can what leaves be linked back?",
}


def series_for_contract(outcome: SeriesOutcome) -> dict[str, Any]:
    """Tell of one series as docs/reference/json.md has it."""
    released = outcome.status is SeriesStatus.RELEASED
    outputs = [str(output_path(outcome, image, ending)) for image in outcome.images for ending in image.files]
    return {
        "id": outcome.id,
        "status": outcome.status.value,
        "outputs": sorted(outputs) if released else [],
        "why": outcome.why,
    }


def contract_of(state: RunState, *, release: str | None, compare: Sequence[Compared] = ()) -> dict[str, Any]:
    """Tell of the whole run as docs/reference/json.md has it."""
    tier = state.plan.decision.tier
    return {
        "project": state.request.project.id,
        "tier": tier.label if tier is not None else None,
        "verdicts": {safe: told(state.verdicts[safe]) for safe in SAFES},
        "series": [series_for_contract(outcome) for outcome in state.outcomes],
        "release": release,
        "compare": [compared(one) for one in compare],
    }


def compared(one: Compared) -> dict[str, Any]:
    """Tell of an earlier release that must be compared with this one before it leaves."""
    return {
        "release": one.release.id,
        "destination": one.release.destination,
        "released_on": one.release.released_at.date().isoformat(),
        "manifest_sha256": one.release.digest,
        "people": one.missing,
        "withdrawn": one.withdrawn,
        "why": one.why,
    }


def form_digest(project: Project, rules: Sequence[Rule]) -> str:
    """Digest what a project's form says of the work: another form makes another candidate."""

    def plainly(value: object) -> object:
        return sorted(map(str, value)) if isinstance(value, AbstractSet) else str(value)

    said = [asdict(project), [asdict(one) for one in rules]]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=plainly).encode()).hexdigest()


def outcome_of(state: RunState, *, candidate: str | None, released: bool) -> dict[str, str]:
    """Say in one sentence how the run ended; a ``candidate`` that nothing speaks against is ready to leave."""
    left = [
        o for o in state.outcomes if o.status in {SeriesStatus.REFUSED, SeriesStatus.HELD, SeriesStatus.NEEDS_REVIEW}
    ]
    if released:
        return {"kind": "released", "sentence": f"{RELEASED}{_left_out(len(left))}"}
    if state.postponed:
        return {"kind": "review", "sentence": f"Not finished: {len(state.postponed)} series must be tried again."}
    if candidate is not None and gravest(state) is Gravity.NOTE:
        return {"kind": "ready", "sentence": "Ready: every planned step left its evidence; nothing was let out yet."}
    if gravest(state) is Gravity.REVIEW:
        return {"kind": "review", "sentence": "Not released: a person must look first. See what says 'review' below."}
    return {"kind": "refused", "sentence": "Not released: a gate says no. See what says 'refuse' below."}


def _left_out(series: int) -> str:
    """Say how many series did not leave, and what to do about that; no word when all did."""
    if not series:
        return ""
    return (
        f" {series} series did not leave; each says why in the report.  Mend what it names, "
        "and release again: into a new folder where the first was handed over."
    )


def record_of(
    state: RunState,
    *,
    assessed: Assessed | None,
    recoding: Recoding | None,
    candidate: str | None,
    outcome: Mapping[str, str],
    versions: Mapping[str, str],
    compare: Sequence[Compared] = (),
) -> dict[str, Any]:
    """Compose the record that reports are written from."""
    project = state.request.project
    series = [_series(outcome) for outcome in state.outcomes]
    return {
        "schema": 1,
        "date": state.today.isoformat(),
        "outcome": dict(outcome),
        "project": _project(project),
        "tier": {
            "planned": _decision(state.plan.decision),
            "measured": _decision(assessed.decision if assessed else None),
            "shared_with": project.shared_with.label,
            "shared_with_words": project.shared_with.words,
        },
        "participants": _participants(state),
        "questions": QUESTIONS,
        "verdicts": {safe: told(state.verdicts[safe]) for safe in SAFES},
        "plan": plain(state.plan.steps),
        "received": _received(state),
        "series": series,
        "shows_faces": any(
            p["identifying"] and not p["sealed"] for s in series for image in s["images"] for p in image["pictures"]
        ),
        "bids": _bids(assessed, versions),
        "linkage": _linkage(state, assessed, recoding),
        "candidate": candidate,
        "compare": [compared(one) for one in compare],
        "versions": dict(versions),
        "policy_digest": state.plan.controls.policy_digest,
        "form": form_digest(project, state.request.rules),
    }


def _project(project: Project) -> dict[str, str]:
    approval = project.approval
    return {
        "id": project.id,
        "title": project.title,
        "investigator": project.investigator,
        "institution": project.institution,
        "approval": f"{approval.committee}, {approval.number}, {approval.valid_from} to {approval.valid_until}",
        "purpose": project.use.purpose,
        "data_use": project.use.permission.use.name,
    }


def _decision(decision: TierDecision | None) -> dict[str, Any]:
    if decision is None:
        return {"tier": None, "probability": None, "impact": None, "reasons": [], "raised_by": []}
    return {
        "tier": decision.tier.label if decision.tier is not None else None,
        "probability": decision.probability.name if decision.probability is not None else None,
        "impact": decision.impact.name,
        "reasons": plain(decision.reasons),
        "raised_by": plain(decision.raised_by),
    }


def _participants(state: RunState) -> dict[str, int]:
    released = {o.subject for o in state.outcomes if o.status is SeriesStatus.RELEASED}
    received, refused = (0, 0)
    if state.gated is not None:
        received, refused = state.gated.participants_received, state.gated.participants_refused
    if state.received is not None:  # whose scans were not even opened: refused before the gate could count them
        withheld = len({one.subject for one in state.received.withheld})
        received, refused = received + withheld, refused + withheld
    return {"received": received, "refused": refused, "released": len(released)}


def _received(state: RunState) -> list[dict[str, Any]]:
    """Count the files by what became of them; names of files are not told: they may hold a person's."""
    if state.received is None:
        return []
    counted = Counter((aside.status.value, aside.code, aside.why) for aside in state.received.set_aside)
    rows = [
        {"files": count, "status": status, "reason": reason, "why": why}
        for (status, reason, why), count in sorted(counted.items())
    ]
    used = sum(len(series.originals) for series in state.received.series)
    return [{"files": used, "status": "received", "reason": "received.ok", "why": "MR images, whole"}, *rows]


def _series(outcome: SeriesOutcome) -> dict[str, Any]:
    label = outcome.name.stem(outcome.subject, None).partition("_")[2] if outcome.name else "not named"
    images = []
    for image in outcome.images:
        pictures = [{**plain(p), "file": f"{outcome.id}/{p.file}"} for p in image.pictures]
        output = str(output_path(outcome, image)) if outcome.status is SeriesStatus.RELEASED else None
        images.append(
            {
                "output": output,
                "stem": image.name.stem(outcome.subject, outcome.session),
                "face": plain(image.face),
                "sidecar_removed": list(image.sidecar_removed),
                "pictures": pictures,
            }
        )
    return {**series_for_contract(outcome), **_about(outcome), "label": label, "images": images}


def _about(outcome: SeriesOutcome) -> dict[str, Any]:
    return {
        "subject": outcome.subject,
        "session": outcome.session,
        "files_received": outcome.files_received,
        "header": plain(outcome.header),
    }


def _bids(assessed: Assessed | None, versions: Mapping[str, str]) -> dict[str, Any]:
    if assessed is None:
        return {"validator": None, "errors": 0, "warnings": 0, "issues": []}
    severities = Counter(issue.severity for issue in assessed.issues)
    return {
        "validator": next((v for name, v in versions.items() if "validator" in name), "bids-validator"),
        "errors": severities["error"],
        "warnings": severities["warning"],
        "issues": plain(assessed.issues),
    }


def _linkage(state: RunState, assessed: Assessed | None, recoding: Recoding | None) -> dict[str, Any] | None:
    if assessed is None or recoding is None:
        return None
    return {
        "columns": list(recoding.columns),
        "k": recoding.k,
        "max_risk": recoding.max_risk,
        "mean_risk": recoding.mean_risk,
        "bound": state.plan.controls.max_record_risk,
        "eligible": state.request.project.cohort.eligible,
        "unique": list(assessed.unique),
        "remaining": list(assessed.remaining),
        "needles": assessed.needles,
        "searched_files": assessed.searched_files,
        "searched_bytes": assessed.searched_bytes,
        "found": sum(r.code.startswith("residue.") and r.severity is not Severity.LOW for r in assessed.residues),
    }


def set_aside_count(state: RunState) -> int:
    """Count the scans that were received and not used: copies and files of other kinds are not missed."""
    if state.received is None:
        return 0
    no_loss = {FileStatus.DUPLICATE, FileStatus.NOT_DICOM}
    return sum(1 for aside in state.received.set_aside if aside.status not in no_loss or "archive" in aside.code)


def gravest(state: RunState) -> Gravity:
    """Give the gravest of the five verdicts."""
    return max(verdict.gravity for verdict in state.verdicts.values())
