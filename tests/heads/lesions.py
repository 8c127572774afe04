"""The same head with a brain that is not whole: a bright tumour, one with a bright rim, holes that surgery left."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from attrs import evolve
from numpy.random import Generator
from numpy.typing import NDArray
from tests.heads.looks import looking_like
from tests.heads.made import Made, Maker, unchanged
from tests.heads.truth import KnownHead
from tests.heads.variants import CURVES, Variant

Spot = tuple[tuple[float, float, float], float]
"""A ball's centre, RAS mm, and its radius."""

BRIGHT: Final[tuple[Spot, ...]] = (((55.0, -30.0, 35.0), 26.0),)
RING: Final[tuple[Spot, ...]] = (((40.0, 35.0, 45.0), 24.0),)
HOLES: Final[tuple[Spot, ...]] = (((-48.0, 20.0, 40.0), 28.0), ((-55.0, -5.0, -25.0), 24.0))


def lesions() -> Iterator[Variant]:
    """List them by name, in T1w, T2w and FLAIR."""
    looks: dict[str, Maker] = {"t1": unchanged, **{name: looking_like(CURVES[name]) for name in ("t2", "flair")}}
    for look, make in looks.items():
        for name, spots, inside, rim in (
            ("bright", BRIGHT, 1.7, 1.7),
            ("ring", RING, 0.3, 1.8),
            ("holes", HOLES, 0.13, 0.13),
        ):
            maker = painted(make, spots, inside=inside, rim=rim)
            maker = without(maker, spots) if spots is HOLES else maker
            yield Variant(name=f"{name}-in-{look}", make=maker, answers=frozenset({"defaced"}))


def painted(look: Maker, spots: tuple[Spot, ...], *, inside: float, rim: float) -> Maker:
    """Paint balls into the brain, so many times as bright as its bright tissue, with a rim of another brightness."""

    def make(head: KnownHead, rng: Generator) -> Made:
        made = look(head, rng)
        data, white = made.data.copy(), float(np.percentile(made.data[made.brain], 90))
        for spot in spots:
            away = _away(made, spot)
            weight = np.clip((1 - away) * 4, 0, 1) * made.brain
            value = white * np.where(away > 0.7, rim, inside) + rng.normal(0, 0.03 * white, data.shape)
            data = data * (1 - weight) + value * weight
        return evolve(made, data=data.astype(np.float32))

    return make


def without(holed: Maker, holes: tuple[Spot, ...]) -> Maker:
    """Take out of the brain what surgery took: the water in a hole is none of it."""

    def make(head: KnownHead, rng: Generator) -> Made:
        made = holed(head, rng)
        brain = made.brain.copy()
        for spot in holes:
            brain &= _away(made, spot) >= 1
        return evolve(made, brain=brain)

    return make


def _away(made: Made, spot: Spot) -> NDArray[np.float32]:
    """Measure from a ball's centre in its radii, on a grid along RAS."""
    centre, radius = spot
    axes = [
        (made.affine[axis, 3] + made.affine[axis, axis] * np.arange(made.data.shape[axis]) - centre[axis]) / radius
        for axis in range(3)
    ]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    return np.asarray(np.sqrt(x**2 + y**2 + z**2), dtype=np.float32)
