"""The brain is found in each contrast, in parts of a head too, and what can't be a brain is told."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from numpy.typing import NDArray

from fivesafes.core.verdict import Gravity
from fivesafes.data.face.itk import Grid, Volume, filled, largest, one_thread
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.outline import Outline, judge_outline, outline_brain

Head = Mapping[str, NDArray[Any]]
STRAIGHT = Pose(affine=np.eye(4), mutual_information=0.4)
"""The synthetic head is the template, bent by millimetres: it lies where the template does."""


MOST_CUT = 0.002
"""The synthetic head is an average, and blurred: where its brain ends can't be seen to better than this."""


def found(head: Head, look: Callable[[Any], Any], where: slice = slice(None)) -> tuple[NDArray[Any], Outline]:
    """Find the brain in the synthetic head, shown in another way or in part; give mm to its outline."""
    affine = head["affine"].copy()
    affine[2, 3] += 2.0 * (where.start or 0)
    scan = Volume(data=np.asarray(look(head["data"][:, :, where]), dtype=np.float32), affine=affine)
    with one_thread():
        outline = outline_brain(scan, STRAIGHT)
        slabs = [slab for _, slab in outline.onto(scan.grid, STRAIGHT)]
        return np.concatenate(slabs, axis=2), outline


@pytest.fixture(scope="module")
def plain(synthetic_head: Head) -> tuple[NDArray[Any], Outline]:
    """Find the brain in the head as it is, once."""
    return found(synthetic_head, as_it_is)


def as_it_is(data: NDArray[Any]) -> NDArray[Any]:
    """Show it as it is."""
    return data


def like_t2(data: NDArray[Any]) -> NDArray[Any]:
    """Show fluid brightest, white matter darker than grey."""
    return np.asarray(np.interp(data, (0, 12, 40, 100, 150, 255), (0, 12, 250, 150, 100, 190)))


def like_epi(data: NDArray[Any]) -> NDArray[Any]:
    """Show fluid brightest and no fat."""
    return np.asarray(np.interp(data, (0, 12, 40, 100, 150, 190, 255), (0, 12, 250, 165, 115, 40, 25)))


@pytest.mark.parametrize("look", [as_it_is, like_t2, like_epi])
def test_the_brain_is_kept_in_each_contrast(synthetic_head: Head, look: Callable[[Any], Any]) -> None:
    """Hardly any of the brain is cut, and nothing far from it is kept."""
    away, outline = found(synthetic_head, look)
    brain = synthetic_head["brain"]
    assert (away > outline.margin)[brain].mean() <= MOST_CUT
    assert ((away <= outline.margin) & ~brain).sum() < 0.3 * brain.sum()
    assert judge_outline(outline).gravity is Gravity.NOTE


@pytest.mark.parametrize("turned", [0.0, 0.4])
def test_all_that_is_kept_lies_in_the_box(plain: tuple[NDArray[Any], Outline], turned: float) -> None:
    """In it stands what stands in the whole."""
    _, outline = plain
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:2, :2] = 2 * np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    affine[:3, 3] = -affine[:3, :3] @ (50, 60, 25)
    grid = Grid(shape=(100, 120, 60), affine=affine)
    box = outline.box(grid, STRAIGHT)
    with one_thread():
        whole, part = (
            np.concatenate([slab for _, slab in outline.onto(grid, STRAIGHT, wanted)], axis=2) for wanted in (None, box)
        )
    assert np.array_equal(whole[box], part)
    assert (part <= outline.margin).sum() == (whole <= outline.margin).sum() > 0


def test_an_outline_that_goes_on_beyond_its_grid_is_kept_whole(plain: tuple[NDArray[Any], Outline]) -> None:
    """Then no box holds it."""
    _, outline = plain
    everywhere = evolve(outline, to_edge=evolve(outline.to_edge, data=outline.to_edge.data - np.float32(100)))
    grid = Grid(shape=(10, 10, 10), affine=np.eye(4))
    assert everywhere.box(grid, STRAIGHT) == grid.whole


def test_it_is_one_piece_without_holes(plain: tuple[NDArray[Any], Outline]) -> None:
    """What is kept can be handed on: ventricles are in it, and no crumbs beside it."""
    away, outline = plain
    kept = away <= outline.margin
    assert np.array_equal(kept, largest(kept))
    assert np.array_equal(kept, filled(kept))


def test_a_brain_that_is_cut_through_is_kept_to_the_cut(synthetic_head: Head) -> None:
    """Where the field of view ends the brain does not."""
    where = slice(60, 100)
    away, outline = found(synthetic_head, as_it_is, where)
    brain = synthetic_head["brain"][:, :, where]
    assert (away > outline.margin)[brain].mean() <= MOST_CUT
    assert outline.in_view < 0.9


def test_noise_is_no_brain(synthetic_head: Head) -> None:
    """Where the two estimates have nothing to agree on a person must look."""
    rng = np.random.default_rng(5)
    _, outline = found(synthetic_head, lambda data: rng.rayleigh(40, data.shape))
    assert judge_outline(outline).gravity is Gravity.REVIEW


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"agreement": 0.7}, "agree by only 70%"),
        ({"likeness": 0.6}, "not where the head has it"),
        ({"ratio": 0.5}, "50% of what a head of this size holds"),
        ({"ml": 4000.0}, "4000 ml"),
        ({"ml": 120.0}, "120 ml"),
    ],
)
def test_what_can_be_no_brain_needs_review(
    plain: tuple[NDArray[Any], Outline], change: dict[str, Any], told: str
) -> None:
    """Each doubt is a sentence; a brain half in view may be half as large."""
    _, outline = plain
    verdict = judge_outline(evolve(outline, **change))
    assert verdict.gravity is Gravity.REVIEW
    assert any(told in finding.why for finding in verdict.findings)
    half = evolve(outline, ml=outline.ml / 2, in_view=0.5)
    assert judge_outline(half).gravity is Gravity.NOTE


def test_the_margin_grows_with_doubt(plain: tuple[NDArray[Any], Outline]) -> None:
    """Where the estimates differ more is kept."""
    _, outline = plain
    margins = [evolve(outline, agreement=share).margin for share in (1.0, 0.98, 0.9, 0.0)]
    assert margins == sorted(margins)
    assert margins[0] < margins[-1]
