"""A restore that is killed at any step: run again it finishes or begins anew, and nothing is there by halves."""

import json
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from attrs import evolve
from tests.stores.backup.sites import ANN, BOB, ON_FILES, WATCH, Site, tree

from fivesafes.core.errors import UsageMistake
from fivesafes.flow.haven.model import ParticipantState, WithdrawalKind
from fivesafes.stores import trail
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import current_database
from fivesafes.stores.haven_file import read_haven_file

STEPS = (
    "_place_files",
    "_place_objects",
    "_place_database",
    "migrate",
    "_size_of",
    "keep_away",
    "_remove_what_left",
    "place_keys",
    "_sync_all",
    "sync_folder",
)
"""What a restore does, by its functions."""


def stop(*_: object, **__: object) -> None:
    """Be killed."""
    raise KeyboardInterrupt


@pytest.fixture
def two_gone(site: Site) -> Site:
    """Back up, then let one withdraw and one take the face back."""
    site.consent(BOB)
    site.back_up()
    site.withdraw(ANN)
    site.take_back(BOB, WithdrawalKind.NO_FACE)
    site.back_up_keys()
    return site


def check_whole(site: Site, to: str = "again") -> None:
    """See that the haven is there whole, once, with nobody who left."""
    haven = read_haven_file(site.root / to)
    with current_database(haven.database_config()):
        books = DjangoBooks()
        assert {one.id: one.state for one in books.participants("p1")} == {
            ANN: ParticipantState.WITHDRAWING,
            BOB: ParticipantState.ACTIVE,
        }
        assert sorted(one.participant for one in books.withdrawals(open_only=True)) == [ANN, BOB]
        verbs = [json.loads(line)["verb"] for line in trail.entries()]
    assert verbs.count("restore") == 1
    files = tree(haven.path)
    assert [name for name in files if name.endswith(".age") and BOB not in name and "/p1." not in name] == []
    assert not [name for name in files if name.endswith(".new")]
    assert not (haven.projects / "p1" / "release").exists()
    assert sum(name.startswith("vault/") for name in files) == 1


def test_interrupted_before_or_after_each_step_it_is_run_again_to_its_end(
    two_gone: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On each kind of database, always into the same one; the folder is absent or whole."""
    module = "fivesafes.stores.backup.restoration"
    database = two_gone.empty_database()
    for step in STEPS[:-1]:
        for after in (False, True):
            with monkeypatch.context() as patch:
                real: Callable[..., object] = getattr(__import__(module, fromlist=[step]), step)

                def stopped(*args: object, of: Callable[..., object] = real, **kwargs: object) -> None:
                    of(*args, **kwargs)
                    raise KeyboardInterrupt

                patch.setattr(f"{module}.{step}", stopped if after else stop)
                with pytest.raises(KeyboardInterrupt):
                    two_gone.restore(to="again", database=database)
            assert not (two_gone.root / "again").exists()
    done = two_gone.restore(to="again", database=database)
    assert (done.away.withdrawn, done.away.narrowed) == (1, 1)
    check_whole(two_gone)
    with pytest.raises(UsageMistake, match="not empty"):
        two_gone.restore(to="again", database=database)
    if two_gone.cluster is not None:
        with pytest.raises(UsageMistake, match="database to restore to is not empty"):
            two_gone.restore(to="other", database=database)


def test_interrupted_after_its_last_rename_it_is_done_when_it_is_run_again(
    two_gone: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells the same as if nothing had happened, and does nothing twice."""
    database = two_gone.empty_database()
    real = Path.rename

    def renamed(path: Path, to: Path) -> Path:
        real(path, to)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", renamed)
        with pytest.raises(KeyboardInterrupt):
            two_gone.restore(to="again", database=database)
    done = two_gone.restore(to="again", database=database)
    assert (done.away.withdrawn, done.away.narrowed, done.keys_missing) == (1, 1, 0)
    check_whole(two_gone)
    assert not list((two_gone.root / "again").glob(".*"))


def test_a_database_that_was_loaded_with_another_backup_is_not_gone_on_with(
    two_gone: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are not those of the objects that would be put beside them."""
    if two_gone.cluster is None:
        return
    database = two_gone.empty_database()
    with monkeypatch.context() as patch:
        patch.setattr("fivesafes.stores.backup.restoration.keep_away", stop)
        with pytest.raises(KeyboardInterrupt):
            two_gone.restore(to="again", database=database)
    two_gone.back_up()
    with pytest.raises(UsageMistake, match="database to restore to is not empty"):
        two_gone.restore(to="again", database=database)


def test_witnesses_are_asked_about_the_trail_as_it_was_in_the_backup(
    two_gone: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run again, the database may hold entries of the restore itself: no witness has seen those."""
    database = two_gone.empty_database()
    sizes: list[int] = []
    watch = evolve(WATCH, check=lambda _haven, size, _told: sizes.append(size))
    with monkeypatch.context() as patch:
        patch.setattr("fivesafes.stores.backup.restoration.place_keys", stop)
        with pytest.raises(KeyboardInterrupt):
            two_gone.restore(to="again", database=database, watch=watch)
    done = two_gone.restore(to="again", database=database, watch=watch)
    assert sizes == [done.trail] * 2


class _Killing:
    """Ends this process just before its n-th sync, rename, removal or link."""

    names = ("fsync", "replace", "rename", "unlink", "rmdir", "link", "mkdir")

    def __init__(self, at: int) -> None:
        self.left = at

    def wrap(self) -> None:
        """Stand before each of them; in a child process, which is thrown away."""
        for name in self.names:
            setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, real: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **kwargs: object) -> object:
            self.left -= 1
            if self.left == 0:
                os._exit(9)
            return real(*args, **kwargs)

        return counted


def restored_in_a_child(site: Site, *, killed_at: int) -> bool:
    """Restore in a process of its own that dies at some moment, if it gets there; tell whether it came to its end."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            _Killing(killed_at).wrap()
            site.restore(to="again")
            os._exit(0)
        os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, 9}
    return code == 0


@ON_FILES  # the steps are the same, and another process must not share our connection to a server
def test_killed_at_any_moment_it_is_run_again_to_its_end(two_gone: Site) -> None:
    """Nothing is there before the one rename, all of it afterwards; an abandoned copy of a key is overwritten."""
    moment, ended = secrets.randbelow(3) + 1, False
    while not ended:
        again = two_gone.root / "again"
        ended = restored_in_a_child(two_gone, killed_at=moment)
        if again.exists() or ended:
            two_gone_done(two_gone)
            shutil.rmtree(again)
        moment += 3
        assert moment < 3000, "a restore takes a few hundred such steps"
    assert moment > 60


def two_gone_done(site: Site) -> None:
    """Run a restore again that may have come to its end already."""
    with suppress(UsageMistake):  # it has
        site.restore(to="again")
    check_whole(site)
