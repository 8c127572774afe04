"""What a haven may still do while its place lacks something: each audit is a cycle that the books keep.

Enforced where haven.toml names a tier.  An answer that has ended since the audit (its attestation is over, its fact
too old) lacks from the next day; a cycle older than its term counts like a lack of everything: exports stop first, then
access.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from fivesafes.core.errors import Refused
from fivesafes.core.verdict import Finding, Gravity, Verdict
from fivesafes.setting import facts as facts_file
from fivesafes.setting.controls import load_setting_controls
from fivesafes.setting.model import Fact, SettingReport, Standing
from fivesafes.setting.policy import holding_until, lacking_on, lacking_since, standing, verdict_of
from fivesafes.stores.cycles import KeptCycle, add_cycle, last_cycle, last_cycle_before
from fivesafes.wiring.haven import OpenHaven

UNENFORCED: Final = "none"
TERM: Final = timedelta(days=7)
"""How long an audit speaks for the place; after twice that nobody knows any more."""


def record_cycle(haven: OpenHaven, report: SettingReport, facts: Sequence[Fact]) -> None:
    """Keep what an audit found, with the first day of each lack, in one deed with its event."""
    now = haven.clock()
    before = last_cycle_before(report.tier, now=now)
    lacked = lacking_on(before.lacking, before.holds, on=report.on) if before else {}
    cycle = KeptCycle(
        at=now,
        tier=report.tier,
        digest=facts_file.digest(facts),
        lacking=lacking_since(verdict_of(report), lacked, on=report.on),
        holds=holding_until(report),
    )
    author = haven.author("fivesafes setting audit")
    with haven.books.deed():
        add_cycle(cycle)
        haven.books.tell(
            author.event(
                "audit",
                f"setting of haven {haven.id}",
                report.state.value,
                project="",
                tier=report.tier,
                facts=cycle.digest,
                lacking=" ".join(sorted(cycle.lacking)),
            )
        )


def standing_of(haven: OpenHaven) -> Standing:
    """Say what the haven may do today, by its last audit."""
    tier, now = haven.config.tier, haven.clock()
    if tier == UNENFORCED:
        return Standing(exports=True, access=True)
    today = now.date()
    cycle = last_cycle(tier, now=now)
    if cycle is None or now - cycle.at > 2 * TERM:
        return standing(None, (), since={}, on=today)
    lacking = lacking_on(cycle.lacking, cycle.holds, on=today)
    judged = standing(_verdict(lacking), load_setting_controls(), since=lacking, on=today)
    if now - cycle.at <= TERM:
        return judged
    stale = f"the last audit of the setting is of {cycle.at.date()}, older than {TERM.days} days: no exports"
    return Standing(exports=False, access=judged.access, because=(*judged.because, stale))


def check_exports(haven: OpenHaven) -> None:
    """Raise Refused when the place may let nothing out today."""
    found = standing_of(haven)
    if not found.exports:
        raise Refused("; ".join(found.because), fix=_fix(haven))


def check_access(haven: OpenHaven) -> None:
    """Raise Refused when originals may not be touched in this place today."""
    found = standing_of(haven)
    if not found.access:
        raise Refused("; ".join(found.because), fix=_fix(haven))


def _fix(haven: OpenHaven) -> str:
    return f"mend what lacks, then: fivesafes setting audit --tier {haven.config.tier} --haven {haven.path.name}"


def _verdict(lacking: Iterable[str]) -> Verdict:
    """Write what lacks as a verdict on a place that was audited, as far as a standing needs it."""
    audited = Finding(code="setting.audited.met", gravity=Gravity.NOTE, why="the place was audited", fix="", source="")
    lacks = (
        Finding(code=f"setting.{name}.not_met", gravity=Gravity.REVIEW, why="it lacks", fix="", source="")
        for name in lacking
    )
    return Verdict((audited, *lacks))
