"""One DICOM object as far as defacing asks: where its frames lie in space, and how their numbers are to be read.

Sources: PS3.3 C.7.6.2 (image plane), C.7.6.16.2 (functional groups: plane position, plane orientation, pixel measures,
pixel value transformation), C.11.1 (rescale slope and intercept), C.7.6.3 and C.7.6.24 (integer and floating pixels).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import field, frozen

from fivesafes.data.face.dicom.said import Said
from fivesafes.data.header.elements import PIXEL_DATA, Element
from fivesafes.data.header.malformed import no_identity
from fivesafes.data.header.part10 import NATIVE, DataSet
from fivesafes.data.header.pixels import pixel_layout
from fivesafes.data.pixels.layout import PixelLayout

FLOATS: Final = {0x7FE00008: 32, 0x7FE00009: 64}
"""Float Pixel Data and Double Float Pixel Data, and the bits of one number in them."""

_CLASS, _INSTANCE, _SERIES, _STUDY, _NUMBER = 0x00080016, 0x00080018, 0x0020000E, 0x0020000D, 0x00200013
_TYPE, _REMOVED, _COMPONENT = 0x00080008, 0x00120062, 0x00089208
_FRAME_OF_REFERENCE, _SERIES_NUMBER = 0x00200052, 0x00200011
_ECHO, _EFFECTIVE_ECHO = 0x00180081, 0x00189082
_POSITION, _ORIENTATION, _SPACING = 0x00200032, 0x00200037, 0x00280030
_SLOPE, _INTERCEPT, _PADDING_VALUE = 0x00281053, 0x00281052, 0x00280120
_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_FRAME_TYPE: Final = 0x00089007
_GROUPS: Final = {
    _POSITION: (0x00209113,),
    _ORIENTATION: (0x00209116,),
    _SPACING: (0x00289110,),
    _SLOPE: (0x00289145,),
    _INTERCEPT: (0x00289145,),
    _FRAME_TYPE: (0x00189226, 0x00189329, 0x00189751, 0x00409092),
    _COMPONENT: (0x00189226,),
    _EFFECTIVE_ECHO: (0x00189114,),
}
"""In which functional groups an attribute of a frame stands (MR, CT and PET frame types, parametric maps; echoes)."""

_UNSEEN: Final = frozenset({"P", "PHASE", "R", "REAL", "I", "IMAGINARY"})
"""What ImageType says where numbers are no magnitudes, so that air in them is not dark."""

_MOSAICS: Final = frozenset({"MOSAIC", "VFRAME"})
"""What Siemens and United Imaging call it in ImageType."""

MOSAIC: Final = (
    "it is a mosaic: the slices of a volume lie side by side in one picture, and the header does not say where each "
    "belongs; convert it with dcm2niix and deface the NIfTI image"
)
NO_STACK: Final = "it is no slice with a place in space (a segmentation, a report, a screen save or the like)"
NO_PIXELS: Final = "it holds no pixels"

_STACKS: Final = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.4.1": "Enhanced MR",
    "1.2.840.10008.5.1.4.1.1.4.4": "Legacy Converted Enhanced MR",
    "1.2.840.10008.5.1.4.1.1.128": "PET",
    "1.2.840.10008.5.1.4.1.1.128.1": "Legacy Converted Enhanced PET",
    "1.2.840.10008.5.1.4.1.1.130": "Enhanced PET",
    "1.2.840.10008.5.1.4.1.1.30": "Parametric Map",
}
"""The SOP classes whose slices have a place in the body (PS3.6 table A-1)."""


@frozen(kw_only=True)
class Frame:
    """Where one frame lies, LPS mm, and how its numbers are read: ``stored * slope + intercept``.

    ``position``: the centre of its first pixel; ``orientation``: six cosines, along a row and along a column;
    ``spacing``: mm between rows and between columns.  Each None where it is not said.  ``secondary``: made of other
    images after the examination (PS3.3 C.7.6.1.1.2), as projections and renderings are.  ``echo``: its time, ms.
    """

    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    slope: float
    intercept: float
    magnitude: bool
    secondary: bool
    echo: float | None


@frozen(kw_only=True)
class Instance:
    """One object.  ``unfit`` says why it can't be worked on, or is None; ``apart``: it is no slice, whatever it is.

    ``padding``: the stored number that stands where nothing was measured.  ``floating``: the numbers are IEEE floats
    of the layout's width.  ``pseudonymous``: the header says that the identity was removed.  ``frame_of_reference``:
    within one, places are of the same head.  ``series_number``: as the scanner counts series.
    """

    path: Path = field(repr=False)
    sop: str = field(repr=False)
    series: str = field(repr=False)
    number: int
    layout: PixelLayout
    floating: bool
    compressed: bool
    padding: int | None
    pseudonymous: bool
    frame_of_reference: str = field(repr=False)
    series_number: int
    frames: tuple[Frame, ...] = field(repr=False)
    unfit: str | None
    apart: bool


def read_instance(path: Path, data_set: DataSet) -> Instance:
    """Read what defacing asks of one object.  Raises Malformed for a broken header, or one without its UIDs."""
    said = Said.of(data_set)
    sop, series = said.text(_INSTANCE), said.text(_SERIES)
    if not sop or not series:
        raise no_identity()
    pixels = pixels_of(said)
    floating = pixels is not None and pixels.tag in FLOATS
    layout = _layout(said, pixels)
    unfit = _unfit(said, layout, pixels)
    return Instance(
        path=path,
        sop=sop,
        series=f"{said.text(_STUDY)} {series}",
        number=said.whole(_NUMBER),
        layout=layout,
        floating=floating,
        compressed=pixels is not None and (data_set.syntax not in NATIVE or pixels.undefined),
        padding=_padding(said, layout, floating=floating),
        pseudonymous=said.text(_REMOVED) == "YES",
        frame_of_reference=said.text(_FRAME_OF_REFERENCE),
        series_number=said.whole(_SERIES_NUMBER),
        frames=() if unfit else tuple(_frames(said, layout.frames)),
        unfit=unfit,
        apart=unfit in {NO_STACK, NO_PIXELS},
    )


def pixels_of(said: Said) -> Element | None:
    """Find the element that holds the pixels."""
    return next((said.elements[tag] for tag in (PIXEL_DATA, *FLOATS) if tag in said.elements), None)


def _layout(said: Said, pixels: Element | None) -> PixelLayout:
    """Read how the pixels lie; floating ones fill their cells."""
    layout = pixel_layout(said.data_set, said.elements)
    if pixels is None or pixels.tag not in FLOATS:
        return layout
    bits = FLOATS[pixels.tag]
    return PixelLayout(
        rows=layout.rows,
        columns=layout.columns,
        frames=layout.frames,
        samples=layout.samples,
        allocated=bits,
        stored=bits,
        high_bit=bits - 1,
        photometric=layout.photometric,
        little=layout.little,
    )


def _unfit(said: Said, layout: PixelLayout, pixels: Element | None) -> str | None:
    """Say why an object can't be worked on, or None."""
    if said.text(_CLASS) not in _STACKS:
        return NO_STACK
    if pixels is None:
        return NO_PIXELS
    if _MOSAICS & set(said.texts(_TYPE)):
        return MOSAIC
    if layout.samples != 1:
        return "it is in colour"
    why = None if pixels.tag in FLOATS else layout.unreadable()
    if why is None and layout.frames > pixels.end - pixels.start:
        why = "the header tells of more frames than the file can hold"
    return why and f"its pixels can't be read: {why}"


