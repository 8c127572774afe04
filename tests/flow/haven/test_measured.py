"""What was measured on somebody goes with them: no row of any table and no byte of the database has it afterwards."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from django.apps import apps
from django.db import connection

from fivesafes.core.verdict import refuse
from fivesafes.flow.haven.model import JobState, KeptAside, KeptParticipant, KeptStep, WithdrawalKind
from fivesafes.flow.haven.retention import Force, dispose
from fivesafes.flow.haven.withdraw import resume_withdrawals, withdraw

if TYPE_CHECKING:
    from tests.flow.haven.conftest import World

PROJECT = "memory-2026"
CUSTODIANS = frozenset({"custodian 1", "custodian 2"})
FORCE = Force(reason="the committee asks for it", custodians=("custodian 1", "custodian 2"))
SERIES = 40
"""Series of each participant: enough that pages of the database fill, split and are freed."""
KEPT = {"haven_trailentry", "haven_trailhead", "haven_checkpoint"}
"""What stays of somebody by design; it holds keyed ids and digests, and nothing measured."""
PLANTED = 3214.944
SECONDS = 41.0625
SIZE = 98_765_431
MASK = "6d61736b" * 8
REASON = "voxels left: 7373"


def measured(world: "World", person: KeptParticipant, mark: str) -> list[str]:
    """Seal series of a participant, work on them, and leave all that work leaves in the books; give their ids."""
    ids = [f"{mark}5e1e5{number:03}" for number in range(SERIES)]
    for number, series in enumerate(ids):
        world.seal(person, series, [f"slice of {series}".encode()])
        step = KeptStep(
            series=series,
            name="deface",
            status="done",
            input_digest="1" * 64,
            output_digest="2" * 64,
            engines={"embedded": f"{mark}-engine"},
            seconds=SECONDS,
            done_at=world.watch(),
            evidence={
                "face": {
                    "digest": MASK,
                    "scales": [0.97, 1.024, 1.04],
                    "mask_ml": PLANTED,
                    "about": f"{mark}-measured-{number}",
                },
                "residue": {"mutual_information": [f"{mark}-measured-{number}" for _ in range(200)]},
            },
        )
        found = refuse("data.face.left", why=f"{mark}-measured: {REASON}", fix="look", source="test", about=series)
        with world.books.deed():
            world.books.save_steps([step])
            world.books.save_findings(PROJECT, {"data": found}, series=series, at=world.watch())
        (job,) = world.haven.jobs.claim("worker", at=world.watch(), lease=_lease(), project=PROJECT)
        world.haven.jobs.begin(job.id, "worker", at=world.watch())
        state = JobState.DONE if number % 2 else JobState.FAILED
        world.haven.jobs.finish(job.id, "worker", state, at=world.watch(), why=f"{mark}-measured: {REASON}")
    with world.books.deed():
        world.books.add_aside(_aside(world, person, mark, kind) for kind in ("looked at", "removed"))
        world.books.discard_asides(PROJECT, [_aside(world, person, mark, "removed").address], at=world.watch())
        found = refuse("output.linkage", why=f"{mark}-measured: alone of 24", fix="look", source="test", about=mark)
        world.books.save_findings(PROJECT, {"output": found}, series=None, at=world.watch())
    return ids


def _lease() -> object:
    from fivesafes.flow.haven.work import LEASE  # noqa: PLC0415 - nobody else needs it

    return LEASE


def _aside(world: "World", person: KeptParticipant, mark: str, kind: str) -> KeptAside:
    return KeptAside(
        project=PROJECT,
        participant=person.id,
        address=f"{mark}{kind}".encode().ljust(32, b".")[:32],
        bytes=SIZE,
        status="ignored",
        code="data.file.kind",
        why=f"{mark}-measured: a file of {SIZE} bytes",
        received_at=world.watch(),
    )


def rows() -> Iterator[tuple[str, str]]:
    """Give every row of every table, as text, with the table's name."""
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names()):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - the database's own names
            for row in cursor.fetchall():
                yield (
                    table,
                    "|".join(bytes(one).hex() if isinstance(one, bytes | memoryview) else str(one) for one in row),
                )


def tables_with(needle: str) -> set[str]:
    """Name the tables that hold a text."""
    return {table for table, row in rows() if needle in row}


@pytest.fixture
def two(either_world: "World") -> "tuple[World, KeptParticipant, list[str], list[str]]":
    """Give a haven with two people who were measured: Jane, who will go, and Richard, who stays."""
    world = either_world
    jane, richard = world.admit("DOE^JANE", subject="aaaaaaaa"), world.admit("ROE^RICHARD", subject="bbbbbbbb")
    hers = measured(world, jane, "jane")
    his = measured(world, richard, "rick")
    world.release("release1", [jane, richard], "Dr B. Researcher")
    assert tables_with("jane-measured") >= {"haven_evidence", "haven_finding", "haven_job", "haven_quarantined"}
    return world, jane, hers, his


def test_after_a_full_withdrawal_no_row_and_no_byte_has_what_was_measured(
    two: "tuple[World, KeptParticipant, list[str], list[str]]",
) -> None:
    """Steps, evidence, findings, jobs and sizes are gone, freed pages and the log too; another's stay."""
    world, jane, hers, his = two
    assert withdraw(world.means, jane.id, WithdrawalKind.FULL).done
    _forget(world)
    assert tables_with("jane-measured") == set()
    assert tables_with("jane-engine") == set()
    for series in hers:
        assert world.books.steps(series) == []
        assert world.books.findings(PROJECT, series=series) == {}
        assert tables_with(series) <= {"haven_series"} | KEPT
        row = world.books.one_series(series)
        assert (row.files, row.bytes) == (0, 0)
    assert all(len(world.books.steps(series)) == 1 for series in his)
    assert {one.object for one in world.haven.jobs.jobs()} == set(his)
    assert world.holds(b"jane-measured") == []
    assert world.holds(b"jane-engine") == []


