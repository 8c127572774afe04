"""What a haven may still do while its place lacks something: each audit is a cycle that the books keep.

Enforced where haven.toml names a tier.  A cycle that is older than its term counts like a lack: exports stop first,
then access.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from fivesafes.core.errors import Refused
from fivesafes.core.verdict import Finding, Gravity, Verdict
from fivesafes.setting import facts as facts_file
from fivesafes.setting.controls import load_setting_controls
from fivesafes.setting.model import Fact, SettingReport, Standing
from fivesafes.setting.policy import lacking_since, standing, verdict_of
from fivesafes.stores.cycles import KeptCycle, add_cycle, last_cycle
from fivesafes.wiring.haven import OpenHaven

UNENFORCED: Final = "none"
TERM: Final = timedelta(days=7)
"""How long an audit speaks for the place; after twice that nobody knows any more."""


def record_cycle(haven: OpenHaven, report: SettingReport, facts: Sequence[Fact]) -> None:
    """Keep what an audit found, with the first day of each lack, in one deed with its event."""
    before = last_cycle(report.tier)
    lacking = lacking_since(verdict_of(report), before.lacking if before else {}, on=report.on)
    cycle = KeptCycle(at=haven.clock(), tier=report.tier, digest=facts_file.digest(facts), lacking=lacking)
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
                lacking=" ".join(sorted(lacking)),
            )
        )


def standing_of(haven: OpenHaven) -> Standing:
    """Say what the haven may do today, by its last audit."""
    tier, now = haven.config.tier, haven.clock()
    if tier == UNENFORCED:
        return Standing(exports=True, access=True)
    cycle = last_cycle(tier)
    if cycle is None or now - cycle.at > 2 * TERM:
        return standing(None, (), since={}, on=now.date())
    judged = standing(_verdict(cycle), load_setting_controls(), since=cycle.lacking, on=now.date())
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


def _verdict(cycle: KeptCycle) -> Verdict:
    """Write a kept cycle as the verdict that it was, as far as a standing needs it."""
    audited = Finding(code="setting.audited.met", gravity=Gravity.NOTE, why="the place was audited", fix="", source="")
    lacks = (
        Finding(code=f"setting.{name}.not_met", gravity=Gravity.REVIEW, why="it lacks", fix="", source="")
        for name in cycle.lacking
    )
    return Verdict((audited, *lacks))
