"""Judgements of safe project: is the approval in force, does the consent cover this use, and which tier follows.

Pure: facts and thresholds in, verdicts and classes out.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.verdict import Verdict, refuse
from fivesafes.project.model import (
    Approval,
    Assessment,
    Cohort,
    Consent,
    Consents,
    Content,
    DataUse,
    Evidence,
    Face,
    Impact,
    IntendedUse,
    Permission,
    Probability,
    Reason,
    Tier,
    TierDecision,
    UseCondition,
    Vulnerable,
)

COVERS: Final[Mapping[DataUse, frozenset[DataUse]]] = {
    DataUse.NRES: frozenset(DataUse),
    DataUse.GRU: frozenset({DataUse.GRU, DataUse.HMB, DataUse.DS, DataUse.POA}),
    DataUse.HMB: frozenset({DataUse.HMB, DataUse.DS}),
    DataUse.DS: frozenset({DataUse.DS}),
    DataUse.POA: frozenset({DataUse.POA}),
}
"""Which uses a permission includes (GA4GH DUO: is-a hierarchy of the permission terms)."""


@frozen(kw_only=True)
class TierRules:
    """The thresholds of ``policies/tiers.toml``."""

    matrix: Mapping[Impact, tuple[Tier, ...]]
    record_risk: tuple[float, float, float, float]
    linkage: tuple[float, float, float, float]
    unique_share_of_p4: float
    small_cohort: int
    content: Mapping[Content, Impact]
    vulnerable: Mapping[Vulnerable, Impact]
    genetics: Impact
    reach_people: int
    gates: Mapping[str, Tier]


def judge_approval(approval: Approval, *, on: date) -> Verdict:
    """Judge whether the ethics approval is in force on that day."""
    if approval.in_force(on):
        return Verdict()
    when = "has ended" if on > approval.valid_until else "has not begun"
    return refuse(
        "project.approval.lapsed",
        why=f"approval {approval.number} of {approval.committee} {when}",
        fix="renew it with the committee and enter the new dates under [approval]",
        source="National Statement (AU) 2023, 5.1",
    )


def judge_consent(consent: Consent | None, use: IntendedUse, *, on: date, place: Tier | None = None) -> Verdict:
    """Judge whether this consent allows that use on that day; no consent refuses; withdrawn, or a no, means absent.

    ``place``: what the data would be shared as, where that is known; a participant may refuse public sharing alone.
    """
    withdrawn = consent is not None and consent.withdrawn_on is not None and on >= consent.withdrawn_on
    if consent is None or withdrawn or not consent.permissions:
        return refuse(
            "project.consent.absent",
            why="no consent of this participant is on the table",
            fix="add the participant to the consent table, or leave the scans out",
            source="National Statement (AU) 2023, 2.2",
        )
    if not consent.in_force(on):
        return refuse(
            "project.consent.lapsed",
            why="the consent is not in force today",
            fix="seek re-consent, or leave the scans out",
            source="National Statement (AU) 2023, 2.2",
        )
    return _judge_taken_back(consent, place) or _judge_use(consent, use) or Verdict()


def _judge_taken_back(consent: Consent, place: Tier | None) -> Verdict | None:
    """Judge what the participant took back, or never gave, of a consent that is in force."""
    if not consent.future_use:
        return refuse(
            "project.consent.future",
            why="the participant wants nothing new done; what was done before may stay",
            fix="leave the scans out, or seek re-consent",
            source="National Statement (AU) 2023, 2.2; GDPR Art. 7(3)",
        )
    if place is Tier.T0 and not consent.public:
        return refuse(
            "project.consent.public",
            why="the participant does not want the data shared publicly",
            fix="share with a controlled place, or leave the scans out",
            source="National Statement (AU) 2023, 2.2; Open Brain Consent",
        )
    return None


def _judge_use(consent: Consent, use: IntendedUse) -> Verdict | None:
    prohibited = use.permission.use is DataUse.POA and UseCondition.NPOA in consent.conditions
    if prohibited or not any(_covers(given, use.permission) for given in consent.permissions):
        return refuse(
            "project.consent.use",
            why=f"the consent does not cover the use {use.permission.use.name}",
            fix="narrow the use under [use], seek re-consent, or leave the scans out",
            source="GA4GH DUO",
        )
    open_conditions = sorted(condition.name for condition in consent.conditions - use.conditions_met)
    if open_conditions:
        return refuse(
            "project.consent.condition",
            why=f"the consent is bound to {', '.join(open_conditions)}, which nobody has vouched for",
            fix="if it holds, list it in conditions_met under [use]; otherwise leave the scans out",
            source="GA4GH DUO modifiers",
        )
    return None


def _covers(given: Permission, wanted: Permission) -> bool:
    if given.use is DataUse.DS:
        return wanted.use is DataUse.DS and given.disease is not None and given.disease == wanted.disease
    return wanted.use in COVERS[given.use]


def consents_of(consents: Iterable[Consent]) -> Consents:
    """Sum up the consents of those whose data would leave; none at all is unknown, not free."""
    listed = list(consents)
    return Consents(
        known=bool(listed) and all(consent.permissions for consent in listed),
        unrestricted=all(
            any(given.use is DataUse.NRES for given in consent.permissions)
            and not consent.conditions
            and consent.public
            for consent in listed
        ),
        faces_agreed=all(consent.face for consent in listed),
    )


def impact_of(cohort: Cohort, rules: TierRules) -> tuple[Impact, tuple[Reason, ...]]:
    """Class the harm of a disclosure: content, vulnerable groups, genetics, then reach once more."""
    worst = rules.content[cohort.content]
    reasons = [Reason(fact=f"content is {cohort.content.value}", led_to=worst.name)]
    for group in sorted(cohort.vulnerable):
        reasons.append(Reason(fact=f"the cohort includes {group.value}", led_to=rules.vulnerable[group].name))
        worst = max(worst, rules.vulnerable[group])
    if cohort.genetics:
        reasons.append(Reason(fact="record-level genetic data", led_to=rules.genetics.name))
        worst = max(worst, rules.genetics)
    reach = [
        words
        for holds, words in (
            (cohort.participants > rules.reach_people, f"more than {rules.reach_people} people"),
            (cohort.kin_affected, "relatives are affected too"),
        )
        if holds
    ]
    if reach and worst is not Impact.I5:
        worst = Impact(worst + 1)
        reasons.append(Reason(fact=" and ".join(reach), led_to=f"one class more: {worst.name}"))
    return worst, tuple(reasons)


def probability_of(
    evidence: Evidence, cohort: Cohort, rules: TierRules
) -> tuple[Probability | None, tuple[Reason, ...]]:
    """Class the chance that someone is found: the worst of five rows; one row without evidence gives None."""
    rows: list[tuple[str, Probability | None]] = [
        ("risk of the most exposed record", _record_class(evidence, rules)),
        ("expected share of right links", _bounded(evidence.linkage, rules.linkage)),
        ("identifiers left", _same_class(evidence.identifiers)),
        ("state of the face", _same_class(evidence.face)),
        ("content that no check could read", _same_class(evidence.unchecked)),
    ]
    tense = "planned" if evidence.planned else "measured"
    reasons = [Reason(fact=f"{row} ({tense})", led_to="not assessed" if p is None else p.name) for row, p in rows]
    classes = [p for _, p in rows if p is not None]
    if len(classes) < len(rows):
        return None, tuple(reasons)
    worst = max(classes)
    if (cohort.rare_condition or cohort.eligible < rules.small_cohort) and worst is not Probability.P5:
        worst = Probability(worst + 1)
        reasons.append(
            Reason(fact="a small or rare cohort is easier to search", led_to=f"one class more: {worst.name}")
        )
    return worst, tuple(reasons)


def _same_class(measured: int | None) -> Probability | None:
    return None if measured is None else Probability(int(measured))


def _bounded(value: float | None, bounds: tuple[float, float, float, float]) -> Probability | None:
    if value is None:
        return None
    return Probability(1 + sum(value > bound for bound in bounds))


def _record_class(evidence: Evidence, rules: TierRules) -> Probability | None:
    by_risk = _bounded(evidence.record_risk, rules.record_risk)
    rarely_unique = evidence.unique_share is not None and evidence.unique_share <= rules.unique_share_of_p4
    return Probability.P4 if by_risk is Probability.P5 and rarely_unique else by_risk


def assess(evidence: Evidence, cohort: Cohort, rules: TierRules) -> Assessment:
    """Weigh probability × impact."""
    probability, why_probable = probability_of(evidence, cohort, rules)
    impact, why_grave = impact_of(cohort, rules)
    return Assessment(probability=probability, impact=impact, reasons=why_probable + why_grave)


def tier_of(
    assessment: Assessment, consents: Consents, *, cohort: Cohort, face: Face | None, rules: TierRules
) -> TierDecision:
    """Derive the tier: the matrix decides, gates only ever raise; without evidence it is not assessed, never T0."""
    decision = TierDecision(
        tier=None, probability=assessment.probability, impact=assessment.impact, reasons=assessment.reasons
    )
    if assessment.probability is None:
        return decision
    tier = rules.matrix[assessment.impact][assessment.probability - 1]
    raised: list[Reason] = []
    for gate, why in _closed_gates(consents, cohort, face):
        floor = rules.gates[gate]
        if floor > tier:
            tier = floor
            raised.append(Reason(fact=why, led_to=floor.label))
    return evolve(decision, tier=tier, raised_by=tuple(raised))


def _closed_gates(consents: Consents, cohort: Cohort, face: Face | None) -> Iterable[tuple[str, str]]:
    if not consents.known:
        yield "consent_unknown", "consent is unknown"
    if not consents.unrestricted:
        yield "consent_restricts_use", "consent restricts the use, which public data can't enforce"
    if face is Face.PRESENT and not consents.faces_agreed:
        yield "face_without_consent", "a face is present without explicit consent"
    if cohort.genetics:
        yield "genetics", "record-level genetic data"
    if Vulnerable.FIRST_NATIONS in cohort.vulnerable and not cohort.community_approval:
        yield "first_nations_without_community", "First Nations data without the community's approval"


def judge_tier(decision: TierDecision, *, shared_with: Tier) -> Verdict:
    """Judge whether the place that will hold the data is protected well enough for the tier."""
    if decision.tier is None:
        return refuse(
            "project.tier.not_assessed",
            why="the tier could not be assessed: evidence is missing",
            fix="see which row says 'not assessed' and supply it",
            source="ISO/IEC 27559:2022",
        )
    if decision.tier is Tier.T3_PLUS:
        return refuse(
            "project.tier.not_shared",
            why="probability × impact says that these data must not be shared",
            fix="let researchers visit or send their analysis (federation); or lower the probability first",
            source="tiers.toml",
        )
    if decision.tier > shared_with:
        return refuse(
            "project.tier.place",
            why=f"the data need {decision.tier.label} ({decision.tier.words}), "
            f"but would be shared as {shared_with.label} ({shared_with.words})",
            fix=f"share with a place of {decision.tier.label} or better: [sharing] with",
            source="T. Close, ISMRM 2021; tiers.toml",
        )
    return Verdict()