def test_what_the_trail_tells_and_what_a_release_holds_stays(
    two: "tuple[World, KeptParticipant, list[str], list[str]]",
) -> None:
    """The receipt counts as ever, the release says whom it held, and the trail tells that the rest was removed."""
    world, jane, hers, _ = two
    receipt = withdraw(world.means, jane.id, WithdrawalKind.FULL).withdrawal.receipt
    assert receipt is not None
    gone = receipt["destroyed"]
    assert (gone["series"], gone["files"], gone["files_set_aside"]) == (SERIES, SERIES, 1)  # type: ignore[index]
    assert len(gone["series_digests"]) == len(hers)  # type: ignore[index]
    assert "what was measured" in str(receipt["verified"])
    assert jane.id in world.books.releases(PROJECT)[0].participants
    assert world.events().count(("withdraw", "measurements removed")) == 1


def test_no_receipt_while_the_log_may_hold_what_was_measured(
    two: "tuple[World, KeptParticipant, list[str], list[str]]",
) -> None:
    """When the traces are cleared, before the receipt, the evidence is out of tables and files already."""
    world, jane, _, _ = two
    seen: list[set[str]] = []

    def looked() -> None:
        world.means.traces()
        seen.append(tables_with("jane-engine") | set(world.holds(b"jane-engine")))

    assert withdraw(evolve(world.means, traces=looked), jane.id, WithdrawalKind.FULL).done
    assert seen == [set()]


def test_what_a_restore_brought_back_goes_when_the_withdrawal_is_carried_on(
    two: "tuple[World, KeptParticipant, list[str], list[str]]",
) -> None:
    """Killed between name and receipt, with rows that came back meanwhile: the second run removes them."""
    world, jane, _, _ = two
    with suppress(world.blade.death):
        world.blade.set(9)
        withdraw(world.means, jane.id, WithdrawalKind.FULL)
    world.blade.set(None)
    assert [one.done for one in resume_withdrawals(world.means)] == [True]
    assert tables_with("jane-measured") == set()


@pytest.mark.parametrize("kind", [WithdrawalKind.NO_FACE, WithdrawalKind.NO_FUTURE_USE])
def test_a_part_taken_back_takes_what_was_measured_on_the_work_that_goes(
    two: "tuple[World, KeptParticipant, list[str], list[str]]", kind: WithdrawalKind
) -> None:
    """Work is made anew, and measured anew; until then the books have no evidence of what is gone."""
    world, jane, hers, his = two
    assert withdraw(world.means, jane.id, kind).done
    assert not any(world.books.steps(series) for series in hers)
    assert all(world.books.steps(series) for series in his)
    assert not tables_with("jane-measured") & {"haven_evidence", "haven_finding"}
    assert world.books.one_series(hers[0]).files == 1  # the originals are there


def test_a_part_that_removes_no_work_removes_no_evidence(
    two: "tuple[World, KeptParticipant, list[str], list[str]]",
) -> None:
    """No public sharing, in a project that is not public: nothing is made anew."""
    world, jane, hers, _ = two
    assert withdraw(world.means, jane.id, WithdrawalKind.NO_PUBLIC).done
    assert all(world.books.steps(series) for series in hers)


def test_after_a_disposal_no_row_and_no_byte_has_what_was_measured_on_anybody(
    two: "tuple[World, KeptParticipant, list[str], list[str]]",
) -> None:
    """Evidence, findings, jobs, sizes and files set aside are gone; certificate, trail and releases stay."""
    world, _, hers, his = two
    certificate = dispose(world.means, PROJECT, custodians=CUSTODIANS, force=FORCE).certificate
    assert certificate is not None
    assert (certificate.data["series"], certificate.data["files"]) == (2 * SERIES, 2 * SERIES + 2)
    _forget(world)
    for mark in ("jane", "rick"):
        assert tables_with(f"{mark}-measured") == set()
        assert tables_with(f"{mark}-engine") == set()
        assert world.holds(f"{mark}-measured".encode()) == []
    assert world.haven.jobs.jobs(PROJECT) == []
    assert {(one.files, one.bytes) for one in world.books.series(PROJECT)} == {(0, 0)}
    assert not [one for series in (*hers, *his) for one in world.books.steps(series)]
    assert len(world.books.releases(PROJECT)[0].participants) == 2


def _forget(world: "World") -> None:
    """Clear what the last deed left in the log, as the commands do at their end."""
    world.means.traces()
    left: Sequence[Path] = [one for one in Path(world.haven.path).glob("state.sqlite3-wal") if one.stat().st_size]
    assert not left


def test_every_table_that_names_a_series_is_known_here() -> None:
    """A new table that says something of a series must say what becomes of it when its participant goes."""
    naming = {
        model.__name__
        for model in apps.get_app_config("haven").get_models()
        for field in model._meta.get_fields()
        if field.many_to_one and field.related_model is not None and field.related_model.__name__ == "Series"
    }
    assert naming == {"Instance", "Step", "Finding"}
