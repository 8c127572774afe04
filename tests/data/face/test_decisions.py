"""People's decisions about defaced images: bound to the bytes they saw, the same in any order, never against a no."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.data.face.decisions import (
    HELD,
    REJECTED,
    Choice,
    Decision,
    apply_decisions,
    check,
    digest_of,
    settle,
    standing,
    together,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "a_T1w.nii.gz"


def decision(
    choice: Choice = Choice.APPROVE, *, by: str = "Ada", hours: int = 0, image: str = NAME, sha256: str = "0" * 64
) -> Decision:
    """Have somebody decide."""
    at = START + timedelta(hours=hours)
    return Decision(image=image, sha256=sha256, choice=choice, by=by, at=at, reason="seen")


DECISIONS = st.builds(
    decision,
    choice=st.sampled_from(Choice),
    by=st.sampled_from(["Ada", " ada ", "Ben", "Cleo"]),
    hours=st.integers(0, 3),
    image=st.sampled_from([NAME, "b_T1w.nii.gz"]),
    sha256=st.sampled_from(["0" * 64, "1" * 64]),
)


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """Make a folder with one image that waits, and its mask."""
    (tmp_path / HELD).mkdir()
    (tmp_path / HELD / NAME).write_bytes(b"voxels")
    (tmp_path / HELD / "a_T1w_mask.nii.gz").write_bytes(b"mask")
    return tmp_path


def files(folder: Path) -> set[str]:
    """List all files."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@given(given=st.lists(DECISIONS, max_size=6))
def test_the_order_in_which_decisions_come_makes_no_difference(given: list[Decision]) -> None:
    """Nor does it that one comes twice."""
    stands = {
        standing(order, image=NAME, sha256="0" * 64)
        for order in [given, given[::-1], given + given, list(together(given, given[::-1]))]
    }
    choices = {None if one is None else one.choice for one in stands}
    assert len(choices) == 1


@given(given=st.lists(DECISIONS, max_size=6), hours=st.integers(0, 9))
def test_nobody_lifts_another_ones_rejection(given: list[Decision], hours: int) -> None:
    """Whatever others say and however much later; who gave it can take it back."""
    no = decision(Choice.REJECT, by="Dora", hours=2)
    stands = standing([*given, no], image=NAME, sha256="0" * 64)
    assert stands is not None
    assert stands.choice is Choice.REJECT
    back = standing([no, decision(by="dora ", hours=hours)], image=NAME, sha256="0" * 64)
    assert back is not None
    assert back.choice is (Choice.APPROVE if hours > 2 else Choice.REJECT)


@given(given=st.lists(DECISIONS, max_size=6))
def test_a_decision_holds_for_no_other_bytes(given: list[Decision]) -> None:
    """Nor for another image."""
    assert standing(given, image=NAME, sha256="2" * 64) is None


def test_an_approved_image_moves_out_with_its_mask(held: Path) -> None:
    """Done twice it does no harm."""
    yes = decision(sha256=digest_of(held / HELD / NAME))
    for _ in range(2):
        applied, record = apply_decisions([yes], recorded=[], out=held)
        assert [(one.output, one.why) for one in applied] == [(Path(NAME), "")]
        assert record == (yes,)
        settle(applied[0].decision, held)
        assert files(held) == {NAME, "a_T1w_mask.nii.gz"}


def test_a_rejected_image_is_held_apart_also_when_it_was_finished(held: Path) -> None:
    """Nothing is lost, and nothing of it is left among the finished ones."""
    yes = decision(sha256=digest_of(held / HELD / NAME))
    settle(yes, held)
    no = evolve(yes, choice=Choice.REJECT, by="Ben", at=yes.at - timedelta(days=1))
    applied, record = apply_decisions([no], recorded=[yes], out=held)
    settle(applied[0].decision, held)
    assert files(held) == {f"{HELD}/{REJECTED}/{NAME}", f"{HELD}/{REJECTED}/a_T1w_mask.nii.gz"}
    again, _ = apply_decisions([yes], recorded=record, out=held)
    assert again[0].output == Path(HELD, REJECTED, NAME)
    assert again[0].why == "the rejection by Ben stands"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"by": " \t "}, "nobody stands behind it"),
        ({"choice": Choice.REJECT, "reason": " "}, "needs a reason"),
        ({"image": "b_T1w.nii.gz"}, "no such image"),
        ({"sha256": "0" * 64}, "another one than was looked at"),
        ({"image": f"../{HELD}/{NAME}"}, "no plain name"),
        ({"image": f"{HELD}/{NAME}"}, "not by where it belongs"),
        ({"image": ".."}, "no plain name"),
        ({"image": ""}, "no plain name"),
    ],
)
def test_what_can_not_be_applied_is_refused(held: Path, changed: dict[str, str], why: str) -> None:
    """Without a name, a reason or the very file; and it does not get on record."""
    bad = evolve(decision(sha256=digest_of(held / HELD / NAME)), **changed)  # type: ignore[arg-type]
    before = files(held)
    (applied,), record = apply_decisions([bad], recorded=[], out=held)
    assert applied.output is None
    assert why in applied.why
    assert record == ()
    assert files(held) == before


def test_an_image_that_changed_after_the_look_is_refused(held: Path) -> None:
    """Be it by one byte."""
    yes = decision(sha256=digest_of(held / HELD / NAME))
    (held / HELD / NAME).write_bytes(b"voxelz")
    assert check(yes, held) == "the image is another one than was looked at: look at it again"


def test_an_approved_image_takes_no_other_ones_place(held: Path) -> None:
    """Another of that name among the finished ones is not overwritten."""
    (held / NAME).write_bytes(b"other")
    why = check(decision(sha256=digest_of(held / HELD / NAME)), held)
    assert why is not None
    assert "another image of that name" in why


@pytest.mark.parametrize("steps", range(4))
def test_moving_that_was_interrupted_is_done_again_to_its_end(
    tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pair and its mask: after whichever renaming the power went, the decision still fits and takes the rest."""
    (tmp_path / HELD).mkdir()
    names = {"p_T1w_mask.nii.gz", "p_T1w.hdr", "p_T1w.img"}
    for name in names:
        (tmp_path / HELD / name).write_bytes(name.encode())
    yes = decision(image="p_T1w.img", sha256=digest_of(tmp_path / HELD / "p_T1w.img"))
    left = iter(range(steps))

    def rename(one: Path, other: Path) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        one.rename(other)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", rename)
        if steps < len(names):
            with pytest.raises(KeyboardInterrupt):
                settle(yes, tmp_path)
        else:
            settle(yes, tmp_path)
    assert check(yes, tmp_path) is None
    assert settle(yes, tmp_path) == Path("p_T1w.img")
    assert {name for name in files(tmp_path) if not name.endswith(".part")} == names
