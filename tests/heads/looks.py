"""The same head in other contrasts, with noise and shading, as a series, and stored in other kinds of number."""

from typing import Any

import numpy as np
from attrs import evolve
from numpy.random import Generator
from numpy.typing import NDArray
from tests.heads.made import Made, Maker, brightness, grid_around, lay, rician, unchanged
from tests.heads.truth import KnownHead


def _curved(head: KnownHead, curve: tuple[tuple[float, float], ...]) -> NDArray[np.float32]:
    old, new = np.array(curve).T
    return np.asarray(1000 * np.interp(head.data / brightness(head), old, new), dtype=np.float32)


def looking_like(curve: tuple[tuple[float, float], ...]) -> Maker:
    """Show each tissue of the T1w image as brightly as the curve says."""

    def make(head: KnownHead, rng: Generator) -> Made:
        return evolve(
            unchanged(head, rng), data=_curved(head, curve) + rng.rayleigh(8, head.data.shape).astype(np.float32)
        )

    return make


def shaded(reach: float) -> Maker:
    """Receive with a coil behind and to the left; ``reach``: mm in which its signal falls to a third."""

    def make(head: KnownHead, rng: Generator) -> Made:
        axes = [head.affine[axis, 3] + head.affine[axis, axis] * np.arange(head.data.shape[axis]) for axis in range(3)]
        x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
        gain = np.exp(-np.sqrt((x + 90) ** 2 + (y + 100) ** 2 + (z - 10) ** 2) / reach)
        data = head.data / brightness(head) * 4000 * gain / np.exp(-60 / reach)
        return evolve(unchanged(head, rng), data=rician(data.astype(np.float32), 6, rng))

    return make


def noisy(share: float) -> Maker:
    """Add noise of so large a share of the brightest tissue."""

    def make(head: KnownHead, rng: Generator) -> Made:
        return evolve(unchanged(head, rng), data=rician(head.data, share * brightness(head), rng))

    return make


def salted(head: KnownHead, rng: Generator) -> Made:
    """Divide two noisy images, as MP2RAGE does: air becomes anything."""
    share = np.clip(head.data / (0.1 * brightness(head)), 0, 1) ** 2
    air = rng.uniform(0, brightness(head), head.data.shape).astype(np.float32)
    return evolve(unchanged(head, rng), data=share * head.data + (1 - share) * air, stored={"dtype": "<i2"})


def air_not_a_number(head: KnownHead, rng: Generator) -> Made:
    """Write NaN where there is nothing."""
    data = np.where(head.data < 0.05 * brightness(head), np.float32("nan"), head.data)
    return evolve(unchanged(head, rng), data=data)


def stored_as(*, offset: float = 0.0, most: float = 0.0, **how: Any) -> Maker:  # noqa: ANN401 - options of ``write``
    """Store the same head otherwise."""

    def make(head: KnownHead, rng: Generator) -> Made:
        data = head.data * np.float32(most / head.data.max()) if most else head.data
        return evolve(unchanged(head, rng), data=data + np.float32(offset), stored=how)

    return make


def as_epi_series(head: KnownHead, rng: Generator) -> Made:
    """Image it as a functional series does: coarse, fat saturated, signal lost above sinuses and ears."""
    data = _curved(head, ((0, 0), (0.05, 0.05), (0.15, 1.0), (0.38, 0.65), (0.55, 0.45), (0.7, 0.15), (1.0, 0.1)))
    axes = [head.affine[axis, 3] + head.affine[axis, axis] * np.arange(head.data.shape[axis]) for axis in range(3)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    for at, reach in (((4, 55, -25), 22.0), ((50, -20, -45), 16.0), ((-42, -20, -45), 16.0)):
        away = (x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2
        data *= 1 - 0.9 * np.exp(-away / (2 * reach**2)).astype(np.float32)
    grid, shape = grid_around(head, np.eye(4), (3.0, 3.0, 3.0))
    made = lay(head, moved=np.eye(4), grid=grid, shape=shape, data=data, thick=(3, 3, 3))
    volumes = np.stack([rician(made.data * np.float32(1 - 0.002 * number), 12, rng) for number in range(6)], axis=-1)
    return evolve(made, data=volumes, stored={"dtype": "<i2"})


def as_diffusion_series(head: KnownHead, rng: Generator) -> Made:
    """Image it as a diffusion series does: one volume without weighting, six where the brain alone is bright."""
    first = _curved(head, ((0, 0), (0.05, 0.05), (0.15, 1.0), (0.38, 0.65), (0.55, 0.45), (0.7, 0.12), (1.0, 0.06)))
    grid, shape = grid_around(head, np.eye(4), (2.0, 2.0, 2.0))
    made = lay(head, moved=np.eye(4), grid=grid, shape=shape, data=first, thick=(2, 2, 2))
    weighted = np.where(made.brain, 0.45, 0.05).astype(np.float32) * np.minimum(made.data, 600)
    volumes = [rician(made.data, 15, rng), *(rician(weighted, 15, rng) for _ in range(6))]
    return evolve(made, data=np.stack(volumes, axis=-1), stored={"dtype": "<i2"})
