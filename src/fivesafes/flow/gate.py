"""The gate: which series may go on, under which name; what may not is refused, held or ignored with its reason."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from attrs import evolve, frozen

from fivesafes.core.ids import Identifying, SeriesId, SubjectLabel
from fivesafes.core.verdict import Verdict, note, refuse
from fivesafes.data.bids.naming import Placed, assign
from fivesafes.data.bids.rules import Held, Ignored, Named, Rule, name_series
from fivesafes.data.model import Scan
from fivesafes.flow.receive import ReceivedSeries
from fivesafes.flow.record import SeriesOutcome, SeriesStatus
from fivesafes.project.model import Consent, IntendedUse, Tier
from fivesafes.project.policy import judge_consent


@frozen(kw_only=True)
class Admitted:
    """One series that may go on: its scan with its final name, its participant's consent, a rule's word on defacing."""

    scan: Scan
    consent: Consent
    deface: bool | None


@frozen(kw_only=True)
class Gated:
    """What the gate let through, and what it did not."""

    admitted: Mapping[SeriesId, Admitted]
    stopped: tuple[SeriesOutcome, ...]
    verdict: Verdict
    participants_received: int
    participants_refused: int


def gate(
    received: Sequence[ReceivedSeries],
    *,
    consents: Mapping[Identifying[str], Consent],
    use: IntendedUse,
    place: Tier,
    rules: Sequence[Rule],
    on: date,
) -> Gated:
    """Judge each participant's consent on that day for that place, then name the series of those who agreed."""
    stopped: list[SeriesOutcome] = []
    verdicts: list[Verdict] = []
    agreed: dict[Identifying[str], tuple[Consent, list[ReceivedSeries]]] = {}
    groups = _by_participant(received)
    for participant, group in groups.items():
        consent = consents.get(participant)
        verdict = judge_consent(consent, use, on=on, place=place)
        if consent is None or verdict.refuses:
            verdicts.append(_about(verdict, group[0].subject).left_out())
            stopped += [_stopped(series, SeriesStatus.REFUSED, verdict.findings[0].why) for series in group]
        else:
            agreed[participant] = (consent, group)
    admitted, unnamed = _name_all(agreed.values(), rules)
    return Gated(
        admitted=admitted,
        stopped=(*stopped, *unnamed),
        verdict=Verdict.all_of(
            [*verdicts, *map(_tell_held, unnamed), _tell_unmatched(consents, groups), _judge_empty(admitted, groups)]
        ),
        participants_received=len(groups),
        participants_refused=len(groups) - len(agreed),
    )


def _tell_unmatched(consents: Mapping[Identifying[str], Consent], groups: Mapping[Identifying[str], object]) -> Verdict:
    """Count the rows of the table that no scan belongs to: one of them may be a typing mistake."""
    rows = [str(number) for number, participant in enumerate(consents, start=1) if participant not in groups]
    if not rows or not groups:
        return Verdict()
    shown = ", ".join(rows[:10]) + (" …" if len(rows) > len(rows[:10]) else "")
    return note(
        "project.consent.unmatched",
        why=f"{len(rows)} participants of the consent table have no scans here (participant no. {shown})",
        fix="if one should have scans, compare the table's spelling with the scans' PatientID",
        source="ARCHITECTURE: nothing silently",
    )


def _judge_empty(admitted: Mapping[SeriesId, Admitted], groups: Mapping[Identifying[str], object]) -> Verdict:
    return Verdict() if admitted or not groups else nobody()


def nobody() -> Verdict:
    """Refuse: of all that was received, nothing may go on."""
    return refuse(
        "project.nobody",
        why="no series of any participant may go on: see what was left out, and why",
        fix="mend the consent table (it lists what stands in PatientID) or the [[series]] rules, then run again",
        source="ARCHITECTURE: absence refuses",
    )


def _by_participant(received: Iterable[ReceivedSeries]) -> dict[Identifying[str], list[ReceivedSeries]]:
    groups: dict[Identifying[str], list[ReceivedSeries]] = defaultdict(list)
    for series in received:
        groups[series.participant].append(series)
    return groups


