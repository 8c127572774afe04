"""The cycles of the setting audit, as rows: what lacked and since which day, and until which day each answer holds."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from attrs import field, frozen

from fivesafes.stores.books.deed import check_deed
from fivesafes.stores.models import Cycle

_SKEW: Final = timedelta(minutes=1)
"""By how much the clocks of two machines that share a haven may differ; a cycle further ahead is of a wrong clock."""
_SINCE: Final = "lacks_since"
_UNTIL: Final = "holds_until"


@frozen(kw_only=True)
class KeptCycle:
    """One audit: when, for which tier, the digest of its facts, each lack's first day, each met control's last day."""

    at: datetime
    tier: str
    digest: str
    lacking: Mapping[str, date]
    holds: Mapping[str, date] = field(factory=dict)


def add_cycle(cycle: KeptCycle) -> None:
    """Keep a cycle, within a deed."""
    check_deed()
    states = {name: {_UNTIL: day.isoformat()} for name, day in cycle.holds.items()}
    states |= {name: {_SINCE: day.isoformat()} for name, day in cycle.lacking.items()}
    Cycle.objects.create(at=cycle.at, tier=cycle.tier, digest=cycle.digest, states=states)


def last_cycle(tier: str, *, now: datetime) -> KeptCycle | None:
    """Give the cycle of a tier that was kept last, whatever it says of its time; None when it is dated in the future.

    By its time the one of a clock that ran ahead would stay the newest, and hide each real one until then.
    """
    row = Cycle.objects.filter(tier=tier).order_by("-id").first()
    return None if row is None or row.at > now + _SKEW else _kept(row)


def last_cycle_before(tier: str, *, now: datetime) -> KeptCycle | None:
    """Give the last cycle that is not of a clock that ran ahead: it alone tells since when something lacks."""
    row = Cycle.objects.filter(tier=tier, at__lte=now + _SKEW).order_by("-id").first()
    return None if row is None else _kept(row)


def _kept(row: Cycle) -> KeptCycle:
    states: Mapping[str, Mapping[str, str]] = row.states
    return KeptCycle(
        at=row.at,
        tier=row.tier,
        digest=row.digest,
        lacking=_days(states, _SINCE),
        holds=_days(states, _UNTIL),
    )


def _days(states: Mapping[str, Mapping[str, str]], what: str) -> dict[str, date]:
    return {name: date.fromisoformat(day) for name, said in states.items() if (day := said.get(what)) is not None}
