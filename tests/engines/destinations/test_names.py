"""Names beside a destination are short whatever its own is, and a name that can't be written is refused first."""

import errno
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.destinations.passages import Stages

from fivesafes.core.errors import UsageMistake
from fivesafes.engines.destinations.delivery import DeliveryDestination
from fivesafes.engines.destinations.names import check_name, mark_of, new_part, try_name

FOLDERS = st.text(st.characters(exclude_characters="/\0"), min_size=1).filter(lambda name: name not in {".", ".."})


@given(FOLDERS)
def test_what_lies_beside_a_destination_has_a_short_name_that_says_nothing_of_it(name: str) -> None:
    """Of letters, digits and full stops, so that every disk takes it; one destination has one mark."""
    mark = mark_of(Path("out") / name)
    assert len(os.fsencode(mark.name)) == len(".0123456789abcdef.lock")
    assert mark.name.isascii()
    assert mark.parent == Path("out")
    assert mark == mark_of(Path("out") / unicodedata.normalize("NFD", name))
    assert len(new_part()) == len(".0123456789abcdef.part")


def test_names_that_a_disk_may_take_for_the_same_have_one_mark() -> None:
    """Else two releases to one destination would not exclude one another there; others have their own."""
    assert mark_of(Path("Größe")) == mark_of(Path("grösse")) == mark_of(Path("GRÖSSE"))
    assert mark_of(Path("a")) != mark_of(Path("b"))
    assert mark_of(Path(os.fsdecode(b"\xff"))) != mark_of(Path("b"))


@pytest.mark.parametrize("name", ["n" * 255, "ä" * 127, "脳" * 85, "脳" * 85 + "/" + "n" * 255], ids=range(4))
def test_a_name_that_just_fits_is_let_through(tmp_path: Path, name: str) -> None:
    """Bytes are counted, not letters; nothing is left of the trial."""
    check_name(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    if "/" not in name:
        try_name(tmp_path / name)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["n" * 256, "ä" * 128, "脳" * 86, "n" * 256 + "/below", "way/" * 1200 + "below"], ids=range(5)
)
def test_a_name_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    """With what to do; the engine asks by itself."""
    for refuses in (check_name, hand_over):
        with pytest.raises(UsageMistake, match="takes no such name") as refusal:
            refuses(tmp_path / "out" / name)
        assert "shorter" in refusal.value.fix
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_trial_left_goes_with_the_next(tmp_path: Path) -> None:
    """An empty folder that says nothing; whoever comes again sweeps it."""
    kill = f"import os, pathlib; from {try_name.__module__} import try_name; make = pathlib.Path.mkdir\n"
    kill += "def inner(self, *given): return os._exit(9) if self.name == 'out' else make(self, *given)\n"
    kill += f"pathlib.Path.mkdir = inner; try_name(pathlib.Path({str(tmp_path)!r}, 'out'))"
    assert subprocess.run([sys.executable, "-c", kill], check=False).returncode == 9
    assert [one.suffix for one in tmp_path.iterdir()] == [".try"]
    try_name(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def hand_over(to: Path) -> None:
    """Hand something over that nobody may begin."""
    DeliveryDestination().release(to.parent, to=to, aside=to.parent, passage=Unasked())


class Unasked(Stages):
    """A passage that nobody may begin."""

    def begin(self, part: str) -> None:
        """Fail."""
        raise AssertionError(part)


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """The books could not hold it."""
    with pytest.raises(UsageMistake, match="UTF-8"):
        hand_over(tmp_path / os.fsdecode(b"\xff"))
    assert list(tmp_path.iterdir()) == []


def test_a_sign_that_a_disk_refuses_is_found_before_anything_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a memory stick refuses a colon: not after all has been copied there."""
    real = Path.mkdir

    def refuses(path: Path, mode: int = 0o777, **how: bool) -> None:
        if ":" in path.name:
            raise OSError(errno.EINVAL, "Invalid argument")
        real(path, mode, **how)

    monkeypatch.setattr(Path, "mkdir", refuses)
    with pytest.raises(UsageMistake, match="takes no such name"):
        hand_over(tmp_path / "2026:06")
    assert list(tmp_path.iterdir()) == []
