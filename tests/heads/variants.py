"""What scanners, converters and people make of one head: turned, cut, shaded, stored in odd ways; or no head at all.

Each variant is made by a seed, and says by what transform the head moved, so that a pose found in it can be judged.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import nibabel
import numpy as np
import SimpleITK
from attrs import evolve, field, frozen
from numpy.random import Generator
from numpy.typing import NDArray
from tests.heads.truth import Affine, KnownHead

sitk: Any = SimpleITK
nib: Any = nibabel
Numbers = NDArray[Any]

SEED: Final = 31


@frozen(kw_only=True, eq=False)
class Made:
    """An image made of a head.  ``moved``: from the head's world to the image's, RAS mm; None when no head is in it.

    ``skin``, ``brain``: the truth on the image's grid.  ``stored``: how it is written (see ``write``).
    """

    data: Numbers
    affine: Affine
    moved: Affine | None
    skin: NDArray[np.uint8]
    brain: NDArray[np.bool_]
    stored: Mapping[str, Any] = field(factory=dict)


Maker = Callable[[KnownHead, Generator], Made]


@frozen(kw_only=True)
class Variant:
    """A way to change a head; ``answers``: what a defacer may say of it."""

    name: str
    make: Maker
    answers: frozenset[str]

    def of(self, head: KnownHead) -> Made:
        """Make it: the same each time."""
        return self.make(head, np.random.default_rng([SEED, *self.name.encode()]))


def variants() -> Iterator[Variant]:
    """List all of them, each by a name."""
    head, none = frozenset({"defaced"}), frozenset({"refused"})
    cut = head | {"nothing-to-do"}
    gone = frozenset({"nothing-to-do"})
    given: list[tuple[str, Maker, frozenset[str]]] = [("as-it-is", _same, head)]
    given += [(f"turned-{name}", _turned(*angles), head) for name, angles in TURNS.items()]
    given += [
        ("oblique-header", _header(_rotation(20, -15, 25)), head),
        ("axes-mislabelled-x", _header(_rotation(90, 0, 0)), head),
        ("axes-mislabelled-z", _header(_rotation(0, 0, 90)), head),
        ("mirrored-header", _header(np.diag([-1.0, 1, 1, 1])), head),
        ("off-origin", _header(_shift(200, -150, 180)), head),
        ("child", _grown(0.8), head),
        ("large", _grown(1.15), head),
        ("long-face", _header(np.diag([0.96, 0.97, 1.1, 1])), head),
    ]
    given += [(f"voxels-{name}", _sampled(*steps), head) for name, steps in STEPS.items()]
    given += [(f"cut-{name}", _cut(**at), cut) for name, at in CUTS.items()]
    given += [("nose-wrapped", _wrapped, head | {"needs-review"})]
    given += [(f"like-{name}", _look(curve), head) for name, curve in CURVES.items()]
    given += [
        ("shaded", _shaded(160), head),
        ("surface-coil", _shaded(55), head),
        ("noise", _noisy(0.05), head),
        ("much-noise", _noisy(0.12), head),
        ("salt-in-air", _salted, head | {"needs-review"}),
        ("air-1024-below", _stored(offset=-1024.0, dtype="<i2"), head),
        ("air-nan", _nan, head),
        ("int16-with-slope", _stored(dtype="<i2", slope=0.037, inter=-12.0), head),
        ("uint8", _stored(dtype="u1", most=255), head),
        ("uint16", _stored(dtype="<u2", most=60000), head),
        ("int32", _stored(dtype="<i4", most=2_000_000), head),
        ("float64", _stored(dtype="<f8"), head),
        ("big-endian", _stored(dtype=">i2"), head),
        ("pair", _stored(dtype="<i2", pair=True), head),
        ("nifti-2", _stored(dtype="<i2", version=2), head),
        ("extension", _stored(dtype="<i2", extension=b"made by a test"), head),
    ]
    given += [(f"axes-{codes}", _axes(codes), head) for codes in ("RAS", "LPS", "PSR", "LIP", "AIL")]
    given += [("no-codes", _no_codes, head), ("series-epi", _epi, head), ("series-dwi", _dwi, head | {"needs-review"})]
    given += [
        ("already-defaced", _defaced, gone),
        ("skull-stripped", _stripped, gone),
        ("phantom", _phantom, none),
        ("only-noise", _only_noise, none),
        ("zeros", _zeros, none),
        ("one-slice", _one_slice, none),
    ]
    for name, make, answers in given:
        yield Variant(name=name, make=make, answers=answers)


TURNS: Final = {
    "nod-30": (30, 0, 0), "nod-back-30": (-30, 0, 0), "tilt-30": (0, 30, 0), "tilt-back-30": (0, -30, 0),
    "shake-30": (0, 0, 30), "shake-back-30": (0, 0, -30), "nod-45": (45, 0, 0), "tilt-45": (0, 45, 0),
    "shake-45": (0, 0, 45), "mixed-20": (20, -20, 20), "mixed-30": (-30, 25, 30),
}  # fmt: skip
"""Degrees about x, y and z."""

STEPS: Final = {
    "1x1x5": (1, 1, 5), "1x5x1": (1, 5, 1), "5x1x1": (5, 1, 1), "3": (3, 3, 3), "4": (4, 4, 4), "0.7": (0.7, 0.7, 0.7),
}  # fmt: skip

CUTS: Final[Mapping[str, Mapping[str, float]]] = {
    "under-nose": {"low_z": -66}, "at-brows": {"low_z": -5}, "vertex": {"high_z": 50}, "back": {"low_y": -70},
    "front": {"high_y": 92}, "side": {"low_x": -55}, "slab": {"low_z": -60, "high_z": 40},
}  # fmt: skip

CURVES: Final = {
    "t2": ((0, 0), (0.05, 0.05), (0.15, 1.0), (0.38, 0.6), (0.55, 0.4), (1.0, 0.75)),
    "flair": ((0, 0), (0.05, 0.05), (0.15, 0.1), (0.38, 0.65), (0.55, 0.5), (1.0, 0.9)),
    "pd": ((0, 0), (0.05, 0.1), (0.15, 0.8), (0.38, 0.75), (0.55, 0.65), (1.0, 0.85)),
    "fat-saturated": ((0, 0), (0.15, 0.15), (0.38, 0.5), (0.55, 0.8), (0.7, 0.25), (1.0, 0.12)),
    "inverted": ((0, 0), (0.05, 0.1), (0.15, 1.0), (0.38, 0.8), (0.55, 0.3), (1.0, 0.1)),
}
"""Brightness of T1w, 0 to 1 (1: fat), and what it becomes."""


def write(made: Made, folder: Path, name: str) -> Path:
    """Write it as a NIfTI file, or a pair of them, and give the path of the image."""
    how = dict(made.stored)
    dtype = np.dtype(how.get("dtype", "<f4"))
    data, slope, inter = made.data, float(how.get("slope", 1.0)), float(how.get("inter", 0.0))
    stored = (data - inter) / slope
    if dtype.kind in "iu":
        stored = np.clip(np.rint(stored), np.iinfo(dtype).min, np.iinfo(dtype).max)
    kind = nib.Nifti2Image if how.get("version") == 2 else nib.Nifti1Pair if how.get("pair") else nib.Nifti1Image
    order = ">" if dtype.byteorder == ">" else "<"
    empty = (nib.Nifti2Header if how.get("version") == 2 else nib.Nifti1Header)(endianness=order)
    empty.set_data_dtype(dtype)
    image = kind(stored.astype(dtype), made.affine, empty)
    image.header.set_slope_inter(slope, inter)
    code = int(how.get("code", 1))
    image.set_sform(made.affine, code)
    image.set_qform(None if code == 0 else made.affine, code)
    if "extension" in how:
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", how["extension"]))
    path = folder / (f"{name}.img" if how.get("pair") else f"{name}.nii" if how.get("plain") else f"{name}.nii.gz")
    nib.save(image, path)
    return path


def _laid(
    head: KnownHead,
    *,
    moved: Affine,
    grid: Affine,
    shape: tuple[int, int, int],
    data: NDArray[np.float32] | None = None,
    thick: tuple[int, int, int] = (1, 1, 1),
) -> Made:
    """Sample the moved head on another grid; ``thick``: how many samples make a voxel, along each axis."""
    hop = np.linalg.inv(head.affine) @ np.linalg.inv(moved) @ grid
    source = head.data if data is None else data
    total = np.zeros(shape, np.float32)
    for part in np.ndindex(*thick):
        within = np.eye(4)
        within[:3, 3] = (np.array(part) + 0.5) / thick - 0.5
        total += _resampled(source, hop @ within, shape, sitk.sitkLinear)
    labels = _resampled(head.skin, hop, shape, sitk.sitkNearestNeighbor)
    brain = _resampled(head.brain.astype(np.uint8), hop, shape, sitk.sitkNearestNeighbor)
    return Made(data=total / np.prod(thick), affine=grid, moved=moved, skin=labels, brain=brain > 0)


def _resampled(data: Numbers, hop: Affine, shape: tuple[int, int, int], kind: int) -> Numbers:
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(hop[:3, :3].ravel().tolist())
    transform.SetTranslation(hop[:3, 3].tolist())
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    return np.asarray(sitk.GetArrayFromImage(sitk.Resample(image, list(shape), transform, kind))).T


def _grid_around(head: KnownHead, moved: Affine, steps: tuple[float, float, float]) -> tuple[Affine, Any]:
    """Lay a grid along RAS around the whole of the moved head."""
    ends = np.array(np.meshgrid(*[(0, size - 1) for size in head.data.shape], indexing="ij")).reshape(3, -1)
    corners = (moved @ head.affine @ np.vstack([ends, np.ones(8)]))[:3]
    low, high = corners.min(axis=1), corners.max(axis=1)
    grid = np.diag([*steps, 1.0])
    grid[:3, 3] = low
    return grid, tuple(int(size) for size in np.ceil((high - low) / steps) + 1)


def _same(head: KnownHead, _: Generator) -> Made:
    return Made(data=head.data, affine=head.affine, moved=np.eye(4), skin=head.skin, brain=head.brain)


def _turned(pitch: float, roll: float, yaw: float) -> Maker:
    def make(head: KnownHead, _: Generator) -> Made:
        about = _shift(4, -15, -20)
        moved = about @ _rotation(pitch, roll, yaw) @ np.linalg.inv(about)
        return _laid(head, moved=moved, grid=head.affine, shape=head.data.shape)

    return make


def _header(moved: Affine) -> Maker:
    """Say another place for the same voxels."""

    def make(head: KnownHead, rng: Generator) -> Made:
        return evolve(_same(head, rng), affine=moved @ head.affine, moved=moved)

    return make


def _grown(by: float) -> Maker:
    def make(head: KnownHead, _: Generator) -> Made:
        moved = np.diag([by, by, by, 1.0])
        grid, shape = _grid_around(head, moved, (1.0, 1.0, 1.0))
        return _laid(head, moved=moved, grid=grid, shape=shape)

    return make


def _sampled(*steps: float) -> Maker:
    def make(head: KnownHead, _: Generator) -> Made:
        given = (steps[0], steps[1], steps[2])
        grid, shape = _grid_around(head, np.eye(4), given)
        thick = tuple(max(1, round(step)) for step in given)
        return _laid(head, moved=np.eye(4), grid=grid, shape=shape, thick=(thick[0], thick[1], thick[2]))

    return make


def _cut(**at: float) -> Maker:
    """Show a part alone: ``low_z`` is its lower end, mm, and so on."""

    def make(head: KnownHead, rng: Generator) -> Made:
        made = _same(head, rng)
        box = []
        for axis, name in enumerate("xyz"):
            step, zero = head.affine[axis, axis], head.affine[axis, 3]
            ends = [(at.get(f"{end}_{name}", default) - zero) / step for end, default in (("low", -1e3), ("high", 1e3))]
            box.append(slice(max(0, round(ends[0])), max(1, round(ends[1]))))
        where = (box[0], box[1], box[2])
        affine = head.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ [part.start for part in where]
        return evolve(made, data=made.data[where], skin=made.skin[where], brain=made.brain[where], affine=affine)

    return make


def _wrapped(head: KnownHead, rng: Generator) -> Made:
    """Choose too small a field of view: the nose comes in again behind the head."""
    made = _same(head, rng)
    keep = round((96.0 - head.affine[1, 3]) / head.affine[1, 1])
    beyond = head.data.shape[1] - keep

    def folded(data: Numbers) -> Numbers:
        near = data[:, :keep].copy()
        near[:, :beyond] = np.maximum(near[:, :beyond], data[:, keep:])
        return near

    return evolve(made, data=folded(made.data), skin=folded(made.skin), brain=made.brain[:, :keep])


def _bright(head: KnownHead) -> float:
    return float(np.percentile(head.data[head.data > head.data.mean()], 98))


def _curved(head: KnownHead, curve: tuple[tuple[float, float], ...]) -> NDArray[np.float32]:
    old, new = np.array(curve).T
    return np.asarray(1000 * np.interp(head.data / _bright(head), old, new), dtype=np.float32)


def _look(curve: tuple[tuple[float, float], ...]) -> Maker:
    def make(head: KnownHead, rng: Generator) -> Made:
        return evolve(_same(head, rng), data=_curved(head, curve) + rng.rayleigh(8, head.data.shape).astype(np.float32))

    return make


def _shaded(reach: float) -> Maker:
    """Receive with a coil behind and to the left; ``reach``: mm in which its signal falls to a third."""

    def make(head: KnownHead, rng: Generator) -> Made:
        axes = [head.affine[axis, 3] + head.affine[axis, axis] * np.arange(head.data.shape[axis]) for axis in range(3)]
        x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
        gain = np.exp(-np.sqrt((x + 90) ** 2 + (y + 100) ** 2 + (z - 10) ** 2) / reach)
        data = head.data / _bright(head) * 4000 * gain / np.exp(-60 / reach)
        return evolve(_same(head, rng), data=_rician(data.astype(np.float32), 6, rng))

    return make


def _noisy(share: float) -> Maker:
    def make(head: KnownHead, rng: Generator) -> Made:
        return evolve(_same(head, rng), data=_rician(head.data, share * _bright(head), rng))

    return make


def _rician(data: NDArray[np.float32], sigma: float, rng: Generator) -> NDArray[np.float32]:
    """Add noise as a magnitude image has it (Gudbjartsson & Patz 1995)."""
    real, other = (rng.normal(0, sigma, data.shape).astype(np.float32) for _ in range(2))
    return np.asarray(np.hypot(data + real, other), dtype=np.float32)


def _salted(head: KnownHead, rng: Generator) -> Made:
    """Divide two noisy images, as MP2RAGE does: air becomes anything."""
    share = np.clip(head.data / (0.1 * _bright(head)), 0, 1) ** 2
    air = rng.uniform(0, _bright(head), head.data.shape).astype(np.float32)
    return evolve(_same(head, rng), data=share * head.data + (1 - share) * air, stored={"dtype": "<i2"})


def _nan(head: KnownHead, rng: Generator) -> Made:
    data = np.where(head.data < 0.05 * _bright(head), np.float32("nan"), head.data)
    return evolve(_same(head, rng), data=data)


def _stored(*, offset: float = 0.0, most: float = 0.0, **how: Any) -> Maker:  # noqa: ANN401 - options of ``write``
    """Store the same head otherwise."""

    def make(head: KnownHead, rng: Generator) -> Made:
        data = head.data * np.float32(most / head.data.max()) if most else head.data
        return evolve(_same(head, rng), data=data + np.float32(offset), stored=how)

    return make


def _axes(codes: str) -> Maker:
    """Lay the voxels along other axes; the head stays where it is."""

    def make(head: KnownHead, rng: Generator) -> Made:
        way = nib.orientations.ornt_transform(
            nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(tuple(codes))
        )
        affine = head.affine @ nib.orientations.inv_ornt_aff(way, head.data.shape)
        data, skin, brain = (
            nib.orientations.apply_orientation(part, way) for part in (head.data, head.skin, head.brain.astype("u1"))
        )
        return evolve(_same(head, rng), data=data, skin=skin, brain=brain > 0, affine=affine, stored={"dtype": "<i2"})

    return make


def _no_codes(head: KnownHead, rng: Generator) -> Made:
    """Say nothing of where the voxels lie but how large they are: readers then put the middle at the origin."""
    steps = np.linalg.norm(head.affine[:3, :3], axis=0)
    affine = np.diag([-steps[0], steps[1], steps[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(head.data.shape) - 1) / 2)
    moved = affine @ np.linalg.inv(head.affine)
    return evolve(_same(head, rng), affine=affine, moved=moved, stored={"dtype": "<i2", "code": 0})


def _epi(head: KnownHead, rng: Generator) -> Made:
    """Image it as a functional series does: coarse, fat saturated, signal lost above sinuses and ears."""
    data = _curved(head, ((0, 0), (0.05, 0.05), (0.15, 1.0), (0.38, 0.65), (0.55, 0.45), (0.7, 0.15), (1.0, 0.1)))
    axes = [head.affine[axis, 3] + head.affine[axis, axis] * np.arange(head.data.shape[axis]) for axis in range(3)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    for at, reach in (((4, 55, -25), 22.0), ((50, -20, -45), 16.0), ((-42, -20, -45), 16.0)):
        away = (x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2
        data *= 1 - 0.9 * np.exp(-away / (2 * reach**2)).astype(np.float32)
    grid, shape = _grid_around(head, np.eye(4), (3.0, 3.0, 3.0))
    made = _laid(head, moved=np.eye(4), grid=grid, shape=shape, data=data, thick=(3, 3, 3))
    volumes = np.stack([_rician(made.data * np.float32(1 - 0.002 * number), 12, rng) for number in range(6)], axis=-1)
    return evolve(made, data=volumes, stored={"dtype": "<i2"})


def _dwi(head: KnownHead, rng: Generator) -> Made:
    """Image it as a diffusion series does: one volume without weighting, six where the brain alone is bright."""
    first = _curved(head, ((0, 0), (0.05, 0.05), (0.15, 1.0), (0.38, 0.65), (0.55, 0.45), (0.7, 0.12), (1.0, 0.06)))
    grid, shape = _grid_around(head, np.eye(4), (2.0, 2.0, 2.0))
    made = _laid(head, moved=np.eye(4), grid=grid, shape=shape, data=first, thick=(2, 2, 2))
    weighted = np.where(made.brain, 0.45, 0.05).astype(np.float32) * np.minimum(made.data, 600)
    volumes = [_rician(made.data, 15, rng), *(_rician(weighted, 15, rng) for _ in range(6))]
    return evolve(made, data=np.stack(volumes, axis=-1), stored={"dtype": "<i2"})


def _defaced(head: KnownHead, rng: Generator) -> Made:
    """Take away all in front of the brain and below the brows, and the ears: what a defacer has left."""
    index = np.indices(head.data.shape, dtype=np.float32)
    points = [head.affine[axis, 3] + head.affine[axis, axis] * index[axis] for axis in range(3)]
    x, y, z = np.abs(points[0] - 4), points[1], points[2]
    gone = ((y > 45 + 0.5 * (z + 5)) & (y > 30) & (z < 2)) | ((x > 58) & (z < 0) & (y < 15))
    gone &= ~head.brain
    return evolve(_same(head, rng), data=np.where(gone, 0, head.data), stored={"dtype": "<i2"})


def _stripped(head: KnownHead, rng: Generator) -> Made:
    return evolve(_same(head, rng), data=np.where(head.brain, head.data, 0), stored={"dtype": "<i2"})


def _phantom(head: KnownHead, rng: Generator) -> Made:
    """Image a bottle: a cylinder of water with rods in it and a plate above."""
    i, j, k = (axis - 64 for axis in np.indices((128, 128, 128), dtype=np.float32))
    data = 800.0 * ((i**2 + j**2 < 55**2) & (np.abs(k) < 60))
    for angle in np.arange(8) * np.pi / 4:
        data[(i - 35 * np.cos(angle)) ** 2 + (j - 35 * np.sin(angle)) ** 2 < 36] = 200
    data[np.abs(k - 20) < 2] *= 0.3
    return _nothing(head, _rician(data.astype(np.float32), 10, rng), np.diag([1.5, 1.5, 1.5, 1.0]))


def _only_noise(head: KnownHead, rng: Generator) -> Made:
    return _nothing(head, rng.rayleigh(50, (96, 96, 96)).astype(np.float32), np.diag([2.0, 2, 2, 1]))


def _zeros(head: KnownHead, _: Generator) -> Made:
    return _nothing(head, np.zeros((96, 96, 96), np.float32), np.diag([2.0, 2, 2, 1]))


def _one_slice(head: KnownHead, _: Generator) -> Made:
    return _nothing(head, head.data[:, :, 130:131], head.affine)


def _nothing(_: KnownHead, data: NDArray[np.float32], affine: Affine) -> Made:
    """Make an image in which no head can be found."""
    empty = np.zeros(data.shape, np.uint8)
    return Made(data=data, affine=affine, moved=None, skin=empty, brain=empty > 0, stored={"dtype": "<i2"})


def _shift(x: float, y: float, z: float) -> Affine:
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def _rotation(pitch: float, roll: float, yaw: float) -> Affine:
    """Turn about x, then y, then z; degrees."""
    matrix = np.eye(4)
    for axis, angle in ((0, pitch), (1, roll), (2, yaw)):
        cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        one, other = [(1, 2), (2, 0), (0, 1)][axis]
        turn = np.eye(4)
        turn[one, one] = turn[other, other] = cosine
        turn[one, other], turn[other, one] = -sine, sine
        matrix = turn @ matrix
    return matrix
