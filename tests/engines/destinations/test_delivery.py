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
from fivesafes.engines.destinations.names import mark_of
from fivesafes.flow.ports import Found, Left

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
        parts.add(stages.part)
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
    assert names(to.parent) == ["there"]
    assert stages.seen[-1][0] == "stopped"


def test_the_mark_says_that_it_leaves_before_the_renaming_and_not_while_it_is_judged(
    candidate: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From then on nobody can know from outside whether it left; a renaming that fails is taken back."""
    said: list[str] = []
    real = Path.rename

    def looked(_path: Path, _to: Path) -> Path:
        said.append(mark_of(to).read_text())
        raise OSError(errno.EIO, "Input/output error")

    stages = Stages(at={"leave": lambda: said.append(mark_of(to).read_text())})
    monkeypatch.setattr(Path, "rename", looked)
    with pytest.raises(TryAgain, match="Input/output"):
        deliver(candidate, to, stages)
    assert said == [f"{stages.part}\n", f"{stages.part}\nleaving\n"]
    assert stages.seen[-1][0] == "stopped"
    assert names(to.parent) == []
    monkeypatch.setattr(Path, "rename", lambda path, where: (real(path, where), looked(path, where))[1])
    with pytest.raises(TryAgain, match="Input/output"):  # a share whose answer was lost: done, and told as failed
        deliver(candidate, to, again := Stages())
    assert [name for name, _ in again.seen] == ["begin", "leave"]
    assert DeliveryDestination().settle(to, again.part, settled=lambda _left: None).left is Left.GONE


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
    part = ".0123456789abcdef.part"
    with mark.marked(to) as held:
        held.write(part)
        if after in {"leaving", "renamed"}:
            held.leaving()
    if after in {"copied", "leaving"}:
        (to.parent / part / "sub-a").mkdir(parents=True)
        (to.parent / part / "sub-a" / "half").write_bytes(b"vox")
    elif after == "renamed":
        candidate.rename(to)
    yield part


@pytest.mark.parametrize(
    ("after", "left"),
    [("begun", Left.NOTHING), ("copied", Left.SWEPT), ("leaving", Left.SWEPT), ("renamed", Left.GONE)],
)
def test_what_a_killed_delivery_left_is_removed(candidate: Path, to: Path, after: str, left: Left) -> None:
    """The books are told while the mark is held, and when it goes nothing is left; what stands is not touched."""
    told: list[Left] = []
    with killed(candidate, to, after=after) as part:
        assert DeliveryDestination().settle(to, part, settled=told.append).left is left
    assert told == [left]
    assert names(to.parent) == (["there"] if after == "renamed" else [])


@pytest.mark.parametrize("after", ["copied", "leaving"])
def test_it_settles_again_when_it_was_killed_before_the_books_knew(candidate: Path, to: Path, after: str) -> None:
    """The part is gone, the mark is not: what is left still says that nothing is there."""

    def dies(_left: Left) -> None:
        raise KeyboardInterrupt

    told: list[Left] = []
    with killed(candidate, to, after=after) as part:
        with pytest.raises(KeyboardInterrupt):
            DeliveryDestination().settle(to, part, settled=dies)
        assert DeliveryDestination().settle(to, part, settled=told.append).left is Left.NOTHING
    assert told == [Left.NOTHING]


@pytest.mark.parametrize("gone", ["folder", "mark"])
def test_what_cannot_be_seen_is_not_taken_for_gone(candidate: Path, to: Path, gone: str) -> None:
    """The disk is away, or another one is there."""
    with killed(candidate, to, after="begun") as part:
        if gone == "folder":
            to.parent.rename(to.parent.with_name("away"))
        else:
            next(to.parent.iterdir()).unlink()
        found = DeliveryDestination().settle(to, part, settled=never)
        assert found == Found(left=Left.AWAY, why="neither its part nor its mark is there")


def test_what_was_renamed_and_moved_away_is_gone_and_not_stopped(candidate: Path, to: Path) -> None:
    """Nothing stands there, and yet somebody may have it."""
    told: list[Left] = []
    with killed(candidate, to, after="renamed") as part:
        to.rename(to.parent.with_name("elsewhere"))
        assert DeliveryDestination().settle(to, part, settled=told.append).left is Left.GONE
    assert told == [Left.GONE]
    assert names(to.parent) == []


@pytest.mark.parametrize("fails", ["lies", "removed", "found_mark"])
def test_a_place_that_gives_trouble_is_away_with_the_systems_words(
    candidate: Path, to: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """A dying disk, a share without its server: no command stops for it."""

    def broken(_path: Path) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with killed(candidate, to, after="copied") as part:
        monkeypatch.setattr(f"fivesafes.engines.destinations.delivery.{fails}", broken)
        found = DeliveryDestination().settle(to, part, settled=never)
        assert found == Found(left=Left.AWAY, why="Input/output error")


def test_a_name_that_no_disk_takes_stops_no_command(to: Path) -> None:
    """Books that were written elsewhere may hold one."""
    found = DeliveryDestination().settle(to, f".{to.name * 60}.part", settled=never)
    assert found == Found(left=Left.AWAY, why="File name too long")


def test_a_mark_that_cannot_be_removed_undoes_nothing(
    candidate: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The books have been told; another delivery there takes the mark over."""

    def refuses(_path: Path, **_how: bool) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    stages, told = Stages(), list[Left]()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuses)
        deliver(candidate, to, stages)
        with killed(candidate, to.with_name("other"), after="begun") as part:
            found = DeliveryDestination().settle(to.with_name("other"), part, settled=told.append)
    assert stages.seen[-1][0] == "arrived"
    assert found.left is Left.NOTHING
    assert told == [Left.NOTHING]
    deliver(candidate, to.with_name("other"), Stages())
    assert to.with_name("other").exists()


def never(_left: Left) -> None:
    """Fail: nobody may say that nothing is left."""
    raise AssertionError


def test_a_part_that_cannot_be_removed_is_not_told_as_gone(
    candidate: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that somebody holds, a disk that is read-only: it stays in the books."""
    with killed(candidate, to, after="copied") as part:
        monkeypatch.setattr("fivesafes.engines.destinations.delivery.removed", lambda _folder: False)
        assert DeliveryDestination().settle(to, part, settled=never).left is Left.AWAY


def test_who_delivers_keeps_others_out_until_it_ends(candidate: Path, to: Path) -> None:
    """A second release to the same place is refused, and nobody sweeps the first as if it were dead."""
    said: list[str] = []

    def meanwhile() -> None:
        with pytest.raises(TryAgain, match="being written to this destination"):
            deliver(candidate, to, Stages())
        assert DeliveryDestination().settle(to, stages.part, settled=never).left is Left.WRITING
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
    assert names(to.parent) == [mark_of(to).name]
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
        assert mark_of(to).read_text() == "part\n"


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
