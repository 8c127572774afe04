"""A release handed over: complete or absent, never replaced, and known to the books before its first byte."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.engines.destinations.passages import Stages

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.engines.destinations import mark
from fivesafes.engines.destinations.delivery import DeliveryDestination
from fivesafes.flow.ports import Left

WITHDRAWN = "a participant has withdrawn meanwhile"


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """Make a small candidate."""
    folder = tmp_path / "candidate"
    (folder / "sub-a").mkdir(parents=True)
    (folder / "sub-a" / "image.nii.gz").write_bytes(b"voxels")
    return folder


@pytest.fixture
def to(tmp_path: Path) -> Path:
    """Say where the release goes."""
    (tmp_path / "outside").mkdir()
    return tmp_path / "outside" / "there"


def deliver(candidate: Path, to: Path, passage: Stages) -> None:
    """Hand it over."""
    DeliveryDestination().release(candidate, to=to, aside=to.parent / "aside", passage=passage)


def names(folder: Path) -> list[str]:
    """List a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_release_appears_whole_between_leaving_and_having_arrived(candidate: Path, to: Path) -> None:
    """Nothing is outside but an empty mark when the books are told of it; its part is whole when it is judged last."""
    stages = Stages(look=lambda: (to.exists(), (to.parent / stages.part / "sub-a" / "image.nii.gz").exists()))
    deliver(candidate, to, stages)
    assert stages.seen == [
        ("begin", (False, False)),
        ("leave", (False, True)),
        ("arrived", (True, False)),
    ]
    assert names(to.parent) == ["there"]
    assert (to / "sub-a" / "image.nii.gz").read_bytes() == b"voxels"
    assert candidate.exists()


def test_no_two_deliveries_fill_the_same_part(candidate: Path, to: Path) -> None:
    """Its name is drawn anew each time."""
    parts = set()
    for number in range(3):
        stages = Stages()
        deliver(candidate, to.with_name(f"there{number}"), stages)
        parts.add(stages.part.removeprefix(f".there{number}"))
    assert len(parts) == 3


def test_what_stands_at_the_destination_is_never_replaced(candidate: Path, to: Path) -> None:
    """Somebody may be reading it: refused, nothing begun, nothing changed."""
    to.mkdir()
    (to / "mine").write_text("mine")
    stages = Stages()
    with pytest.raises(UsageMistake, match="never replaced"):
        deliver(candidate, to, stages)
    assert not stages.seen
    assert names(to.parent) == ["there"]
    assert names(to) == ["mine"]


def test_a_folder_that_is_made_meanwhile_is_not_replaced_either(candidate: Path, to: Path) -> None:
    """Even an empty one: it is somebody's."""
    stages = Stages(at={"leave": to.mkdir})
    with pytest.raises(UsageMistake, match="never replaced"):
        deliver(candidate, to, stages)
    assert names(to) == []


@pytest.mark.parametrize("stage", ["begin", "leave"])
def test_what_the_books_refuse_does_not_leave(candidate: Path, to: Path, stage: str) -> None:
    """A participant who withdrew meanwhile: nothing is left beside the destination either, and the books know."""

    def refused() -> None:
        raise TryAgain(WITHDRAWN, fix="run it again")

    stages = Stages(at={stage: refused})
    with pytest.raises(TryAgain, match=WITHDRAWN):
        deliver(candidate, to, stages)
    assert stages.seen[-1][0] == "stopped"
    assert names(to.parent) == []


