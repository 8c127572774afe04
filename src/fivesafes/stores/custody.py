"""Custodians in the books: who can open what is sealed, with the history of who could."""

from collections.abc import Sequence
from datetime import datetime

from fivesafes.flow.circle_told import Standing
from fivesafes.flow.custody import Custodian
from fivesafes.stores.books.deed import Deeds, check_changed, check_deed
from fivesafes.stores.models import Custodian as Row

_GONE = {Standing.LEAVING, Standing.LEFT}


class DjangoCustody(Deeds):
    """Implements ``flow.custody.CustodyBooks`` on the open database."""

    def custodians(self) -> Sequence[Custodian]:
        """Give everybody who has not left, in the order they joined."""
        rows = Row.objects.exclude(kind=Standing.LEFT.value).order_by("id").values_list("name", "recipient", "kind")
        return [Custodian(name=name, recipient=recipient, standing=Standing(kind)) for name, recipient, kind in rows]

    def enter(self, new: Custodian, *, at: datetime) -> None:
        """Add somebody."""
        check_deed()
        Row.objects.create(name=new.name, recipient=new.recipient, kind=new.standing.value, added_at=at)

    def move(self, one: Custodian, standing: Standing, *, at: datetime) -> None:
        """Give somebody another standing; who leaves frees the name at once."""
        check_deed()
        rows = Row.objects.filter(name=one.name, recipient=one.recipient, kind=one.standing.value)
        changes: dict[str, object] = {"kind": standing.value}
        if standing in _GONE:
            changes["removed_at"] = at
        check_changed(rows.update(**changes))
