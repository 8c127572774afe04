"""Commands of a haven are killed, share it, and meet bad disks and clocks: the short form of benchmarks/faults.py."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.databases import Cluster
from tests.journeys.faults import disturbances, kills, places, promises
from tests.journeys.faults.kills import Ground, Kill
from tests.journeys.faults.places import Manner, Operation, Place, Run, Stages
from tests.journeys.faults.scans import Study, write_scans


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Write the scans once."""
    return write_scans(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def sqlite(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Give the ground on SQLite."""
    folder = tmp_path_factory.mktemp("sqlite")
    return Ground(stages=Stages(folder=folder / "stages", study=study), folder=folder)


@pytest.fixture(scope="module")
def on_postgresql(study: Study, tmp_path_factory: pytest.TempPathFactory, postgresql: Cluster) -> Ground:
    """Give the ground on PostgreSQL."""
    folder = tmp_path_factory.mktemp("postgresql")
    return Ground(stages=Stages(folder=folder / "stages", study=study, cluster=postgresql), folder=folder)


@pytest.fixture
def place(sqlite: Ground, tmp_path: Path) -> Iterator[Place]:
    """Give a haven with three people's scans, to be spoilt."""
    copy = sqlite.stages.at("ingested").copied(tmp_path / "place")
    yield copy
    copy.removed()


def killed(ground: Ground, operation: Operation, *, seed: int) -> list[Kill]:
    """Kill it once."""
    told: list[Kill] = []
    kills.killing(ground, operation, np.random.default_rng(seed), most=1, note=told.append)
    return told


def killed_at(ground: Ground, operation: Operation, event: str, path: str, *, later: int = 0) -> None:
    """Kill it at one moment that is known to be a delicate one, then see that the end is as if nothing were."""
    end = ground.end_of(operation)
    with places.a_copy(ground.stages.at(operation.stage), ground.folder / "delicate") as copy:
        before = promises.witnessed(copy)
        secret = promises.secret_of_victim(copy) if operation.words == places.WITHDRAW.words else None
        run = Run.of(copy, operation, fault={"kill_at": event, "path": path, "later": later})
        assert run.process.wait() == -9
        promises.check_after_kill(copy, run, before, Manner.MAIN)
        kills.finish(copy, operation)
        promises.check(copy, before)
        promises.check_at_end(copy, end)
        if secret is not None:
            promises.check_withdrawn(copy, secret)


@pytest.mark.slow
def test_an_ingest_that_is_killed_loses_nothing_and_ends_well(sqlite: Ground) -> None:
    """By the clock or by the moment, on SQLite."""
    assert len(killed(sqlite, places.INGEST, seed=1)) == 1


def test_an_ingest_that_is_killed_on_postgresql_loses_nothing_and_ends_well(on_postgresql: Ground) -> None:
    """Some originals have their names in the vault, and no row names them."""
    killed_at(on_postgresql, places.INGEST, "os.link", "haven/vault", later=7)


def test_a_rotation_that_is_killed_leaves_every_key_to_the_custodians(sqlite: Ground) -> None:
    """Between two keys some are sealed to the old circle, some to the new one; the command goes on."""
    killed_at(sqlite, places.ROTATE_WORKER, "os.rename", "keyring/participants", later=2)


def test_a_withdrawal_that_is_killed_while_a_key_is_destroyed_comes_to_its_end(sqlite: Ground) -> None:
    """The key is overwritten and lies aside; afterwards neither it nor the participant's name is found."""
    killed_at(sqlite, places.WITHDRAW_SEALED, "os.remove", "keyring/aside")


def test_a_rotation_finishes_a_withdrawal_that_was_killed_first(place: Place) -> None:
    """Of several keys some are gone, one lies aside: none of it is a reason to refuse a rotation."""
    secret = promises.secret_of_victim(place)
    fault = {"kill_at": "os.remove", "path": "keyring/aside", "later": 0}
    assert Run.of(place, places.WITHDRAW_SEALED, fault=fault).process.wait() == -9
    Run.of(place, places.ROTATE_WORKER).ended()
    promises.check_withdrawn(place, secret)


def test_a_withdrawal_that_is_killed_on_postgresql_comes_to_its_end(on_postgresql: Ground) -> None:
    """Neither the name in clear nor a key that opens lies in the server's files."""
    killed_at(on_postgresql, places.WITHDRAW_SEALED, "os.remove", "keyring/aside")


@pytest.mark.slow
@pytest.mark.parametrize(("event", "path"), [("shutil.copyfile", ".part/"), ("os.rename", "out/release")])
def test_a_release_that_is_killed_on_its_way_out_is_in_the_books_and_leaves_once(
    sqlite: Ground, event: str, path: str
) -> None:
    """Half outside, the books name its part and the next run removes it; entered twice, a recall would speak of two."""
    killed_at(sqlite, places.RELEASE, event, path)


@pytest.mark.slow
def test_a_series_that_was_published_and_not_written_down_is_done_again(sqlite: Ground) -> None:
    """Killed between the rename and the deed: what lies there has no steps in the books."""
    with sqlite.stages.at("ingested").opened() as haven:
        last = haven.books.series("faults")[-1].id
    killed_at(sqlite, places.PROCESS, "os.rename", f"/finished/{last}", later=1)


@pytest.mark.slow
def test_a_withdrawal_that_is_killed_while_a_candidate_is_removed_leaves_nothing_of_it(sqlite: Ground) -> None:
    """Half removed, the candidate no longer has the participant's folder, and its table still has their line."""
    killed_at(sqlite, places.WITHDRAW, "shutil.rmtree", "going-", later=6)


@pytest.mark.slow
def test_a_withdrawal_clears_what_a_power_cut_left_in_scratch(sqlite: Ground, tmp_path: Path) -> None:
    """A candidate that was being built holds the participant's images, and nobody works on it any more."""
    copy = sqlite.stages.at("processed").copied(tmp_path / "place")
    secret = promises.secret_of_victim(copy)
    private = copy.haven / "projects" / "faults" / "private"
    shutil.copytree(private / "candidate", private / "scratch-dead" / "candidate")
    Run.of(copy, places.WITHDRAW).ended()
    promises.check_withdrawn(copy, secret)


@pytest.mark.slow
def test_derived_work_that_is_left_is_noticed(sqlite: Ground, tmp_path: Path) -> None:
    """A file that somebody copied within the haven."""
    copy = sqlite.stages.at("processed").copied(tmp_path / "place")
    secret = promises.secret_of_victim(copy)
    assert secret.subject is not None
    Run.of(copy, places.WITHDRAW).ended()
    (copy.haven / "projects" / "faults" / "list.tsv").write_text(f"sub-{secret.subject}\n", encoding="ascii")
    with pytest.raises(promises.Broken, match="derived"):
        promises.check_withdrawn(copy, secret)


@pytest.mark.slow
def test_a_withdrawal_and_the_processing_of_the_same_scans_share_a_haven(sqlite: Ground) -> None:
    """Both end well, and nothing of who withdrew is left."""
    assert disturbances.at_once(sqlite, (places.PROCESS, places.WITHDRAW), np.random.default_rng(4))[1] == 0


@pytest.mark.slow
def test_two_ingests_share_a_haven(sqlite: Ground) -> None:
    """Two folders at once."""
    assert disturbances.at_once(sqlite, (places.INGEST, places.INGEST_SECOND), np.random.default_rng(5)) == (0, 0)


def test_an_ingest_on_a_full_disk_says_so_and_ends_well_later(sqlite: Ground) -> None:
    """No file may grow beyond some kilobytes: the database's log is among them."""
    assert disturbances.no_large_files(sqlite, places.INGEST, 40_000) == 75


def test_a_rotation_whose_writes_are_short_ends_as_ever(sqlite: Ground) -> None:
    """The system may take less than it was given."""
    disturbances.short_writes(sqlite, places.ROTATE_WORKER)


@pytest.mark.slow
def test_a_wrong_clock_is_told_by_the_trail_and_days_are_judged_as_they_are(sqlite: Ground) -> None:
    """A year ahead, then today, then a year ago."""
    disturbances.wrong_clock(sqlite)


def test_a_lost_object_is_noticed(place: Place) -> None:
    """The promises can be broken: an original that was acknowledged is gone."""
    before = promises.witnessed(place)
    next(path for path in (place.haven / "vault").rglob("*") if path.is_file() and path.parent.name != "aside").unlink()
    with pytest.raises(promises.Broken, match="opens with a custodian's key"):
        promises.check(place, before)


def test_a_lost_row_is_noticed(place: Place) -> None:
    """A series that the trail tells of is not in the books."""
    from fivesafes.stores.models import Instance, Series  # noqa: PLC0415 - tables need an open database

    before = promises.witnessed(place)
    with place.opened():
        one = Series.objects.first()
        assert one is not None
        Instance.objects.filter(series=one).delete()
        one.delete()
    with pytest.raises(promises.Broken, match="in the books"):
        promises.check(place, before)


def test_a_changed_trail_is_noticed(place: Place) -> None:
    """The trail is shorter than the checkpoint outside says."""
    before = promises.witnessed(place)
    with place.opened():
        from django.db import connection  # noqa: PLC0415 - as above

        with connection.cursor() as cursor:
            for trigger in ("UPDATE", "DELETE"):
                cursor.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE %s", [f"%{trigger}%"]
                )
                for (name,) in cursor.fetchall():
                    cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute("UPDATE haven_trailentry SET line = replace(line, 'ingest', 'export')")
    with pytest.raises(promises.Broken, match="trail"):
        promises.check(place, before)


@pytest.mark.parametrize("where", ["haven/projects/notes.txt", "tmp/left", "haven/state.sqlite3-wal.old"])
def test_a_name_in_clear_is_noticed(place: Place, where: str) -> None:
    """Wherever it lies: in the haven, or among temporary files."""
    path = place.root / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"...." + place.study.people[0].needles[-1] + b"....")
    with pytest.raises(promises.Broken, match="in clear"):
        promises.check(place, promises.witnessed(place))


def test_a_key_that_came_back_is_noticed(place: Place) -> None:
    """A withdrawn participant's key lies in a copy of the keyring that somebody made."""
    secret = promises.secret_of_victim(place)
    (place.haven / "old-key").write_bytes(b"age-encryption.org/v1 ... " + secret.key[1])
    Run.of(place, places.WITHDRAW_SEALED).ended()
    with pytest.raises(promises.Broken, match="the key"):
        promises.check_withdrawn(place, secret)


def test_what_is_left_over_is_noticed(place: Place, sqlite: Ground) -> None:
    """An end that is not as it would have been, and a scratch that nobody cleared."""
    end = promises.ended(place)
    promises.check_at_end(place, end)
    with pytest.raises(promises.Broken, match="as if nothing had happened"):
        promises.check_at_end(place, {**end, "asides": ["0" * 64]})
    (place.haven / "projects" / "faults" / "private" / "scratch-1").mkdir(parents=True)
    with pytest.raises(promises.Broken, match="scratch"):
        promises.check_at_end(place, end)
    assert sqlite.folder.exists()
