"""What a person judges by is drawn as it is: sides, depths, what was changed and the brain; nothing else is told."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fivesafes.data.face.brain import find_brain
from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.examine import examine
from fivesafes.data.face.itk import Volume, carry
from fivesafes.data.face.mosaic import GREEN, SLICES, marks, mosaic
from fivesafes.data.face.prepare import prepare
from fivesafes.data.face.rays import FRAME_STEP, frame, portrait, solid
from fivesafes.data.face.render import VIEWS, before_after, thumbnail
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import Defaced, FaceMode, Picture
from fivesafes.data.private_pictures import MARK

Head = Mapping[str, NDArray[Any]]
Writer = Callable[..., Path]
SEEN = 5 + 1  # from so many sides, and in slices


@pytest.fixture(scope="module")
def defaced(head_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Defaced:
    """Deface the synthetic head once."""
    return deface_image(head_file, into=tmp_path_factory.mktemp("out"), mode=FaceMode.REMOVE)


@pytest.fixture(scope="module")
def drawn(defaced: Defaced, head_file: Path) -> tuple[Picture, ...]:
    """Draw it once."""
    return before_after(head_file, defaced.image, defaced.mask)


def pixels(picture: Picture | bytes) -> NDArray[np.uint8]:
    """Open a picture: (rows, columns, red green blue)."""
    content = picture if isinstance(picture, bytes) else picture.png
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def ball(
    centre: tuple[float, float, float], radius: float, data: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Put a ball of tissue on the frame, mm in the mean head's space."""
    grid = frame()
    data = np.zeros(grid.shape, np.float32) if data is None else data
    away = [
        np.arange(size) * FRAME_STEP + low - at
        for size, low, at in zip(grid.shape, grid.affine[:3, 3], centre, strict=True)
    ]
    far = np.sqrt(away[0][:, None, None] ** 2 + away[1][None, :, None] ** 2 + away[2][None, None, :] ** 2)
    np.maximum(data, 100 * np.clip((radius - far) / 2.4 + 0.5, 0, 1), out=data)
    return data


def middle(shades: NDArray[np.uint8]) -> float:
    """Say where the lit pixels are: their mean column by the picture's, 0 left to 1 right."""
    return float(np.nonzero(shades)[1].mean() / shades.shape[1])


def test_pictures_of_the_original_are_marked_identifying(drawn: tuple[Picture, ...]) -> None:
    """Six before and six after, small, each with words for those who can't see it, and no text inside."""
    assert [picture.identifying for picture in drawn] == [True] * SEEN + [False] * SEEN
    assert all(picture.name.startswith("before") is picture.identifying for picture in drawn)
    for picture in drawn:
        assert picture.png.startswith(b"\x89PNG")
        assert 1000 < len(picture.png) < 120_000
        assert (MARK.encode() in picture.png) is picture.identifying  # it says so itself, wherever it is taken
        assert picture.png.count(b"tEXt") == int(picture.identifying)
        assert picture.alt
    assert sum(len(picture.png) for picture in drawn) < 600_000


def test_a_nose_points_to_where_the_viewer_would_see_it() -> None:
    """From the person's right side it points to the right, from their left to the left; from the front it is lit."""
    head = solid(ball((0, 110, -40), 15, ball((0, 8, -20), 40)), 30)
    assert middle(portrait(head, 90)) > 0.5 > middle(portrait(head, -90))
    assert abs(middle(portrait(head, 0)) - 0.5) < 0.01
    assert middle(portrait(head, 30)) > 0.5


def test_the_persons_right_is_on_the_viewers_left() -> None:
    """As if they faced the viewer, not as in a mirror: on the surface, and in the slices across."""
    data = ball((88, 8, -20), 8, ball((0, 8, -20), 80))
    assert middle(portrait(solid(data, 30), 0)) < 0.5
    none = marks(None, None, np.eye(4))
    picture = np.asarray(mosaic(data, 100, none).convert("L"))
    width, height = 125, picture.shape[0] - 152  # of a slice across; the last row's are seen from below
    through_lump = picture[height - 167 - 2 : height - 2, width : 2 * width]  # the second of the second row
    assert middle(through_lump) < 0.5


def test_the_surface_is_found_between_the_voxels() -> None:
    """A ball is as round as it was: its outline is a circle to within a pixel, its brightness has no steps."""
    shades = portrait(solid(ball((0, 8, -20), 70), 30), 0)
    rows, columns = np.nonzero(shades)
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 1
    assert abs(np.ptp(rows) + 1 - 2 * 70 / FRAME_STEP) <= 3
    across = shades[rows.min() + 58, columns.min() + 25 : columns.max() - 25].astype(int)
    assert np.abs(np.diff(across)).max() < 12


