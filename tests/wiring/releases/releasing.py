"""A haven with a candidate of one or two people, and its way out."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.wiring.conftest import Place

from fivesafes.core.progress import Silent
from fivesafes.engines.sources.synthetic import write_study
from fivesafes.flow.haven.model import KeptParticipant, KeptRelease, WithdrawalKind
from fivesafes.flow.haven.withdraw import Withdrawn, withdraw
from fivesafes.flow.release import Conclusion
from fivesafes.wiring.consent import means_of
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.process import Way, process_project
from fivesafes.wiring.projects import ingest_paths

PROJECT = "journey"
WAY = Way(workers=1)


class Killed(BaseException):
    """What kill -9 is to a test: nothing that runs may catch it."""


def processed(place: Place) -> Place:
    """Ingest two people's scans, a head of the first and a time series of each, and take them to a candidate."""
    studies = [place.folder / "study1", place.folder / "study2"]
    scans = [write_study(folder, seed=seed, small=True) for seed, folder in enumerate(studies, start=1)]
    place.register(*(one.participant_id for one in scans))
    paths = [*studies[0].glob("*/02"), *studies[0].glob("*/03"), *studies[1].glob("*/03")]
    with place.open() as haven:
        ingest_paths(haven, PROJECT, paths, workers=1, progress=Silent())
        process_project(haven, PROJECT, WAY, to=None, progress=Silent())
    return place


def with_head(haven: OpenHaven) -> KeptParticipant:
    """Give the participant of whom there is more than a time series."""
    return max(haven.books.participants(PROJECT), key=lambda one: len(haven.books.series_of(one.id)))


def release(haven: OpenHaven, to: Path) -> Conclusion:
    """Let it out."""
    return process_project(haven, PROJECT, WAY, to=to, progress=Silent())


def released_rows(haven: OpenHaven) -> Sequence[KeptRelease]:
    """Give what the books say of releases."""
    return list(haven.books.releases(PROJECT))


def withdrawn(haven: OpenHaven, kind: WithdrawalKind = WithdrawalKind.FULL) -> Withdrawn:
    """Withdraw the participant with the head."""
    return withdraw(means_of(haven, by="test"), with_head(haven).id, kind)


def when(patch: pytest.MonkeyPatch, name: str, happens: Callable[[], object]) -> None:
    """Let something happen just before a function is called for the first time."""
    module, _, attribute = name.rpartition(".")
    owner = _owner(module)
    real = getattr(owner, attribute)
    happened: list[object] = []

    def called(*args: object, **kwargs: object) -> object:
        if not happened:
            happened.append(True)
            happens()
        return real(*args, **kwargs)

    patch.setattr(owner, attribute, called)


def _owner(name: str) -> Any:  # noqa: ANN401 - a module or a class
    try:
        return import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(import_module(module), attribute)
