"""Measures the books on SQLite and on PostgreSQL: rows per second, size of the database, jobs per second.

Usage: python benchmarks/books.py [SERIES [INSTANCES]]        (10000 and 50 unless given)

Both databases wait for the disk at each commit (SQLite synchronous=FULL, PostgreSQL fsync=on), on the disk of the
temporary folder.  Deeds tell of 64 series each, as ingest's do, with one event a series.  Quote the ratios, and what
grows with the number of rows: seconds depend on the machine and the moment.
"""

import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from django.db import connection  # noqa: E402 - the tests' databases lie beside this folder
from tests.databases import running_cluster  # noqa: E402 - as above
from tests.stores.conftest import make_person, make_project  # noqa: E402 - as above

from fivesafes.core.event import Event  # noqa: E402 - as above
from fivesafes.flow.haven.model import JobState, KeptInstance, KeptSeries, SeriesState  # noqa: E402 - as above
from fivesafes.stores.books import DjangoBooks  # noqa: E402 - as above
from fivesafes.stores.database import (  # noqa: E402 - as above
    judge_database,
    migrate,
    opened_database,
    sqlite_config,
    vendor,
)
from fivesafes.stores.jobs import DjangoJobs  # noqa: E402 - as above

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DEED = 64
PEOPLE = 100
JOBS = 300
ROUNDS = 5
LEASE = timedelta(minutes=5)


def size() -> int:
    """Tell how many bytes the open database takes."""
    asked = (
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        if vendor() == "sqlite"
        else "SELECT pg_database_size(current_database())"
    )
    with connection.cursor() as cursor:
        cursor.execute(asked)
        return int(cursor.fetchone()[0])


def timed(work: Callable[[], object]) -> float:
    """Time one piece of work in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def series(number: int, instances: int, told: int) -> tuple[KeptSeries, list[KeptInstance]]:
    """Make up one series."""
    row = KeptSeries(
        id=f"{number:016x}",
        project="p1",
        participant=f"n{number % PEOPLE}",
        state=SeriesState.SEALED,
        digest=secrets.token_hex(32),
        sheet=secrets.token_bytes(32),
        files=instances,
        bytes=instances * 200_000,
        received_at=NOW,
        trail_n=told,
    )
    addresses = [secrets.token_bytes(48) for _ in range(instances)]
    return row, [KeptInstance(address=one[:32], uid=one[32:], bytes=200_000) for one in addresses]


def fill(books: DjangoBooks, first: int, last: int, instances: int) -> None:
    """Add series in deeds, each with its event."""
    for start in range(first, last, DEED):
        with books.deed():
            for number in range(start, min(start + DEED, last)):
                event = Event(
                    when=NOW, actor="benchmark", verb="ingest", object=f"{number}", outcome="ok", policy_digest="d"
                )
                books.add_series(*series(number, instances, books.tell(event)))


def measure_rows(name: str, total: int, instances: int) -> dict[str, float]:
    """Fill the books and read them; tell how cost and size grow."""
    books = DjangoBooks()
    with books.deed():
        books.save_project(make_project(), at=NOW)
        books.add_participants([make_person(f"n{n}") for n in range(PEOPLE)], at=NOW)
    empty, done, spent = size(), 0, 0.0
    for part in (total // 10, total // 2, total):
        seconds = timed(lambda done=done, part=part: fill(books, done, part, instances))  # type: ignore[misc]
        spent += seconds
        rows = (part - done) * (instances + 2)
        taken = size() - empty
        print(
            f"{name:10} {part:7} series: {rows / seconds:9.0f} rows/s, {taken / 1e6:7.1f} MB, "
            f"{taken / part / instances:5.0f} bytes per instance"
        )
        done = part
    reads = {
        "all series": lambda: books.series("p1"),
        "one series' instances": lambda: books.instances(f"{total // 2:016x}"),
        "all addresses": lambda: sum(1 for _ in books.addresses()),
        "check for damage": judge_database,
    }
    for what, read in reads.items():
        print(f"{name:10} {what}: {timed(read):.3f} s")
    return {"rows": total * (instances + 2) / spent, "bytes": (size() - empty) / total / instances}


def measure_jobs(batch: int) -> float:
    """Claim and end jobs, each end in a transaction of its own; give jobs per second."""
    jobs = DjangoJobs()
    kind = secrets.token_hex(4)
    jobs.add("p1", kind, {f"{n}": "1" for n in range(JOBS)}, at=NOW)

    def work() -> None:
        while taken := jobs.claim("w", at=NOW, lease=LEASE, limit=batch):
            for job in taken:
                jobs.finish(job.id, "w", JobState.DONE, at=NOW)

    return JOBS / timed(work)


def main() -> None:
    """Measure one after the other, and the jobs in turns."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    instances = int(sys.argv[2]) if len(sys.argv) > 2 else 50  # noqa: PLR2004 - the second word
    with tempfile.TemporaryDirectory() as folder, running_cluster(settings=()) as cluster:
        cluster.do("CREATE DATABASE benchmark")
        configs: dict[str, dict[str, Any]] = {
            "SQLite": sqlite_config(Path(folder) / "state.sqlite3"),
            "PostgreSQL": cluster.config("benchmark"),
        }
        rows = {}
        for name, config in configs.items():
            with opened_database(config):
                print(f"{name:10} new tables: {timed(migrate):.2f} s")
                rows[name] = measure_rows(name, total, instances)
        ratio = rows["PostgreSQL"]["bytes"] / rows["SQLite"]["bytes"]
        print(
            f"PostgreSQL : SQLite   {rows['PostgreSQL']['rows'] / rows['SQLite']['rows']:.2f} rows/s, {ratio:.2f} size"
        )
        for batch in (1, 4):
            speeds: dict[str, list[float]] = {name: [] for name in configs}
            for _ in range(ROUNDS):
                for name, config in configs.items():
                    with opened_database(config):
                        speeds[name].append(measure_jobs(batch))
            for name, found in speeds.items():
                print(f"{name:10} {sorted(found)[ROUNDS // 2]:6.0f} jobs/s, {batch} at a time (median of {ROUNDS})")
            pairs = sorted(one / other for one, other in zip(*reversed(speeds.values()), strict=True))
            print(f"PostgreSQL : SQLite   {pairs[ROUNDS // 2]:.2f} jobs/s ({pairs[0]:.2f} to {pairs[-1]:.2f})")


if __name__ == "__main__":
    main()
