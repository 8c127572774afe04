"""Run a small convolutional network that tells brain from what surrounds it, with numpy alone.

The network is deepbet's first stage (Fisch et al. 2024, doi:10.1016/j.compbiomed.2024.108845; MIT licence), a LinkNet
of 2.1 million weights, trained by its authors on T1-weighted heads of healthy adults.
``tools/build_brain_network.py`` took its weights from their package.  Arrays between the layers are
(channels, x, y, z), float32.
"""

import math
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fivesafes.data.face.itk import FAINTEST, Floats

FOLDER, WEIGHTS = "deepbet", "weights.npy"
MULTIPLE: Final = 32
"""Each side of the image has to be a multiple of this many voxels: five layers halve it."""

SLAB: Final = 1_000_000
"""Numbers that are laid side by side for one multiplication: more only costs memory."""

MEAN, SPREAD = 0.449, 0.226
"""What the network was trained on: images of this mean and standard deviation."""

DOWN: Final = ((16, 16), (16, 32), (32, 64), (64, 128))
UP: Final = ((128, 64), (64, 32), (32, 16), (16, 16))


def shapes() -> Iterator[tuple[int, ...]]:
    """List the shapes of the weights in the order in which they are stored, and used."""
    yield 16, 1, 7, 7, 7
    for given, wanted in DOWN:
        yield wanted, given, 3, 3, 3
        yield wanted, wanted, 3, 3, 3
        if given != wanted:
            yield wanted, given, 1, 1, 1
        yield wanted, wanted, 3, 3, 3
        yield wanted, wanted, 3, 3, 3
    for given, wanted in UP:
        inner = given // 4
        yield inner, given, 1, 1, 1
        yield inner, inner, 3, 3, 3
        yield wanted, inner, 1, 1, 1
    yield 16, 8, 3, 3, 3
    yield 8, 8, 3, 3, 3
    yield 8, 1, 2, 2, 2
    yield (1,)


def brain_odds(image: Floats) -> Floats:
    """Say of each voxel how surely it is brain: the logarithm of the odds, above 0 more likely brain than not.

    Arguments: ``image``: (I, J, K), a head in RAS axes, about 1.6 mm, 0 in air; each side a multiple of 32.
    Source: the layers are deepbet 1.0.2's, read off its TorchScript.
    """
    weights = iter(_weights())
    kept = [_pooled(_relu(_even(_convolved(_normal(image)[None], next(weights), stride=2))))]
    for number in range(len(DOWN)):
        kept.append(_down(kept[-1], weights, stride=1 if number == 0 else 2))
    stem, *skipped, x = kept
    for side in (*reversed(skipped[1:]), skipped[0], stem):
        stride = x.shape[1] != side.shape[1]
        x = _up(x, weights, stride=2 if stride else 1) + side
    x = _relu(_even(_spread(x, next(weights))))
    x = _relu(_even(_convolved(x, next(weights))))
    return np.asarray(_doubled(x, next(weights))[0] + next(weights), dtype=np.float32)


@cache
def _weights() -> tuple[Floats, ...]:
    """Read the weights; once per process."""
    with (files(__package__) / FOLDER / WEIGHTS).open("rb") as stored:
        flat: NDArray[Any] = np.load(stored, allow_pickle=False)
    numbers, start = [], 0
    for shape in shapes():
        size = int(np.prod(shape))
        numbers.append(flat[start : start + size].astype(np.float32).reshape(shape))
        start += size
    return tuple(numbers)


def _normal(image: Floats) -> Floats:
    """Bring brightness to what the network was trained on: from air to the brightest 2 in 1000."""
    high = max(float(np.quantile(image, 0.998)), FAINTEST)
    shown = image / np.float32(high)
    np.clip(shown, 0, 1, out=shown)
    spread = max(float(shown.std()), 1e-6)
    shown -= shown.mean()
    shown *= np.float32(SPREAD)
    shown /= np.float32(spread)
    shown += np.float32(MEAN)
    return shown


def _down(x: Floats, weights: Iterator[Floats], *, stride: int) -> Floats:
    """Two blocks of two convolutions, each beside a way around it; the first may halve the image."""
    inner = _relu(_even(_convolved(x, next(weights), stride=stride)))
    inner = _even(_convolved(inner, next(weights)))
    around = x if stride == 1 else _even(_convolved(x, next(weights), stride=stride))
    x = _relu(inner + around)
    inner = _relu(_even(_convolved(x, next(weights))))
    return _relu(_even(_convolved(inner, next(weights))) + x)


def _up(x: Floats, weights: Iterator[Floats], *, stride: int) -> Floats:
    """Narrow, spread to the size of the layer before, widen."""
    x = _relu(_even(_convolved(x, next(weights))))
    kernel = next(weights)
    if stride == 1:  # then the transposed convolution is one with a mirrored kernel
        x = _convolved(x, np.ascontiguousarray(kernel.swapaxes(0, 1)[:, :, ::-1, ::-1, ::-1]))
    else:
        x = _spread(x, kernel)
    return _relu(_even(_convolved(_relu(_even(x)), next(weights))))


