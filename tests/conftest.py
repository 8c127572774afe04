"""What all tests share: in CI a test that was skipped has failed, because there everything it needs is installed."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:  # at run time only tests that need a database pay for importing one
    from tests.databases import Cluster, HavenDatabase

settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("ci")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001 - the hook has it
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where CI=true says that nothing may be missing."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _private_keys(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep each test's keys in a folder of its own, away from the user's."""
    monkeypatch.setenv("FIVESAFES_KEYS", str(tmp_path_factory.mktemp("keys", numbered=True)))


def real_scans() -> Path | None:
    """Find the real scans that lie beside a developer's checkout; a fresh clone elsewhere has none."""
    places = (parent / "shared" / "data" for parent in Path(__file__).resolve().parents)
    return next((place for place in places if place.is_dir()), None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what tries real scans where there are none: such a test is not one that should run there."""
    if real_scans() is None:
        tried = [item for item in items if item.get_closest_marker("shared_data")]
        config.hook.pytest_deselected(items=tried)
        items[:] = [item for item in items if item not in tried]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the real scans; a test that asks for them bears the mark ``shared_data``."""
    found = real_scans()
    if found is None:
        pytest.skip("no real scans beside this checkout, and the test is not marked shared_data")
    return found


@pytest.fixture(scope="session")
def postgresql() -> "Iterator[Cluster]":
    """Run a private PostgreSQL for this session (one per xdist worker); skip where no server is installed."""
    from tests.databases import running_cluster  # noqa: PLC0415

    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: "Cluster") -> str:
    """Name the private PostgreSQL's migrated database, which others are copied from."""
    from tests.databases import migrated_postgresql as migrated  # noqa: PLC0415

    return migrated(postgresql)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the migrated SQLite file that others are copied from."""
    from tests.databases import migrated_sqlite as migrated  # noqa: PLC0415

    return migrated(tmp_path_factory.mktemp("migrated"))


@pytest.fixture(params=["sqlite", "postgresql"])
def haven_database(request: pytest.FixtureRequest, tmp_path: Path) -> "Iterator[HavenDatabase]":
    """Give a fresh, migrated database of each kind: ``with opened_database(haven_database.config): …``.

    ``haven_database.kind`` is ``sqlite`` or ``postgresql``; ``config`` can be handed to other processes; ``named`` is
    what haven.toml's ``database`` says of it.  A copy of a migrated one: 1 ms on SQLite, 50 ms on PostgreSQL.
    """
    from tests import databases  # noqa: PLC0415

    if request.param == "sqlite":
        yield databases.fresh_sqlite(request.getfixturevalue("migrated_sqlite"), tmp_path)
        return
    cluster = request.getfixturevalue("postgresql")
    with databases.fresh_postgresql(cluster, request.getfixturevalue("migrated_postgresql")) as fresh:
        yield fresh