def test_a_disk_that_refuses_leaves_nothing(candidate: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that can't be made durable is no release: told, removed, and never out."""

    def full(_folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fivesafes.engines.destinations.delivery.durable", full)
    stages = Stages()
    with pytest.raises(TryAgain, match="No space"):
        deliver(candidate, to, stages)
    assert [name for name, _ in stages.seen] == ["begin", "stopped"]
    assert names(to.parent) == []


def test_what_stands_is_not_told_as_stopped(candidate: Path, to: Path) -> None:
    """Interrupted between the renaming and the books: it is out, so nobody may say that it is not."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    stages = Stages(at={"arrived": interrupted})
    with pytest.raises(KeyboardInterrupt):
        deliver(candidate, to, stages)
    assert [name for name, _ in stages.seen] == ["begin", "leave", "arrived"]
    assert to.exists()


def test_a_delivered_release_is_left_where_it_is(tmp_path: Path) -> None:
    """It is recalled by a notice."""
    assert not DeliveryDestination().withdraw(tmp_path, into=tmp_path / "aside")
    assert tmp_path.exists()


@contextmanager
def killed(candidate: Path, to: Path, *, after: str) -> Iterator[str]:
    """Leave what a delivery leaves that is killed just after a stage; give the name of its part."""
    part = f".{to.name}.0123456789abcdef.part"
    with mark.marked(to) as held:
        held.write(part)
    if after == "copied":
        (to.parent / part / "sub-a").mkdir(parents=True)
        (to.parent / part / "sub-a" / "half").write_bytes(b"vox")
    elif after == "renamed":
        candidate.rename(to)
    yield part


@pytest.mark.parametrize(
    ("after", "left"), [("begun", Left.NOTHING), ("copied", Left.SWEPT), ("renamed", Left.NOTHING)]
)
def test_what_a_killed_delivery_left_is_removed(candidate: Path, to: Path, after: str, left: Left) -> None:
    """The books are told while the mark is held, and when it goes nothing is left; what stands is not touched."""
    told: list[Left] = []
    with killed(candidate, to, after=after) as part:
        assert DeliveryDestination().settle(to, part, settled=told.append) is left
    assert told == [left]
    assert names(to.parent) == (["there"] if after == "renamed" else [])


def test_it_settles_again_when_it_was_killed_before_the_books_knew(candidate: Path, to: Path) -> None:
    """The part is gone, the mark is not: what is left still says that nothing is there."""

    def dies(_left: Left) -> None:
        raise KeyboardInterrupt

    told: list[Left] = []
    with killed(candidate, to, after="copied") as part:
        with pytest.raises(KeyboardInterrupt):
            DeliveryDestination().settle(to, part, settled=dies)
        assert DeliveryDestination().settle(to, part, settled=told.append) is Left.NOTHING
    assert told == [Left.NOTHING]


@pytest.mark.parametrize("gone", ["folder", "mark"])
def test_what_cannot_be_seen_is_not_taken_for_gone(candidate: Path, to: Path, gone: str) -> None:
    """The disk is away, or another one is there."""
    with killed(candidate, to, after="begun") as part:
        if gone == "folder":
            to.parent.rename(to.parent.with_name("away"))
        else:
            next(to.parent.iterdir()).unlink()
        assert DeliveryDestination().settle(to, part, settled=never) is Left.AWAY


def never(_left: Left) -> None:
    """Fail: nobody may say that nothing is left."""
    raise AssertionError


def test_a_part_that_cannot_be_removed_is_not_told_as_gone(
    candidate: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that somebody holds, a disk that is read-only: it stays in the books."""
    with killed(candidate, to, after="copied") as part:
        monkeypatch.setattr("fivesafes.engines.destinations.delivery.removed", lambda _folder: False)
        assert DeliveryDestination().settle(to, part, settled=never) is Left.AWAY


def test_who_delivers_keeps_others_out_until_it_ends(candidate: Path, to: Path) -> None:
    """A second release to the same place is refused, and nobody sweeps the first as if it were dead."""
    said: list[str] = []

    def meanwhile() -> None:
        with pytest.raises(TryAgain, match="being written to this destination"):
            deliver(candidate, to, Stages())
        assert DeliveryDestination().settle(to, stages.part, settled=never) is Left.WRITING
        said.append("refused")

    stages = Stages(at={"leave": meanwhile})
    deliver(candidate, to, stages)
    assert said == ["refused"]
    assert names(to.parent) == ["there"]


def test_a_killed_process_keeps_nobody_out(candidate: Path, to: Path) -> None:
    """Its mark stays, its lock does not."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        with mark.marked(to):
            os.write(writer, b"x")
            os.kill(os.getpid(), 9)
    os.read(reader, 1)
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)
    assert names(to.parent) == [".there.lock"]
    deliver(candidate, to, Stages())
    assert names(to.parent) == ["there"]


def test_a_mark_that_was_removed_before_it_was_held_keeps_nobody_out(to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else two would hold two files of one name."""
    real: Callable[[int], None] = mark._lock
    removed: list[bool] = []

    def slowly(descriptor: int) -> None:
        if not removed:
            removed.append(True)
            next(to.parent.iterdir()).unlink()
        real(descriptor)

    monkeypatch.setattr(mark, "_lock", slowly)
    with mark.marked(to) as held:
        held.write("part")
        assert (to.parent / ".there.lock").read_text() == "part"


def test_where_no_locks_are_kept_nothing_is_delivered(
    candidate: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could tell a delivery that goes on from one that was killed."""

    def none(_descriptor: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    stages = Stages()
    with pytest.raises(UsageMistake, match="keeps no locks"):
        deliver(candidate, to, stages)
    assert not stages.seen
