"""Whoever opens what is sealed is told of first: names by count, series by their keyed ids."""

from collections.abc import Iterator, Sequence

import pytest
from tests.wiring.conftest import Place

from fivesafes.core.errors import Refused, TryAgain
from fivesafes.core.event import Event
from fivesafes.core.progress import Silent
from fivesafes.engines.keepers.client import KeeperClient
from fivesafes.flow.haven import source
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.process import Way, process_project, work_on_project
from fivesafes.wiring.projects import ingest_paths


def unsealings(haven: OpenHaven) -> list[Event]:
    """Give what was told of opening."""
    told: list[Event] = []
    while (event := haven.books.told(len(told))) is not None:
        told.append(event)
    return [event for event in told if event.verb == "unseal"]


def test_a_run_tells_of_names_and_series_before_it_opens_them(place: Place) -> None:
    """How many names, and which series; a participant's name or number is nowhere in it."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
        (series,) = haven.books.series("journey")
        process_project(haven, "journey", Way(workers=1), to=None, progress=Silent())
        names, originals = unsealings(haven)
        assert (names.object, names.outcome, names.facts) == ("names of journey", "begun", {"participants": 1})
        assert (originals.object, originals.outcome) == ("series of journey", "begun")
        assert originals.facts == {"number": 1, "series": series.id}
        assert {one.actor for one in (names, originals)} == {"fivesafes process"}
        assert scans.participant_id not in repr((names, originals))


def test_the_event_is_durable_before_anything_opens(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at the first opening, the trail knows already what was about to be opened."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())

        def falls(_client: KeeperClient, *_asked: object) -> Iterator[bytes]:
            seen.append([one.object for one in unsealings(haven)])
            message = "the keeper has ended"
            raise TryAgain(message, fix="again")

        seen: list[Sequence[str]] = []
        with monkeypatch.context() as patch:
            patch.setattr(KeeperClient, "name_of", falls)
            with pytest.raises(TryAgain):
                process_project(haven, "journey", Way(workers=1), to=None, progress=Silent())
        assert seen == [["names of journey"]]
        with monkeypatch.context() as patch:
            patch.setattr(KeeperClient, "contents", falls)
            with pytest.raises(TryAgain):
                process_project(haven, "journey", Way(workers=1), to=None, progress=Silent())
        assert seen[1] == ["names of journey"] * 2 + ["series of journey"]


def test_nothing_is_told_where_nothing_is_opened(place: Place) -> None:
    """No consent: no name is opened, no series; and likewise in an empty project."""
    scans = place.scans()
    place.register()
    with place.open() as haven:
        with pytest.raises(Refused, match="taken in"):
            process_project(haven, "journey", Way(workers=1), to=None, progress=Silent())
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
        process_project(haven, "journey", Way(workers=1), to=None, progress=Silent())
        assert unsealings(haven) == []


def test_many_series_are_told_in_batches(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand series are no ten thousand events, and each stands in exactly one."""
    monkeypatch.setattr(source, "TOLD_TOGETHER", 2)
    people = [place.scans(seed=seed) for seed in (1, 2, 3)]
    place.register(*(one.participant_id for one in people))
    with place.open() as haven:
        for one in people:
            ingest_paths(haven, "journey", [one.folder], workers=1, progress=Silent())
        work_on_project(haven, "journey", Way(workers=1), progress=Silent())
        _, *batches = unsealings(haven)
        assert [one.facts["number"] for one in batches] == [2, 1]
        told = [id_ for one in batches for id_ in str(one.facts["series"]).split()]
        assert sorted(told) == sorted(one.id for one in haven.books.series("journey"))
