"""The cycles of the setting audit, as rows: what lacked, and since which day."""

from collections.abc import Mapping
from datetime import date, datetime

from attrs import frozen

from fivesafes.stores.books.deed import check_deed
from fivesafes.stores.models import Cycle


@frozen(kw_only=True)
class KeptCycle:
    """One audit: when, for which tier, the digest of its facts, and each lacking control with its first day."""

    at: datetime
    tier: str
    digest: str
    lacking: Mapping[str, date]


def add_cycle(cycle: KeptCycle) -> None:
    """Keep a cycle, within a deed."""
    check_deed()
    Cycle.objects.create(
        at=cycle.at,
        tier=cycle.tier,
        digest=cycle.digest,
        states={name: since.isoformat() for name, since in cycle.lacking.items()},
    )


def last_cycle(tier: str) -> KeptCycle | None:
    """Give the newest cycle of a tier."""
    row = Cycle.objects.filter(tier=tier).order_by("-at", "-id").first()
    if row is None:
        return None
    lacking = {name: date.fromisoformat(since) for name, since in row.states.items()}
    return KeptCycle(at=row.at, tier=row.tier, digest=row.digest, lacking=lacking)