def test_what_was_changed_is_red_and_lets_the_tissue_show(drawn: tuple[Picture, ...]) -> None:
    """Red in the same places before and after; before, what lay there is seen through it, after there is nothing."""
    before, after = (pixels(picture).astype(int) for picture in drawn if picture.name.endswith("slices"))
    red = before[..., 0] > before[..., 1] + 40
    assert (red == (after[..., 0] > after[..., 1] + 40)).mean() > 0.999
    assert red.sum() > 5000
    emptiest = after[red].min(axis=0)
    assert (after[red] == emptiest).all(axis=1).mean() > 0.95
    assert (before[red] == emptiest).all(axis=1).mean() < 0.8


def test_the_brain_is_outlined_in_green(drawn: tuple[Picture, ...], head_file: Path) -> None:
    """A line around this person's brain as it was guarded, in every slice that it is in; what it holds stays grey."""
    scan = prepare(read_stored(head_file))
    assert scan is not None
    pose = examine(scan).pose
    assert pose is not None
    own = find_brain(scan.volume, pose).to_own
    assert own is not None
    over = marks(None, Volume(data=own, affine=scan.volume.affine), pose.affine)
    line = sum(int(one.outline.sum()) for one in over.values())
    for picture in drawn:
        if picture.name.endswith("slices"):
            assert (pixels(picture) == GREEN).all(axis=2).sum() == line
    assert len(over) == sum(len(places) for _, places in SLICES)
    inside = carry(Volume(data=own, affine=scan.volume.affine), onto=frame(), through=pose.affine, beyond=None) < 0
    assert 0 < line < inside.sum() / 50


def test_the_pictures_after_are_the_same_by_the_file_and_by_its_mask(
    drawn: tuple[Picture, ...], defaced: Defaced, head_file: Path
) -> None:
    """So a mask that was written alone can be judged too; and the file holds what its mask says."""
    assert before_after(head_file, None, defaced.mask) == drawn


def test_where_no_head_is_the_image_is_drawn_as_it_lies(write_image: Writer) -> None:
    """A phantom far from the origin is in the middle of the picture, and counts as identifying: nobody knows."""
    data = np.zeros((80, 80, 80), np.float32)
    data[20:60, 20:60, 20:60] = 100
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = 300
    pictures = before_after(write_image("box_T1w.nii", data, affine), None, None)
    assert [picture.identifying for picture in pictures] == [True] * SEEN
    front = next(pixels(picture)[..., 0] for picture in pictures if picture.name == "before-front")
    assert abs(middle(front) - 0.5) < 0.02
    assert "green" not in pictures[-1].alt


def test_what_can_not_have_a_surface_is_drawn_in_slices_alone(write_image: Writer) -> None:
    """A few slices, or air as bright as tissue; an image in which nothing is seen is not drawn at all."""
    few = np.zeros((90, 90, 3), np.float32)
    few[20:70, 20:70] = 100
    pictures = before_after(write_image("few_T1w.nii", few, np.diag([2.0, 2, 5, 1])), None, None)
    assert [picture.name for picture in pictures] == ["before-slices"]
    nothing = write_image("nothing_T1w.nii", np.zeros((50, 50, 50), np.float32), np.diag([3.0, 3, 3, 1]))
    assert before_after(nothing, None, None) == ()


def test_noise_that_hides_the_surface_is_smoothed_out_first(write_image: Writer) -> None:
    """What can't be measured for noise is what a person must see: a ball is still one, and alone in the picture."""
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 24, (2, *frame().shape))
    noisy = np.hypot(ball((0, 8, -30), 70) + noise[0], noise[1]).astype(np.float32)
    path = write_image("noisy_T1w.nii", noisy, np.asarray(frame().affine))
    scan = prepare(read_stored(path))
    assert scan is not None
    assert not scan.dark_air
    pictures = before_after(path, None, None)
    assert len(pictures) == SEEN
    front = pixels(pictures[2])[..., 0] > 0
    assert abs(front.sum() - np.pi * (70 * 1.5 / FRAME_STEP) ** 2) < 0.15 * front.sum()


def test_the_border_of_the_mask_tells_nothing_of_the_skin(defaced: Defaced, synthetic_head: Head) -> None:
    """Where a face was removed the mask goes on to the edge of the image: its outside is the edge, not the nose."""
    assert defaced.mask is not None
    removed = read_stored(defaced.mask).voxels[..., 0] > 0
    face = (synthetic_head["features"] > 0) & (synthetic_head["features"] < 5) & (synthetic_head["data"] > 30) & removed
    columns = face.any(axis=1)
    assert columns.sum() > 500
    assert removed[:, -1, :][columns].mean() > 0.99


def test_a_thumbnail_is_a_few_kilobytes(drawn: tuple[Picture, ...]) -> None:
    """A thousand of them make a page that a browser still opens."""
    small = thumbnail(drawn[list(VIEWS).index("front")].png, 120)
    assert pixels(small).shape[0] == 120
    assert len(small) < 4000