def _padding(said: Said, layout: PixelLayout, *, floating: bool) -> int | None:
    value = said.value(_PADDING_VALUE)[:2]
    if not value or floating:
        return None
    return int.from_bytes(value, "little" if layout.little else "big", signed=layout.signed)


def _frames(said: Said, count: int) -> Iterator[Frame]:
    """Read each frame's place: from the header, or from the functional groups, its own before the shared ones."""
    shared, each = said.item(_SHARED), said.items(_PER_FRAME)
    if shared is None and not each:
        yield from [_frame((said,), {})] * count
        return
    shared_groups = {} if shared is None else _groups(shared)
    for number in range(count):
        own = _groups(each[number]) if number < len(each) else {}
        yield _frame((said,), shared_groups | own)


def _groups(item: Said) -> dict[int, Said]:
    """Give the first item of each functional group that tells of a frame's place or numbers, by tag."""
    tags = {tag for group in _GROUPS.values() for tag in group}
    found = {tag: item.item(tag) for tag in tags if tag in item.elements}
    return {tag: group for tag, group in found.items() if group is not None}


def _frame(whole: tuple[Said], groups: dict[int, Said]) -> Frame:
    def where(tag: int) -> Said:
        return next((groups[group] for group in _GROUPS[tag] if group in groups), whole[0])

    kind = (*whole[0].texts(_TYPE), *where(_FRAME_TYPE).texts(_FRAME_TYPE), where(_COMPONENT).text(_COMPONENT))
    return Frame(
        position=where(_POSITION).decimals(_POSITION, 3),
        orientation=where(_ORIENTATION).decimals(_ORIENTATION, 6),
        spacing=where(_SPACING).decimals(_SPACING, 2),
        slope=where(_SLOPE).decimal(_SLOPE, 1.0) or 1.0,
        intercept=where(_INTERCEPT).decimal(_INTERCEPT, 0.0),
        magnitude=not _UNSEEN & set(kind[2:]),
        secondary="SECONDARY" in kind[1:2],
        echo=where(_EFFECTIVE_ECHO).double(_EFFECTIVE_ECHO) or next(iter(whole[0].decimals(_ECHO, 1) or ()), None),
    )
