"""The made-up series of all makers and generations, by name."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from tests.data.header.vendors import enhanced, ge, others, philips, siemens
from tests.data.header.vendors.common import Scan

SCANS: Final[Mapping[str, Callable[[], Scan]]] = {
    "siemens-vb17-mosaics": partial(siemens.mosaics, version="B17", model="TrioTim", series=1),
    "siemens-ve11-mosaics": partial(siemens.mosaics, version="E11", model="Prisma_fit", series=2),
    "siemens-xa-classic": partial(siemens.xa_classic, series=3),
    "siemens-xa-enhanced": partial(siemens.xa_enhanced, series=4),
    "ge-diffusion": partial(ge.diffusion, series=5),
    "ge-multiband": partial(ge.multiband, series=6),
    "philips-diffusion": partial(philips.diffusion, series=7),
    "philips-field-map": partial(philips.field_map, series=8),
    "philips-enhanced": partial(philips.enhanced, series=9),
    "canon-diffusion": partial(others.canon, maker="CANON_MEC", model="Orian", series=10, images=1),
    "toshiba-diffusion": partial(others.canon, maker="TOSHIBA_MEC", model="MRT200SP5", series=11, images=2),
    "united-imaging-grids": partial(others.united_imaging, series=12, began=49062.7),
    "united-imaging-at-midnight": partial(others.united_imaging, series=13, began=86399.2),
    "hitachi-diffusion": partial(others.hitachi, series=14),
    "bruker-animal": partial(others.bruker, series=15),
    "canon-enhanced": partial(enhanced.canon, series=16),
    "united-imaging-enhanced": partial(enhanced.united_imaging, series=17),
    "ge-enhanced": partial(enhanced.ge, series=18),
}
