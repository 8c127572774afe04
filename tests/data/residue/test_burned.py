"""Text drawn into a volume is seen; heads, noise and clipped tissue are not taken for it."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fivesafes.data.residue.burned import find
from fivesafes.data.residue.place import Place

PLACE = Place.at("sub-01/anat/sub-01_T1w.nii.gz")


def head(size: int) -> NDArray[np.int16]:
    """Make a bright ball with noise."""
    rng = np.random.default_rng(0)
    grid = np.indices((size, size, size)) - size / 2
    inside = np.sqrt((grid**2).sum(axis=0)) < size * 0.4
    noisy = np.where(inside, rng.normal(800, 50, inside.shape), rng.normal(20, 5, inside.shape))
    return np.asarray(noisy, dtype=np.int16)


def drawn(size: int, text: str) -> NDArray[np.int16]:
    """Draw a text in grey levels, as a viewer does."""
    picture = Image.new("L", (size, size))
    ImageDraw.Draw(picture).text((2, 2), text, fill=255)
    return np.asarray(picture).astype(np.int16)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("size", [64, 96])
@pytest.mark.parametrize("turned", ["upright", "transposed", "mirrored"])
def test_text_in_any_slice_and_direction_is_seen(axis: int, size: int, turned: str) -> None:
    """With hard and with smooth edges."""
    text = drawn(size, "SMITH JANE")
    text = {"upright": text, "transposed": text.T, "mirrored": text[::-1]}[turned]
    for marks in (np.where(text > 128, 3000, 0), text * 12):
        volume = head(size)
        where = [slice(None)] * 3
        where[axis] = slice(size // 2, size // 2 + 1)
        volume[tuple(where)] = np.maximum(volume[tuple(where)], np.expand_dims(marks, axis))
        assert [one.kind for one in find(volume, PLACE)] == ["burned_in_text"]


@pytest.mark.parametrize("ceiling", [2000, 950, 850, 10])
def test_a_head_without_text_is_left_alone(ceiling: int) -> None:
    """Clipped ones too."""
    volume = np.minimum(head(64), ceiling).astype(np.int16)
    assert not list(find(volume, PLACE))
    assert not list(find(np.zeros((8, 8, 8)), PLACE))
    assert not list(find(volume[:, :, 0], PLACE))