def _convolved(x: Floats, kernel: Floats, *, stride: int = 1) -> Floats:
    """Convolve; zeros beyond the border.  ``kernel``: (out, in, k, k, k), k odd."""
    width, out = kernel.shape[-1], kernel.shape[0]
    flat = np.ascontiguousarray(kernel.reshape(out, -1))
    if width == 1:
        thin = x[:, ::stride, ::stride, ::stride]
        return np.asarray((flat @ thin.reshape(x.shape[0], -1)).reshape(out, *thin.shape[1:]))
    pad = width // 2
    wide = np.pad(x, [(0, 0), *[(pad, pad)] * 3])
    seen = [_windows(np.ascontiguousarray(wide[..., first::stride]), width, stride, first) for first in range(stride)]
    size = (seen[-1].shape[4], seen[-1].shape[5], -(-x.shape[3] // stride))
    result = np.empty((out, *size), np.float32)
    rows = max(1, SLAB // (flat.shape[1] * size[1] * size[2]))
    place = np.empty(flat.shape[1] * min(rows, size[0]) * size[1] * size[2], np.float32)
    for start in range(0, size[0], rows):
        shape = (x.shape[0], width, width, width, min(rows, size[0] - start), *size[1:])
        part = place[: math.prod(shape)].reshape(shape)
        for first, windows in enumerate(seen):
            part[:, :, :, first::stride] = windows[:, :, :, :, start : start + rows, :, : size[2]]
        result[:, start : start + rows] = (flat @ part.reshape(flat.shape[1], -1)).reshape(out, -1, *size[1:])
    return result


def _windows(apart: Floats, width: int, stride: int, first: int) -> Floats:
    """Show of each place what the kernel meets there, (in, k, k, k, x, y, z): a view.

    ``apart``: of the last axis those places alone that the kernel's numbers ``first``, ``first + stride``, … meet, so
    that what is copied lies together.
    """
    kernel = (width, width, len(range(first, width, stride)))
    return sliding_window_view(apart, kernel, axis=(1, 2, 3))[:, ::stride, ::stride].transpose(0, 4, 5, 6, 1, 2, 3)


def _spread(x: Floats, kernel: Floats) -> Floats:
    """Convolve transposed with stride 2, so that each side doubles.  ``kernel``: (in, out, 3, 3, 3)."""
    out = kernel.shape[1]
    shares = (kernel.reshape(x.shape[0], -1).T @ x.reshape(x.shape[0], -1)).reshape(out, 3, 3, 3, *x.shape[1:])
    size = [2 * side for side in x.shape[1:]]
    result = np.zeros((out, *(side + 2 for side in size)), np.float32)
    for i, j, k in np.ndindex(3, 3, 3):
        result[:, i : i + size[0] : 2, j : j + size[1] : 2, k : k + size[2] : 2] += shares[:, i, j, k]
    return result[:, 1 : 1 + size[0], 1 : 1 + size[1], 1 : 1 + size[2]]


def _doubled(x: Floats, kernel: Floats) -> Floats:
    """Put a block of 2 voxels each way in the place of each.  ``kernel``: (in, out, 2, 2, 2)."""
    out = kernel.shape[1]
    blocks = (kernel.reshape(x.shape[0], -1).T @ x.reshape(x.shape[0], -1)).reshape(out, 2, 2, 2, *x.shape[1:])
    ordered = blocks.transpose(0, 4, 1, 5, 2, 6, 3)
    return np.asarray(ordered.reshape(out, *(2 * side for side in x.shape[1:])))


def _even(x: Floats) -> Floats:
    """Bring each channel to mean 0 and variance 1 within this image: what makes the network bear other contrasts.

    What is given is written over.
    """
    flat = x.reshape(x.shape[0], -1)
    mean = flat.mean(axis=1, keepdims=True)
    spread = flat.var(axis=1, keepdims=True, mean=mean)
    flat -= mean
    flat /= np.sqrt(spread + np.float32(1e-5))
    return flat.reshape(x.shape)


def _relu(x: Floats) -> Floats:
    return np.maximum(x, 0, out=x)


def _pooled(x: Floats) -> Floats:
    """Halve each side: the brightest of 3 voxels each way; none is below 0, which stands beyond the border."""
    for axis in (1, 2, 3):
        along = np.moveaxis(x, axis, 0)
        brightest = np.maximum(along[::2], along[1::2])
        np.maximum(brightest[1:], along[1:-1:2], out=brightest[1:])
        x = np.moveaxis(brightest, 0, axis)
    return np.ascontiguousarray(x)
