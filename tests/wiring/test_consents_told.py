"""A consent that somebody wrote into the database is none: nothing is made of those scans, and verify says whose."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.wiring.conftest import Place

from fivesafes.core.progress import Silent
from fivesafes.flow.haven.consents_told import consents_not_as_told
from fivesafes.flow.haven.model import WithdrawalKind
from fivesafes.flow.haven.withdraw import begin_withdrawal
from fivesafes.wiring.consent import means_of
from fivesafes.wiring.custodians import verify
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.process import Way, process_project
from fivesafes.wiring.projects import ingest_paths


def rows() -> Any:  # noqa: ANN401 - Django's
    """Give the consents as somebody with the database has them."""
    from fivesafes.stores.models import Consent  # noqa: PLC0415 - needs an open haven

    return Consent.objects.order_by("id")


def longer() -> None:
    """Let a consent hold for longer than was signed."""
    row = rows().last()
    row.details = {**row.details, "valid_until": "2036-01-01"}
    row.save()


def revived() -> None:
    """Remove the row that took something back, so that the one before it counts."""
    rows().last().delete()


def worked_on(haven: OpenHaven) -> list[str]:
    """Process the project; name the series that are made something of."""
    done = process_project(haven, "journey", Way(workers=1), to=None, progress=Silent())
    return [one["id"] for one in done.contract["series"] if one["status"] != "refused"]


@pytest.mark.parametrize("alter", [longer, revived])
def test_a_consent_that_was_changed_in_the_database_is_none(place: Place, alter: Callable[[], None]) -> None:
    """The person is refused with that reason; recorded anew as it should be, it is believed again."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
        (person,) = haven.books.participants("journey")
        if alter is revived:
            begin_withdrawal(means_of(haven, by="a test"), person.id, WithdrawalKind.NO_FUTURE_USE)
        assert consents_not_as_told(haven.books, "journey") == frozenset()
        alter()
        assert consents_not_as_told(haven.books, "journey") == {person.id}
        seen = verify(haven, identity=None, sample=0, progress=Silent())
        assert seen.consents_not_as_told == (person.id,)
        assert "setting.vault.consent-not-as-told" in {one.code for one in seen.verdict().findings}
        assert worked_on(haven) == []


def test_a_consent_without_its_event_is_none(place: Place) -> None:
    """Somebody without consent is given one in the database."""
    scans = place.scans()
    place.register()
    with place.open() as haven:
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
        (person,) = haven.books.participants("journey")
        place.clock.now += timedelta(days=1)
    place.register("somebody-else")
    with place.open() as haven:
        assert consents_not_as_told(haven.books, "journey") == frozenset()
        row = rows().first()
        row.pk, row.participant_id = None, person.id
        row.save()
        assert consents_not_as_told(haven.books, "journey") == {person.id}
        assert worked_on(haven) == []
