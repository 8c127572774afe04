"""The network in numpy: its layers are what their names say, and its weights are all there."""

from importlib.resources import files

import numpy as np
import pytest

from fivesafes.data.face import network
from fivesafes.data.face.network import brain_odds, shapes


def test_the_weights_fill_the_layers_and_carry_their_licence() -> None:
    """Each number has its place, and the terms of those who trained them lie beside."""
    folder = files("fivesafes.data.face") / network.FOLDER
    with (folder / network.WEIGHTS).open("rb") as stored:
        weights = np.load(stored, allow_pickle=False)
    assert weights.size == sum(int(np.prod(shape)) for shape in shapes())
    assert weights.dtype == np.float16
    assert np.isfinite(weights).all()
    assert "MIT License" in (folder / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize(("width", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2), (7, 2)])
def test_a_convolution_is_a_weighted_sum_of_neighbours(width: int, stride: int) -> None:
    """Each voxel of the result by the definition, with zeros beyond the border."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 4, 6, 2)).astype(np.float32)
    kernel = rng.normal(size=(3, 2, width, width, width)).astype(np.float32)
    wide = np.pad(x, [(0, 0), *[(width // 2, width // 2)] * 3])
    found = network._convolved(x, kernel, stride=stride)
    assert found.shape == (3, 4 // stride, 6 // stride, 2 // stride)
    for out, i, j, k in np.ndindex(*found.shape):
        at = [slice(stride * index, stride * index + width) for index in (i, j, k)]
        assert found[out, i, j, k] == pytest.approx(float((wide[:, at[0], at[1], at[2]] * kernel[out]).sum()), abs=1e-3)


def test_spreading_is_the_adjoint_of_halving() -> None:
    """A transposed convolution is defined by that: <A x, y> = <x, A' y>."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3, 8, 6, 4)).astype(np.float32)
    y = rng.normal(size=(2, 4, 3, 2)).astype(np.float32)
    kernel = rng.normal(size=(2, 3, 3, 3, 3)).astype(np.float32)
    halved, spread = network._convolved(x, kernel, stride=2), network._spread(y, kernel)
    assert float((halved * y).sum()) == pytest.approx(float((x * spread).sum()), rel=1e-4)


def test_odds_do_not_depend_on_the_unit_of_brightness() -> None:
    """MR images have none; and the same image gives the same odds, to the last bit."""
    image = np.random.default_rng(3).gamma(2.0, 50.0, (32, 64, 32)).astype(np.float32)
    odds = brain_odds(image)
    assert odds.shape == image.shape
    assert np.array_equal(odds, brain_odds(image))
    assert np.allclose(odds, brain_odds(image * np.float32(16)), atol=0.05)
