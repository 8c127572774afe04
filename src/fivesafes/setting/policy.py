"""Judgements of safe setting.  Pure: the same facts judged again give the same report."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Final

from fivesafes.core.verdict import Gravity, Verdict, note, refuse, review
from fivesafes.setting.model import (
    BY_PEOPLE,
    DEFAULT_GRACE_DAYS,
    Attestation,
    Basis,
    Fact,
    Judged,
    SettingControl,
    SettingDemands,
    SettingReport,
    Standing,
    State,
)

_SOURCE: Final = "ISO/IEC 27001:2022 Annex A"


def judge_setting(
    facts: Sequence[Fact], attestations: Sequence[Attestation], demands: SettingDemands, *, on: date
) -> Verdict:
    """Judge each control that the tier asks for: seen, attested, missing or unknown."""
    seen = {fact.control: fact for fact in facts}
    attested = {a.control: a for a in attestations if a.in_force(on)}
    verdicts = [_judge_control(name, seen.get(name), attested.get(name)) for name in demands.controls]
    return Verdict.all_of([*verdicts, *_beyond(facts, demands)])


def _judge_control(name: str, fact: Fact | None, attestation: Attestation | None) -> Verdict:
    if fact is not None and fact.state is State.YES:
        return note(f"setting.{name}.met", why=f"{name}: {fact.seen or 'yes'} ({fact.how})", source=_SOURCE)
    if fact is not None and fact.state is State.NO:
        return refuse(
            f"setting.{name}.not_met",
            why=f"{name}: {fact.seen or 'no'} ({fact.how})",
            fix="put it right; a machine's no is not overruled by an attestation",
            source=_SOURCE,
        )
    if attestation is not None:
        return note(
            f"setting.{name}.attested",
            why=f"{name}: attested until {attestation.valid_until} ({attestation.evidence})",
            source=_SOURCE,
        )
    return review(
        f"setting.{name}.unknown",
        why=f"{name}: nobody knows, and unknown does not count as yes",
        fix=f'find out, then add an [[attestation]] with control = "{name}", by, on, valid_until and evidence',
        source=_SOURCE,
    )


def _beyond(facts: Sequence[Fact], demands: SettingDemands) -> Iterable[Verdict]:
    """Tell of what this tier does not ask for and a careful person would mend all the same."""
    for fact in facts:
        if fact.control not in demands.controls and fact.state is not State.YES:
            yield note(
                f"setting.{fact.control}.{fact.state.value}",
                why=f"{fact.control}: {fact.seen or fact.state.value} ({fact.how}); this tier does not ask for it",
                fix="consider putting it right",
                source=_SOURCE,
            )


def judge_audit(
    facts: Sequence[Fact],
    attestations: Sequence[Attestation],
    controls: Sequence[SettingControl],
    *,
    tier: str,
    on: date,
) -> SettingReport:
    """Judge every control: met only by a fresh yes that was seen, or by an attestation in force where nothing was.

    A fact is fresh for its control's ``max_age_days``; an older or undated one is unknown, and so is one dated in the
    future.  A fresh no stands whatever anybody attests.
    """
    judged = tuple(
        _judge_fully(
            control,
            [fact for fact in facts if fact.control == control.name],
            [word for word in attestations if word.control == control.name],
            demanded=tier in control.tiers,
            on=on,
        )
        for control in controls
    )
    return SettingReport(tier=tier, on=on, judged=judged)


def _judge_fully(
    control: SettingControl,
    facts: Sequence[Fact],
    attestations: Sequence[Attestation],
    *,
    demanded: bool,
    on: date,
) -> Judged:
    fresh = sorted((f for f in facts if _stale(f, control, on) is None), key=_order)
    for state in (State.NO, State.YES):  # of several facts the worst counts
        for fact in fresh:
            if fact.state is state:
                return Judged(
                    control=control, demanded=demanded, state=state, basis=Basis.SEEN, why=_told(fact), fact=fact
                )
    last = max(facts, key=_order, default=None)
    believed = _best(control, facts, attestations, on)
    if believed is not None:
        return Judged(
            control=control,
            demanded=demanded,
            state=State.YES,
            basis=Basis.ATTESTED,
            why=f"attested until {believed.valid_until}: {believed.evidence}",
            fact=last,
            attestation=believed,
        )
    why = _why_unknown(control, fresh[-1] if fresh else last, attestations, on)
    return Judged(control=control, demanded=demanded, state=State.UNKNOWN, basis=Basis.NOTHING, why=why, fact=last)


def _order(fact: Fact) -> tuple[str, ...]:
    return (str(_day(fact) or ""), fact.state, fact.how, fact.seen, fact.version, str(fact.at or ""))


def _day(fact: Fact) -> date | None:
    """Give the day of a fact in UTC; None when it has no date, or one that could mean several moments."""
    if fact.at is None or fact.at.tzinfo is None:
        return None
    return fact.at.astimezone(UTC).date()


def _stale(fact: Fact, control: SettingControl, on: date) -> str | None:
    """Say why a fact is not believed on that day; None when it is."""
    day = _day(fact)
    if day is None:
        return "undated"
    age = (on - day).days
    if age < 0:
        return f"dated in the future ({day})"
    if age > control.max_age_days:
        return f"stale: {_days(age)} old, good for {_days(control.max_age_days)}"
    return None


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


def _best(
    control: SettingControl, facts: Sequence[Fact], attestations: Sequence[Attestation], on: date
) -> Attestation | None:
    """Choose the attestation that fills an unknown: in force, and not older than a no that has grown stale."""
    if not control.attestable:
        return None
    noes = [day for fact in facts if fact.state is State.NO and (day := _day(fact)) is not None and day <= on]
    since = max(noes, default=date.min)
    able = [word for word in attestations if word.in_force(on) and word.on >= since]
    return max(able, key=lambda word: (word.valid_until, word.on, word.by, word.evidence), default=None)


def _told(fact: Fact) -> str:
    return f"{fact.seen or fact.state.value} ({fact.how}{f', {fact.version}' if fact.version else ''})"


def _why_unknown(control: SettingControl, fact: Fact | None, attestations: Sequence[Attestation], on: date) -> str:
    if fact is None:
        why = "no machine can see this" if control.seen_by == BY_PEOPLE else "nobody looked"
    elif (stale := _stale(fact, control, on)) is not None:
        why = f"{stale}; it said {fact.state.value}: {_told(fact)}"
    else:
        why = _told(fact)
    if attestations and not control.attestable:
        return f"{why}; an attestation does not count here: the machine can see this"
    if attestations and not any(word.in_force(on) for word in attestations):
        last = max(attestations, key=lambda word: word.valid_until)
        ended = last.valid_until < on
        return f"{why}; the attestation {'ended on ' + str(last.valid_until) if ended else 'has not begun'}"
    if attestations:
        return f"{why}; the attestation is older than the no that was seen: look again"
    return why


def verdict_of(report: SettingReport) -> Verdict:
    """Say what a report means for the tier: a no refuses, an unknown asks for a person, the rest is noted.

    The codes are those of ``judge_setting``; names of people who attested stay in the report.
    """
    return Verdict.all_of(_finding(one) for one in report.judged if one.demanded or one.state is State.NO)


def _finding(one: Judged) -> Verdict:
    name, source = one.control.name, one.control.source
    why = f"{name}: {one.why}"
    if not one.demanded:
        return note(
            f"setting.{name}.no", why=f"{why}; this tier does not ask for it", fix=one.control.fix, source=source
        )
    if one.state is State.YES:
        return note(f"setting.{name}.{'met' if one.basis is Basis.SEEN else 'attested'}", why=why, source=source)
    if one.state is State.NO:
        return refuse(f"setting.{name}.not_met", why=why, fix=one.control.fix, source=source)
    return review(f"setting.{name}.unknown", why=why, fix=fix_unknown(one), source=source)


def fix_unknown(one: Judged) -> str:
    """Say what makes an unknown known."""
    if not one.control.attestable:
        return one.control.fix
    return f"{one.control.fix}; or have a named person attest it"


_OPEN_ENDS: Final = {"not_met", "unknown"}


def lacking(verdict: Verdict) -> tuple[str, ...]:
    """Name the controls that a verdict on the setting finds lacking, in its order."""
    return tuple(
        finding.code.split(".")[1]
        for finding in verdict.findings
        if finding.gravity is not Gravity.NOTE
        and finding.code.startswith("setting.")
        and finding.code.rpartition(".")[2] in _OPEN_ENDS
    )


def lacking_since(verdict: Verdict, before: Mapping[str, date], *, on: date) -> dict[str, date]:
    """Carry the first day of each lack from cycle to cycle: what is met is forgotten, what is new begins today."""
    return {name: min(before.get(name, on), on) for name in lacking(verdict)}


def holding_until(report: SettingReport) -> dict[str, date]:
    """Say of each demanded control that is met the last day on which what its answer rests on is still believed."""
    held = {}
    for one in report.demanded:
        if one.state is State.YES and one.attestation is not None:
            held[one.control.name] = one.attestation.valid_until
        elif one.state is State.YES and one.fact is not None and (day := _day(one.fact)) is not None:
            held[one.control.name] = day + timedelta(days=one.control.max_age_days)
    return held


def lacking_on(since: Mapping[str, date], until: Mapping[str, date], *, on: date) -> dict[str, date]:
    """Say what lacks on a later day without another audit: what lacked then, and each answer that has ended.

    An answer that has ended is an unknown from the next day: what an audit would find that had nothing new to go by.
    """
    ended = {name: day + timedelta(days=1) for name, day in until.items() if day < on}
    return {**ended, **since}


def standing(
    verdict: Verdict | None, controls: Sequence[SettingControl], *, since: Mapping[str, date], on: date
) -> Standing:
    """Judge what a haven may still do: a lack stops exports in its first cycle, and access after its grace.

    ``since`` is what ``lacking_since`` carried: the first day of each lack.  A lack that nobody dated has lasted
    forever, and without an audit there is neither: absence refuses.
    """
    if verdict is None or not verdict.findings:
        return Standing(
            exports=False, access=False, because=("no audit of the setting: nothing is known of the place",)
        )
    graces = {control.name: control.grace_days for control in controls}
    access, because = True, []
    for name in lacking(verdict):
        grace = graces.get(name, DEFAULT_GRACE_DAYS)
        first = since.get(name)
        if first is not None and first > on - timedelta(days=grace + 1):
            stops = first + timedelta(days=grace + 1)
            because.append(f"{name} lacks since {first}: no exports; access stops on {stops}")
        else:
            access = False
            lasted = f"since {first}" if first is not None else "since a day that nobody recorded"
            because.append(f"{name} lacks {lasted}, longer than {_days(grace)}: no exports, no access")
    others = verdict.gravity is not Gravity.NOTE and not because
    if others:
        because.append("the verdict on the setting is not clean: no exports")
    return Standing(exports=not because, access=access, because=tuple(because))
