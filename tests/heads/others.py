"""What is no head with a face any more, or never was one."""

import numpy as np
from attrs import evolve
from numpy.random import Generator
from numpy.typing import NDArray
from tests.heads.made import Made, rician, unchanged
from tests.heads.truth import Affine, KnownHead


def already_defaced(head: KnownHead, rng: Generator) -> Made:
    """Take away all in front of the brain and below the brows, and the ears: what a defacer has left."""
    index = np.indices(head.data.shape, dtype=np.float32)
    points = [head.affine[axis, 3] + head.affine[axis, axis] * index[axis] for axis in range(3)]
    x, y, z = np.abs(points[0] - 4), points[1], points[2]
    gone = ((y > 45 + 0.5 * (z + 5)) & (y > 30) & (z < 2)) | ((x > 58) & (z < 0) & (y < 15))
    gone &= ~head.brain
    return evolve(unchanged(head, rng), data=np.where(gone, 0, head.data), stored={"dtype": "<i2"})


def skull_stripped(head: KnownHead, rng: Generator) -> Made:
    """Keep the brain alone."""
    return evolve(unchanged(head, rng), data=np.where(head.brain, head.data, 0), stored={"dtype": "<i2"})


def phantom(head: KnownHead, rng: Generator) -> Made:
    """Image a bottle: a cylinder of water with rods in it and a plate above."""
    i, j, k = (axis - 64 for axis in np.indices((128, 128, 128), dtype=np.float32))
    data = 800.0 * ((i**2 + j**2 < 55**2) & (np.abs(k) < 60))
    for angle in np.arange(8) * np.pi / 4:
        data[(i - 35 * np.cos(angle)) ** 2 + (j - 35 * np.sin(angle)) ** 2 < 36] = 200
    data[np.abs(k - 20) < 2] *= 0.3
    return _without_head(head, rician(data.astype(np.float32), 10, rng), np.diag([1.5, 1.5, 1.5, 1.0]))


def only_noise(head: KnownHead, rng: Generator) -> Made:
    """Image nothing."""
    return _without_head(head, rng.rayleigh(50, (96, 96, 96)).astype(np.float32), np.diag([2.0, 2, 2, 1]))


def zeros(head: KnownHead, _: Generator) -> Made:
    """Hold nothing."""
    return _without_head(head, np.zeros((96, 96, 96), np.float32), np.diag([2.0, 2, 2, 1]))


def one_slice(head: KnownHead, _: Generator) -> Made:
    """Cut one slice, in which nobody finds a head."""
    return _without_head(head, head.data[:, :, 130:131], head.affine)


def _without_head(_: KnownHead, data: NDArray[np.float32], affine: Affine) -> Made:
    """Make an image in which no head can be found."""
    empty = np.zeros(data.shape, np.uint8)
    return Made(data=data, affine=affine, moved=None, skin=empty, brain=empty > 0, stored={"dtype": "<i2"})
