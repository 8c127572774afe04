"""A project's plan: its tier with the reasons, and each step with the control that asks for it."""

from collections.abc import Iterable
from datetime import date
from importlib.resources import files
from typing import Final

from attrs import frozen

from fivesafes.core.verdict import Verdict
from fivesafes.data.model import FaceMode
from fivesafes.flow.controls import STEPS, Controls, load_controls
from fivesafes.output.recode import MAX_MEAN_RISK
from fivesafes.project.model import Cohort, Consent, Evidence, Face, Identifiers, Project, TierDecision, Unchecked
from fivesafes.project.policy import TierRules, assess, consents_of, judge_consent, judge_tier, tier_of
from fivesafes.project.rules import load_tier_rules


@frozen(kw_only=True)
class PlannedStep:
    """One control of one step, and the sentence that says why."""

    name: str
    because: str
    control: str


@frozen(kw_only=True)
class Plan:
    """What will be done to each scan, and the tier that the promise of doing it leads to."""

    decision: TierDecision
    verdict: Verdict
    controls: Controls
    rules: TierRules
    face_mode: FaceMode | None
    steps: tuple[PlannedStep, ...]


_SAYS: Final = {
    "approval": "approval in force: {why}",
    "consent": "consent of each participant: {why}",
    "recipients": "recipients {setting}: {why}",
    "recipient_mfa": "second factor {setting}: {why}",
    "agreement_days": "agreement of the last {setting} days: {why}",
    "training_days": "training of the last {setting} days: {why}",
    "place": "place with {setting}: {why}",
    "header_profile": "headers by the profile {setting}: {why}",
    "dates": "dates {setting}: {why}",
    "sidecar": "sidecars {setting}: {why}",
    "series_unknown": "series without a rule are {setting}: {why}",
    "bids_valid": "valid BIDS {setting}: {why}",
    "face": "face {setting}: {why}",
    "face_evidence": "defacing {setting}: {why}",
    "residue": "residue {setting}: {why}",
    "max_record_risk": "record risk at most {setting}: {why}",
    "min_k": "groups of at least {setting}, or a risk below the bound: {why}",
    "reviewers": "{setting} people look at the candidate: {why}",
    "manifest": "manifest {setting}: {why}",
}


def make_plan(project: Project, consents: Iterable[Consent], *, on: date) -> Plan:
    """Derive tier, controls and steps from the project form and the consents; nothing is measured yet.

    Only consents that hold on that day and cover the use count: the others' scans are left out anyway.

    The controls are those of the place that will hold the data; what they promise is the evidence from which the
    tier follows; the tier must not ask for a better place than that one.
    """
    rules = load_tier_rules()
    controls = load_controls(project.shared_with)
    face_mode = _face_mode(controls, keep_face=project.keep_face)
    promised = promised_evidence(controls, project.cohort, face_mode)
    decision = tier_of(
        assess(promised, project.cohort, rules),
        consents_of(c for c in consents if not judge_consent(c, project.use, on=on, place=project.shared_with).refuses),
        cohort=project.cohort,
        face=promised.face,
        rules=rules,
    )
    return Plan(
        decision=decision,
        verdict=judge_tier(decision, shared_with=project.shared_with),
        controls=controls,
        rules=rules,
        face_mode=face_mode,
        steps=tuple(_steps(controls, face_mode)),
    )


def _face_mode(controls: Controls, *, keep_face: bool) -> FaceMode | None:
    setting = controls.setting("face")
    if setting == "optional":
        return None if keep_face else FaceMode.REMOVE
    return FaceMode(setting)


def promised_evidence(controls: Controls, cohort: Cohort, face_mode: FaceMode | None) -> Evidence:
    """Say what the release will be like if each control does what it promises."""
    alone = 1 / max(cohort.eligible, 1)
    risk = max(alone, min(controls.max_record_risk, 0.05))
    face = {None: Face.PRESENT, FaceMode.SKULL_STRIP: Face.STRIPPED_VERIFIED}.get(face_mode, Face.DEFACED_VERIFIED)
    return Evidence(
        record_risk=risk,
        unique_share=0.0,
        linkage=max(alone, MAX_MEAN_RISK),
        identifiers=Identifiers.SHIFTED_DATES_OR_MODEL,
        face=face,
        unchecked=Unchecked.NONE,
        planned=True,
    )


def _steps(controls: Controls, face_mode: FaceMode | None) -> Iterable[PlannedStep]:
    yield PlannedStep(
        name="receive",
        because="each file is recognised by its content; what can't be used is set aside with its reason",
        control="none: always",
    )
    for step in STEPS:
        for control in controls.by_name.values():
            if control.step != step or control.setting in {"none", "no", "0"}:
                continue
            setting = control.setting
            if control.name == "face":
                setting = face_mode.value if face_mode else "kept: the study asks, tier and consent allow"
            because = _SAYS[control.name].format(setting=setting, why=control.why)
            yield PlannedStep(name=step, because=because, control=control.name)


def policies() -> str:
    """Name where the policies of this version lie, for ``doctor``."""
    return str(files("fivesafes") / "policies")
