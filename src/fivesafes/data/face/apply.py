"""Set the removed voxels to background, on the numbers as they are stored; nothing else in the file changes.

Re-scaling an image to floating point and back would alter every voxel a little; here each stored byte outside of the
zone, each byte of the header and of its extensions, and the order of bytes stay as they were.
"""

import math
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import nibabel
import numpy as np

from fivesafes.data.face.itk import Grid
from fivesafes.data.face.prepare import Prepared
from fivesafes.data.face.stored import Stored, write_aside
from fivesafes.data.face.zones import Zones

SCANNER: Final = 1  # NIfTI's code for "scanner coordinates"


def apply(stored: Stored, zones: Zones, scan: Prepared) -> Stored:
    """Blank the zone in every volume.

    The fill is the stored number that means 0, because that is what later programs take for "no signal": it is not 0
    where the header gives an intercept.  Where the scan's own air is negative (padding of -1024, say), it is that.
    """
    return stored.blanked(zones.removed, box=zones.box, fill=stored.stored_value(scan.background))


def blanked_parts(stored: Stored, zones: Zones, scan: Prepared) -> Iterator[memoryview]:
    """Give the content that ``apply`` makes, part by part."""
    return stored.parts_blanked(zones.removed, box=zones.box, fill=stored.stored_value(scan.background))


def write_mask(zones: Zones, grid: Grid, path: Path) -> None:
    """Write what was removed as an image on the scan's grid: 1 removed, 0 kept.  Its header tells nothing else."""
    kind: Any = nibabel.Nifti1Image
    image = kind(np.broadcast_to(np.uint8(0), grid.shape), grid.affine)
    image.header.set_xyzt_units("mm")
    image.header.set_slope_inter(1, 0)
    image.set_sform(grid.affine, SCANNER)
    image.update_header()
    head = BytesIO()
    image.header.write_to(head)
    content = bytearray(head.getvalue()) + bytes(math.prod(grid.shape))  # laid out here: one copy of it is enough
    voxels = np.frombuffer(content, np.uint8, offset=len(head.getvalue())).reshape(grid.shape, order="F")
    voxels[zones.box] = zones.removed
    write_aside(content, path)
