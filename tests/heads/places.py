"""The same head elsewhere: turned, grown, cut, sampled coarsely, along other axes, or said to lie where it does not."""

from typing import Any

import nibabel
import numpy as np
from attrs import evolve
from numpy.random import Generator
from tests.heads.made import Made, Maker, Numbers, grid_around, lay, rotation, shift, unchanged
from tests.heads.truth import Affine, KnownHead

nib: Any = nibabel


def turned(pitch: float, roll: float, yaw: float) -> Maker:
    """Turn the head within the same field of view."""

    def make(head: KnownHead, _: Generator) -> Made:
        about = shift(4, -15, -20)
        moved = about @ rotation(pitch, roll, yaw) @ np.linalg.inv(about)
        return lay(head, moved=moved, grid=head.affine, shape=head.data.shape)

    return make


def said_to_lie(moved: Affine) -> Maker:
    """Say another place for the same voxels."""

    def make(head: KnownHead, rng: Generator) -> Made:
        return evolve(unchanged(head, rng), affine=moved @ head.affine, moved=moved)

    return make


def grown(by: float) -> Maker:
    """Make it larger, or as small as a child's."""

    def make(head: KnownHead, _: Generator) -> Made:
        moved = np.diag([by, by, by, 1.0])
        grid, shape = grid_around(head, moved, (1.0, 1.0, 1.0))
        return lay(head, moved=moved, grid=grid, shape=shape)

    return make


def sampled_in(*steps: float) -> Maker:
    """Take other voxels, of so many millimetres each way."""

    def make(head: KnownHead, _: Generator) -> Made:
        given = (steps[0], steps[1], steps[2])
        grid, shape = grid_around(head, np.eye(4), given)
        thick = tuple(max(1, round(step)) for step in given)
        return lay(head, moved=np.eye(4), grid=grid, shape=shape, thick=(thick[0], thick[1], thick[2]))

    return make


def cut_off(**at: float) -> Maker:
    """Show a part alone: ``low_z`` is its lower end, mm, and so on."""

    def make(head: KnownHead, rng: Generator) -> Made:
        made = unchanged(head, rng)
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


def wrapped(head: KnownHead, rng: Generator) -> Made:
    """Choose too small a field of view: the nose comes in again behind the head."""
    made = unchanged(head, rng)
    keep = round((96.0 - head.affine[1, 3]) / head.affine[1, 1])
    beyond = head.data.shape[1] - keep

    def folded(data: Numbers) -> Numbers:
        near = data[:, :keep].copy()
        near[:, :beyond] = np.maximum(near[:, :beyond], data[:, keep:])
        return near

    return evolve(made, data=folded(made.data), skin=folded(made.skin), brain=made.brain[:, :keep])


def along_axes(codes: str) -> Maker:
    """Lay the voxels along other axes; the head stays where it is."""

    def make(head: KnownHead, rng: Generator) -> Made:
        way = nib.orientations.ornt_transform(
            nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(tuple(codes))
        )
        affine = head.affine @ nib.orientations.inv_ornt_aff(way, head.data.shape)
        data, skin, brain = (
            nib.orientations.apply_orientation(part, way) for part in (head.data, head.skin, head.brain.astype("u1"))
        )
        return evolve(
            unchanged(head, rng), data=data, skin=skin, brain=brain > 0, affine=affine, stored={"dtype": "<i2"}
        )

    return make


def without_codes(head: KnownHead, rng: Generator) -> Made:
    """Say nothing of where the voxels lie but how large they are: readers then put the middle at the origin."""
    steps = np.linalg.norm(head.affine[:3, :3], axis=0)
    affine = np.diag([-steps[0], steps[1], steps[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(head.data.shape) - 1) / 2)
    moved = affine @ np.linalg.inv(head.affine)
    return evolve(unchanged(head, rng), affine=affine, moved=moved, stored={"dtype": "<i2", "code": 0})
