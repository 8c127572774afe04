"""What was measured on series, and goes with them: steps with their evidence, and findings."""

from collections.abc import Iterable

from fivesafes.stores.books.rows import groups
from fivesafes.stores.models import Evidence, Finding, Step


def forget_measured(series: Iterable[str]) -> int:
    """Remove steps, evidence and findings of these series within the open deed; give how many rows those were."""
    gone = 0
    for group in groups(dict.fromkeys(series)):
        for rows in (
            Evidence.objects.filter(step__series_id__in=group),
            Step.objects.filter(series_id__in=group),
            Finding.objects.filter(series_id__in=group),
        ):
            gone += rows.delete()[0]
    return gone
