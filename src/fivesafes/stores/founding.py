"""The first rows of a new haven: itself, who can open what it seals, and the event that tells of it."""

from collections.abc import Sequence

from attrs import evolve, frozen
from django.db import transaction

from fivesafes.core.errors import UsageMistake
from fivesafes.core.event import Event
from fivesafes.flow.circle_told import FOUNDERS, founders_fact
from fivesafes.stores.models import Custodian, Haven
from fivesafes.stores.trail import append


@frozen(kw_only=True)
class Founder:
    """Somebody who can open what is sealed from the first day; ``kind`` is custodian or worker."""

    name: str
    recipient: str
    kind: str


def found(*, id_: str, origin: str, founders: Sequence[Founder], event: Event) -> None:
    """Write the rows of a new haven; ``event`` is told with the founders as a fact.

    Raises UsageMistake when the database holds one already.
    """
    with transaction.atomic():
        if Haven.objects.exists():
            message = "this database holds a haven already"
            raise UsageMistake(message, fix="name another database, or use the haven that is there")
        Haven.objects.create(id=id_, origin=origin, created_at=event.when)
        Custodian.objects.bulk_create(
            Custodian(name=one.name, recipient=one.recipient, kind=one.kind, added_at=event.when) for one in founders
        )
        told = founders_fact((one.name, one.recipient, one.kind) for one in founders)
        append([evolve(event, facts={**event.facts, FOUNDERS: told})])


def owner() -> str | None:
    """Give the id of the haven that this database belongs to, or None when it belongs to none."""
    row = Haven.objects.first()
    return None if row is None else str(row.id)
