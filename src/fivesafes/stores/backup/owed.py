"""Which objects the open books say that the haven holds: what a vault, a backup or a restore is compared with."""

from collections.abc import Iterator
from typing import Final

from django.db.models import Q

from fivesafes.flow.haven.model import ParticipantState, ProjectState, SeriesState
from fivesafes.setting.vault.vault import object_name
from fivesafes.stores.models import Instance, Quarantined, Series

_PAGE: Final = 10_000
_ADDRESS: Final = 32
_HELD: Final = (SeriesState.SEALED.value, SeriesState.QUARANTINED.value)


def owed() -> set[str]:
    """Name every object that must be in the vault: originals, sheets, and files set aside.

    Of people who take part in projects that were not disposed of; what a withdrawal is about to destroy is not owed.
    An ingest seals before it writes rows, so a vault that is looked through after this has all of it.
    """
    return set(_named())


def _named() -> Iterator[str]:
    takes_part = ParticipantState.ACTIVE.value
    sealed = Series.objects.filter(state__in=_HELD, participant__state=takes_part).exclude(
        project__state=ProjectState.DISPOSED.value
    )
    instances = Instance.objects.filter(series__in=sealed).order_by()
    for address, recipient in instances.values_list("address", "series__participant__recipient").iterator(_PAGE):
        yield object_name(bytes(address), recipient)
    for several, recipient in sealed.order_by().values_list("sheet", "participant__recipient").iterator(_PAGE):
        joined = bytes(several)
        for at in range(0, len(joined), _ADDRESS):
            yield object_name(joined[at : at + _ADDRESS], recipient)
    asides = (
        Quarantined.objects.filter(Q(participant=None) | Q(participant__state=takes_part), removed_at__isnull=True)
        .exclude(project__state=ProjectState.DISPOSED.value)
        .order_by()
    )
    rows = asides.values_list("address", "participant__recipient", "project__recipient")
    for address, own, of_project in rows.iterator(_PAGE):
        yield object_name(bytes(address), own or of_project)
