"""A release on its way out is in the books before its first byte is outside, and never stays half there."""

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.wiring.conftest import Place
from tests.wiring.releases.releasing import PROJECT, WAY, Killed, release, released_rows, withdrawn

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.engines.destinations.delivery import DeliveryDestination
from fivesafes.flow.haven.deliveries import Cleaner, settle_deliveries
from fivesafes.flow.haven.model import ReleaseState
from fivesafes.flow.sign_off import RECORD
from fivesafes.interfaces.cli import status
from fivesafes.wiring.consent import carry_on, means_of, unsettled
from fivesafes.wiring.foretell import foretell_release
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.overview import status_of


def killed(*_args: object, **_kwargs: object) -> None:
    """Stand for kill -9: nothing of ours runs afterwards."""
    raise Killed


def killed_while_it_copies(haven: OpenHaven, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Release, and be killed when the part is not whole yet, so that not even the delivery's own cleaning comes."""
    module = "fivesafes.engines.destinations.delivery"
    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.durable", killed)
        patch.setattr(f"{module}.removed", killed)
        with pytest.raises(Killed):
            release(haven, to)


def killed_when_it_stands(haven: OpenHaven, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Release, and be killed between the renaming and the books."""
    with monkeypatch.context() as patch:
        patch.setattr("fivesafes.flow.entering.Leaving.arrived", killed)
        patch.setattr("fivesafes.flow.entering.Leaving.stopped", killed)
        with pytest.raises(Killed):
            release(haven, to)


def killed_before_it_is_renamed(haven: OpenHaven, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Release, and be killed when all is ready for the renaming, so that it may or may not have happened."""
    with monkeypatch.context() as patch:
        patch.setattr("fivesafes.engines.destinations.delivery._stop", killed)
        patch.setattr(Path, "rename", killed)
        with pytest.raises(Killed):
            release(haven, to)


def notices(haven: OpenHaven) -> list[str]:
    """Read the recall notices."""
    return [one.read_text("utf-8") for one in (haven.path / "documents" / "journey").glob("recall-*.txt")]


def beside(to: Path) -> list[str]:
    """Name what lies where the release goes, but for the release itself."""
    return sorted(one.name for one in to.parent.iterdir() if one != to) if to.parent.exists() else []


def test_a_delivery_stands_in_the_books_before_its_first_byte_is_outside(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it copies: the row says where the part lies, by its random name; the next command sweeps it."""
    with ready.open() as haven:
        killed_while_it_copies(haven, to, monkeypatch)
        (row,) = released_rows(haven)
        assert row.state is ReleaseState.GOING
        assert (to.parent / row.part / "dataset_description.json").exists()
        assert not to.exists()
        (told,) = status_of(haven)["projects"]
        assert [one["destination"] for one in told["going"]] == [str(to)]
        said = CliRunner().invoke(status.command, ["--haven", str(ready.path)])
        assert f"going out a release to {to};" in " ".join(said.stdout.split())
        carry_on(haven)
        assert released_rows(haven) == []
        assert beside(to) == []


def test_a_delivery_killed_when_it_stands_is_out(ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the renaming and the books: the next command sees that it arrived."""
    with ready.open() as haven:
        killed_when_it_stands(haven, to, monkeypatch)
        assert (to / RECORD).exists()
        assert [one.state for one in released_rows(haven)] == [ReleaseState.GOING]
        carry_on(haven)
        (row,) = released_rows(haven)
        assert (row.state, row.part) == (ReleaseState.OUT, "")
        assert beside(to) == []


def test_a_delivery_that_stood_and_was_moved_away_before_anybody_looked_is_out(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who received it has it, wherever they put it: a withdrawal recalls it."""
    with ready.open() as haven:
        killed_when_it_stands(haven, to, monkeypatch)
        to.rename(to.with_name("kept-by-the-recipient"))
        carry_on(haven)
        assert [(one.state, one.part) for one in released_rows(haven)] == [(ReleaseState.OUT, "")]
        assert beside(to) == ["kept-by-the-recipient"]
        done = withdrawn(haven)
        assert done.done
        assert [one.state for one in released_rows(haven)] == [ReleaseState.RECALLED]
        assert [str(to) in one for one in notices(haven)] == [True]


def test_a_delivery_that_is_renamed_while_another_command_looks_for_it_is_out(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it stands is asked when nobody can change it any more: not before the mark is held."""

    class Meanwhile(DeliveryDestination):
        def settle(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the real one
            (to.parent / row.part).rename(to)
            return super().settle(*args, **kwargs)

    with ready.open() as haven:
        killed_before_it_is_renamed(haven, to, monkeypatch)
        (row,) = released_rows(haven)
        means = means_of(haven, by="test")
        settle_deliveries(Cleaner(books=means.books, deliveries=Meanwhile(), author=means.author))
        assert (to / RECORD).exists()
        assert [(one.state, one.part) for one in released_rows(haven)] == [(ReleaseState.OUT, "")]
        assert beside(to) == []


def test_a_delivery_that_was_never_renamed_is_not_taken_for_out(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its part lies there still: a recall would alarm somebody who has nothing."""
    with ready.open() as haven:
        killed_before_it_is_renamed(haven, to, monkeypatch)
        carry_on(haven)
        assert released_rows(haven) == []
        assert beside(to) == []


LONG = {"ascii": "n" * 249, "longest": "n" * 255, "multibyte": "脳" * 83}
"""Names that a file system takes, and that leave no room for anything more."""


@pytest.mark.parametrize("name", LONG.values(), ids=LONG)
def test_a_name_as_long_as_can_be_stops_no_command(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What lies beside a release has short names: killed, it is swept, and a withdrawal gets its receipt."""
    to = to.with_name(name)
    with ready.open() as haven:
        killed_while_it_copies(haven, to, monkeypatch)
        assert withdrawn(haven).done
        assert released_rows(haven) == []
        assert beside(to) == []
        assert release(haven, to).release == name


def test_a_place_that_cannot_be_looked_at_stops_no_command(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the system says of it, it is away: the withdrawal comes to its end, and ``release`` says why."""

    def broken(_path: Path) -> bool:
        raise OSError(errno.EIO, "Input/output error")

    with ready.open() as haven:
        killed_while_it_copies(haven, to, monkeypatch)
        (row,) = released_rows(haven)
        monkeypatch.setattr("fivesafes.engines.destinations.delivery.lies", broken)
        carry_on(haven)
        assert [(one.part, why) for one, why in unsettled(haven)] == [(row.part, "Input/output error")]
        assert withdrawn(haven).done
        assert [row.part in one for one in notices(haven)] == [True]


@pytest.mark.parametrize("name", ["n" * 256, "脳" * 86, "n" * 256 + "/release"], ids=["ascii", "multibyte", "above"])
def test_a_name_that_cannot_be_written_there_is_refused_before_any_work(ready: Place, to: Path, name: str) -> None:
    """Foretold too; nothing stands in the books, nothing beside it."""
    with ready.open() as haven:
        with pytest.raises(UsageMistake, match="name") as refusal:
            release(haven, to.parent / name)
        assert "shorter" in refusal.value.fix
        with pytest.raises(UsageMistake, match="name"):
            foretell_release(haven, PROJECT, WAY, to=to.parent / name)
        assert released_rows(haven) == []
        assert not to.parent.exists()


def test_a_withdrawal_removes_the_part_of_a_killed_delivery(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lay outside is gone before the receipt is written, and no release is recalled that nobody has."""
    with ready.open() as haven:
        killed_while_it_copies(haven, to, monkeypatch)
        done = withdrawn(haven)
        assert done.done
        assert beside(to) == []
        assert done.withdrawal.receipt is not None
        assert done.withdrawal.receipt["recalled"] == []


def test_a_withdrawal_names_the_part_that_it_cannot_reach(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is away: the notice says where the part lies; when the disk is back the part goes all the same."""
    with ready.open() as haven:
        killed_while_it_copies(haven, to, monkeypatch)
        (row,) = released_rows(haven)
        away = to.parent.rename(to.parent.with_name("unplugged"))
        assert withdrawn(haven).done
        (notice,) = (haven.path / "documents" / "journey").glob("recall-*.txt")
        assert row.part in notice.read_text(encoding="utf-8")
        assert [one.state for one in released_rows(haven)] == [ReleaseState.RECALLED]
        away.rename(to.parent)
        carry_on(haven)
        assert beside(to) == []
        assert [(one.state, one.part) for one in released_rows(haven)] == [(ReleaseState.RECALLED, "")]


def test_a_part_that_cannot_be_seen_is_not_taken_for_gone(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another disk at the same path, or another machine: the row stays until somebody can look."""
    with ready.open() as haven:
        killed_while_it_copies(haven, to, monkeypatch)
        away = to.parent.rename(to.parent.with_name("unplugged"))
        to.parent.mkdir()
        carry_on(haven)
        assert [one.state for one in released_rows(haven)] == [ReleaseState.GOING]
        shutil.rmtree(away)


def test_a_second_release_to_one_destination_is_refused_while_the_first_is_written(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither mixed nor swept: the first ends as if nobody else had come."""
    from fivesafes.engines.destinations import delivery  # noqa: PLC0415 - beside what it looks into

    said: list[str] = []
    real = delivery.durable

    def meanwhile(folder: Path) -> None:
        if not said:
            with pytest.raises(TryAgain, match="being written to this destination") as refusal:
                delivery.DeliveryDestination().release(folder, to=to, aside=to.parent / "aside", passage=_Unasked())
            said.append(refusal.value.fix)
            carry_on(haven)  # nor does another command of the haven take it for dead
        real(folder)

    with ready.open() as haven:
        monkeypatch.setattr(delivery, "durable", meanwhile)
        assert release(haven, to).release == to.name
        assert said
        assert [one.state for one in released_rows(haven)] == [ReleaseState.OUT]
        assert beside(to) == []


class _Unasked:
    """A passage that nobody may begin."""

    def begin(self, part: str) -> None:
        """Fail."""
        raise AssertionError(part)

    def leave(self) -> None:
        """Fail."""
        raise AssertionError

    arrived = stopped = leave
