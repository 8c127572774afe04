"""The template pack: a mean head, where its face is, and where its brain is (built by tools/build_template_pack.py)."""

import json
from functools import cache
from importlib.resources import files
from typing import Final

import nibabel
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from fivesafes.data.face.itk import Affine, Bools, Floats, Grid, Volume, distance
from fivesafes.data.face.stored import unpacked

FEATURES: Final = ("eyes", "nose", "mouth", "chin", "ears")
"""The parts of a face that are measured one by one, in the order of their labels 1 to 5."""

CORE: Final = ("eyes", "nose", "mouth")
"""The parts without which nobody is recognised."""


@frozen(kw_only=True, eq=False)
class Template:
    """The mean head in its own space: RAS mm, symmetric about x = 0, (I, J, K) voxels of 2 mm.

    ``head``: uint8 intensities as float, 0 in air.  ``features``: 0, or 1 + the place in FEATURES, drawn as blocks
    that go forwards (ears: sideways) without end.  ``removal``: where the face or an ear goes.
    ``to_head``, ``to_brain``: mm to the head's surface and the brain's, negative inside.  ``floor``: below this z, mm,
    the head was cut off.

    ``shell``: what stands in for a face that is replaced: brightness, 1 as bright as around it, carried on beyond its
    surface; without the ghosts that ``head`` has before its eyes, and with a jaw and a neck below ``floor``.
    ``to_shell``: mm to its surface, negative inside, up to 12.
    """

    head: Volume
    features: NDArray[np.uint8]
    removal: Bools
    brain: Bools
    to_head: Floats
    to_brain: Floats
    shell: Volume
    to_shell: Floats
    floor: float
    version: str
    digest: str

    @property
    def grid(self) -> Grid:
        """Where the template's voxels lie."""
        return self.head.grid

    @property
    def affine(self) -> Affine:
        """From index to template space, RAS mm."""
        return self.head.affine


@cache
def template() -> Template:
    """Load the pack; once per process."""
    about = json.loads((files(__package__) / "pack" / "pack.json").read_text(encoding="utf-8"))
    head, affine = _read("head.nii.gz")
    zones, _ = _read("zones.nii.gz")
    brain, _ = _read("brain.nii.gz")
    shell, outline, told = _read("shell.nii.gz")[0], _read("outline.nii.gz")[0], about["shell"]
    volume = Volume(data=head.astype(np.float32), affine=affine)
    return Template(
        head=volume,
        features=zones & np.uint8(15),
        removal=zones > np.uint8(15),
        brain=brain > 0,
        to_head=distance(head > 0, volume.grid.steps[0]),
        to_brain=distance(brain > 0, volume.grid.steps[0]),
        shell=Volume(data=shell.astype(np.float32) / np.float32(told["level"]), affine=affine),
        to_shell=(outline.astype(np.float32) - np.float32(told["on_surface"])) / np.float32(told["per_mm"]),
        floor=float(about["floor_mm"]),
        version=str(about["version"]),
        digest=str(about["digest"]),
    )


def _read(name: str) -> tuple[NDArray[np.uint8], Affine]:
    """Read one image of the pack."""
    packed = (files(__package__) / "pack" / name).read_bytes()
    image = nibabel.Nifti1Image.from_bytes(unpacked(packed))
    return np.asarray(image.dataobj, dtype=np.uint8), np.asarray(image.affine, dtype=np.float64)