def _about(verdict: Verdict, subject: SubjectLabel) -> Verdict:
    return Verdict(tuple(evolve(finding, about=f"sub-{subject}") for finding in verdict.findings))


def _stopped(series: ReceivedSeries, status: SeriesStatus, why: str) -> SeriesOutcome:
    return SeriesOutcome(
        id=series.id,
        subject=series.subject,
        session=None,
        name=None,
        status=status,
        why=why,
        files_received=len(series.originals),
        bytes_received=series.bytes,
    )


def _tell_held(outcome: SeriesOutcome) -> Verdict:
    if outcome.status is not SeriesStatus.HELD:
        return Verdict()
    return note(
        "data.bids.series_held",
        why=outcome.why,
        fix="add a [[series]] rule that names it, or one that ignores it",
        source="ARCHITECTURE: absence refuses",
        about=f"series {outcome.id}",
    )


def _name_all(
    agreed: Iterable[tuple[Consent, list[ReceivedSeries]]], rules: Sequence[Rule]
) -> tuple[Mapping[SeriesId, Admitted], list[SeriesOutcome]]:
    """Name every series; runs are told apart within a session, and a session is told where there are several."""
    placed: list[Placed] = []
    unnamed: list[SeriesOutcome] = []
    known: dict[SeriesId, tuple[ReceivedSeries, Consent, Named]] = {}
    for consent, group in agreed:
        answers = [(series, name_series(series.facts, rules)) for series in group]
        sessions = _sessions(answers)
        for series, answer in answers:
            match answer:
                case Held():
                    unnamed.append(_stopped(series, SeriesStatus.HELD, answer.why))
                case Ignored():
                    unnamed.append(_stopped(series, SeriesStatus.IGNORED, answer.why))
                case Named():
                    known[series.id] = (series, consent, answer)
                    placed.append(_placed(series, answer, sessions[series.study]))
    names = assign(placed)
    admitted = {one.id: _admit(*known[one.id], scan_name=evolve(one, name=names[one.id])) for one in placed}
    return admitted, unnamed


def _placed(series: ReceivedSeries, answer: Named, session: str | None) -> Placed:
    order = (series.taken.reveal(), series.facts.series_number or 0)
    return Placed(id=series.id, subject=series.subject, session=session, name=answer.name, order=order)


def _admit(series: ReceivedSeries, consent: Consent, answer: Named, *, scan_name: Placed) -> Admitted:
    scan = Scan(
        id=series.id,
        subject=series.subject,
        session=scan_name.session,
        name=scan_name.name,
        originals=series.originals,
        bytes=series.bytes,
    )
    return Admitted(scan=scan, consent=consent, deface=answer.deface)


def _sessions(answers: Sequence[tuple[ReceivedSeries, Named | Held | Ignored]]) -> Mapping[str, str | None]:
    """Give each study of a participant its session: what its series' names say, else 01, 02 … in order of time.

    One study alone needs no session, and one of which no series was named takes no number: it would tell of a hidden
    visit.  Where only some studies say theirs, one says two, or two say the same, all are numbered, so that no two
    studies ever share one.
    """
    named = [(series, answer) for series, answer in answers if isinstance(answer, Named)]
    first: dict[str, str] = {}
    said: dict[str, set[str]] = defaultdict(set)
    for series, _ in named:
        first[series.study] = min(first.get(series.study, series.taken.reveal()), series.taken.reveal())
    for series, answer in answers:
        if not isinstance(answer, Held) and answer.session is not None:
            said[series.study].add(answer.session)
    alone = {study: said[study].copy().pop() for study in first if len(said[study]) == 1}
    in_order = sorted(first, key=lambda study: (first[study], study))
    if len(alone) == len(first) == len(set(alone.values())):
        return dict(alone)
    if len(in_order) == 1:
        return {in_order[0]: None}
    return {study: f"{number:02d}" for number, study in enumerate(in_order, start=1)}
