"""What is done about text in the pixels of one object: taken as the header tells, looked for, or blanked.

The judgement of the header comes first; an object that is likely to hold text is refused whatever an engine reads.
Source: PS3.15 E.3.1 Clean Pixel Data Option.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import Any, Final

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from fivesafes.core.verdict import Verdict, note, refuse, review
from fivesafes.data.boxes import Box
from fivesafes.data.header.elements import PIXEL_DATA, Element
from fivesafes.data.header.malformed import truncated
from fivesafes.data.header.outcome import Outcome
from fivesafes.data.header.part10 import EXPLICIT, NATIVE, DataSet
from fivesafes.data.header.pixel_change import CLEAN_PIXEL_DATA, UNCHANGED, PixelChange, cleaned_attributes
from fivesafes.data.header.pixel_policies import RegionRule, region_rules
from fivesafes.data.header.pixels import native_content, pixel_layout
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.tally import Tally
from fivesafes.data.pixels.blank import Content, blank_regions, settle_unused_bits
from fivesafes.data.pixels.decode import LOSSY, CannotDecode, decoded_frames
from fivesafes.data.pixels.examine import TextAt, examine, plain_view, union
from fivesafes.data.pixels.layout import PixelLayout
from fivesafes.data.pixels.render import UNUSED, Grey
from fivesafes.data.ports import TextFinder, TextFinderFailed

SETTLED: Final = "overlay bits of pixels"
_PS315: Final = "PS3.15 E.3.1 Clean Pixel Data Option"
_ROUNDS: Final = 2
"""Engines see again what the first blanking uncovered; text that is there after so many is for a person."""


class PixelMode(StrEnum):
    """What is done about text in pixels (the words of ``fivesafes deidentify --pixels``)."""

    REFUSE = "refuse"
    EXAMINE = "examine"
    BLANK = "blank"


@frozen(kw_only=True)
class Shown:
    """One frame for a person to look at: as text was seen in it, and as it is now (None: unchanged)."""

    frame: int
    boxes: tuple[Box, ...]
    before: Grey = field(repr=False, eq=False)
    after: Grey | None = field(default=None, repr=False, eq=False)


@frozen(kw_only=True)
class Looked:
    """What was looked at and done in the pixels of one object: numbers and places, never what a text says.

    ``found`` is what was found at first; ``blanked`` lists the rectangles that were blanked in every frame.  ``shown``
    is as identifying as the pixels themselves.
    """

    engine: str
    frames: int
    found: tuple[TextAt, ...] = field(default=(), repr=False)
    blanked: tuple[Box, ...] = ()
    rule: str = ""
    shown: tuple[Shown, ...] = field(default=(), repr=False)


@frozen(kw_only=True)
class Treated:
    """What became of the pixels, what to say of it, and whether the object may pass."""

    change: PixelChange = UNCHANGED
    verdict: Verdict = field(factory=Verdict)
    looked: Looked | None = None


@frozen(kw_only=True)
class PixelStep:
    """What is done about text in pixels.  ``examine`` and ``blank`` need a finder.

    ``engine`` names it with its version.
    """

    mode: PixelMode = PixelMode.REFUSE
    finder: TextFinder | None = None
    engine: str = ""

    def rule_for(
        self, texts: Mapping[str, str], data_set: DataSet, found: Mapping[int, Element], profile: Profile
    ) -> RegionRule | None:
        """Give the rule that tells where this object's device writes, if its regions are to be blanked."""
        if self.mode is not PixelMode.BLANK or PIXEL_DATA not in found:
            return None
        layout = pixel_layout(data_set, found)
        rules = region_rules(profile.folder)
        return next((rule for rule in rules if rule.fits(texts, rows=layout.rows, columns=layout.columns)), None)

    def treat(
        self,
        data_set: DataSet,
        found: Mapping[int, Element],
        tally: Tally,
        rule: RegionRule | None,
        *,
        overlaid: bool,
    ) -> Treated:
        """Look at the pixels and change what must be changed.  Raises Malformed when there are fewer than said.

        ``overlaid`` says that overlays lie in bits that hold no pixel: they go, in every mode.
        """
        if PIXEL_DATA not in found or not (overlaid or self.mode is not PixelMode.REFUSE):
            return Treated()
        pixels = _Pixels(data_set, found)
        settled = pixels.settle(tally) if overlaid else None
        change = UNCHANGED if settled is None else PixelChange(content=settled)
        if self.mode is PixelMode.REFUSE or self.finder is None:
            return Treated(change=change)
        try:
            if self.mode is PixelMode.EXAMINE:
                return self._examined(pixels, self.finder, change)
            return self._blanked(pixels, self.finder, change, rule, tally)
        except CannotDecode as problem:
            return Treated(verdict=_not_looked_at(problem.why))
        except TextFinderFailed:
            why = "the engine that looks for text gave no answer"
            fix = "run it again with --text-finder naming another engine, or look at it"
            return Treated(verdict=review("data.pixels.engine", why=why, fix=fix, source=_PS315))

    def _examined(self, pixels: "_Pixels", finder: TextFinder, change: PixelChange) -> Treated:
        found = pixels.text(finder)
        shown = tuple(_shown(text) for text in found if text.view is not None)
        looked = Looked(engine=self.engine, frames=pixels.layout.frames, found=found, shown=shown)
        return Treated(change=change, verdict=_held(looked) if found else Verdict(), looked=looked)

    def _blanked(
        self, pixels: "_Pixels", finder: TextFinder, change: PixelChange, rule: RegionRule | None, tally: Tally
    ) -> Treated:
        """Blank what a rule lists and what is found, until nothing is found any more."""
        boxes = set(rule.boxes) if rule else set()
        before = pixels.plain(0) if boxes else None
        content = pixels.blank(boxes) if boxes else None
        first = found = pixels.text(finder)
        if any(UNUSED in text.views for text in found):
            settled = pixels.settle(tally)
            if settled is not None:
                change = PixelChange(content=settled)
                content = None if content is None else settled
            found = pixels.text(finder)
        for _ in range(_ROUNDS):
            if not found:
                break
            boxes |= set(union(found))
            content = pixels.blank(boxes)
            found = pixels.text(finder)
        shown = tuple(evolve(_shown(text), after=pixels.plain(text.frame)) for text in first if text.view is not None)
        if before is not None and not shown:
            shown = (Shown(frame=0, boxes=tuple(sorted(boxes)), before=before, after=pixels.plain(0)),)
        looked = Looked(
            engine=self.engine,
            frames=pixels.layout.frames,
            found=first,
            blanked=tuple(sorted(boxes)),
            rule=rule.name if rule else "",
            shown=shown,
        )
        if found:
            return Treated(verdict=_left(looked), looked=looked)
        if content is None:
            return Treated(change=change, verdict=_said(looked) if first else Verdict(), looked=looked)
        return Treated(change=pixels.described(content), verdict=_said(looked), looked=looked)


AS_TOLD: Final = PixelStep()


class _Pixels:
    """The pixels of one object as they are now: its own, or a changed copy."""

    def __init__(self, data_set: DataSet, found: Mapping[int, Element]) -> None:
        """See where they lie."""
        self.layout = pixel_layout(data_set, found)
        self._own = native_content(data_set, found)
        self._syntax = data_set.syntax
        self._compressed = data_set.syntax not in NATIVE or found[PIXEL_DATA].undefined
        if self._compressed:  # decoders give the lowest bits, pixel by pixel
            self.layout = evolve(self.layout, separate=False, high_bit=self.layout.stored - 1)
        self._changed: Content | None = None

    def settle(self, tally: Tally) -> Content | None:
        """Clear the bits that hold no pixel; give the changed pixels, or None when nothing was in those bits."""
        if self._changed is None and self._compressed:
            return None
        self._check_length()
        content, samples = settle_unused_bits(self._own if self._changed is None else self._changed, self.layout)
        if not samples:
            return None
        tally.count(Outcome.REMOVED, SETTLED)
        self._changed = content
        return content

    def text(self, finder: TextFinder) -> tuple[TextAt, ...]:
        """Say where the engine finds text.  Raises CannotDecode."""
        return tuple(examine(self._frames(), self.layout, finder))

    def blank(self, boxes: set[Box]) -> Content:
        """Give the pixels with all these boxes black.  Raises CannotDecode."""
        if self._changed is None and self._compressed:
            self._changed = self._decoded()
        self._changed = blank_regions(self._own if self._changed is None else self._changed, self.layout, boxes)
        return self._changed

    def plain(self, frame: int) -> Grey:
        """Show one frame as it is now."""
        return plain_view(next(islice(self._frames(), frame, None)), self.layout)

    def described(self, content: Content) -> PixelChange:
        """Say in the header what was done to the pixels."""
        attributes = cleaned_attributes()
        if not self._compressed:
            return PixelChange(content=content, attributes=attributes, options=frozenset({CLEAN_PIXEL_DATA}))
        attributes |= _decoded_attributes(self.layout, lossy=self._syntax in LOSSY)
        return PixelChange(
            content=content, attributes=attributes, options=frozenset({CLEAN_PIXEL_DATA}), syntax=EXPLICIT
        )

    def _frames(self) -> Iterator[NDArray[Any]]:
        """Yield frame by frame, so that memory holds one of them."""
        if self._changed is None and self._compressed:
            for _, cells in decoded_frames(self._own, self._syntax, self.layout):
                yield cells
            return
        self._check_length()
        content = self._own if self._changed is None else self._changed
        one, size = self.layout.one_frame(), self.layout.frame_bytes
        for number in range(self.layout.frames):
            yield one.cells(memoryview(content)[number * size : (number + 1) * size])[0]

    def _decoded(self) -> bytearray:
        """Decode all frames into one piece; from here on the layout is that of what was decoded."""
        content = bytearray()
        told = self.layout
        for layout, cells in decoded_frames(self._own, self._syntax, self.layout):
            told = layout
            content += cells.tobytes()
        self.layout = told
        return content

    def _check_length(self) -> None:
        """Raise Malformed when there are fewer pixels than the header says, CannotDecode when it makes no sense."""
        why = self.layout.unreadable()
        if why:
            raise CannotDecode(why)
        content = self._own if self._changed is None else self._changed
        if len(content) < self.layout.total_bytes:
            raise truncated()


def _decoded_attributes(layout: PixelLayout, *, lossy: bool) -> dict[int, tuple[bytes, bytes] | None]:
    """Describe pixels that are uncompressed now; what was lost once stays told as lost (PS3.3 C.7.6.1.1.5)."""
    attributes: dict[int, tuple[bytes, bytes] | None] = {
        0x00280004: (b"CS", layout.photometric.encode("ascii")),
        0x00280102: (b"US", layout.high_bit.to_bytes(2, "little")),
    }
    if layout.samples > 1:
        attributes[0x00280006] = (b"US", bytes(2))
    if lossy:
        attributes[0x00282110] = (b"CS", b"01")
    return attributes


def _shown(text: TextAt) -> Shown:
    view = text.view if text.view is not None else np.zeros((1, 1), np.uint8)
    return Shown(frame=text.frame, boxes=text.boxes, before=view)


def _not_looked_at(why: str) -> Verdict:
    fix = "install the extra fivesafes[pixels], have the archive send it uncompressed, or leave it out"
    return refuse("data.pixels.unreadable", why=f"its pixels can't be looked at: {why}", fix=fix, source=_PS315)


def _held(looked: Looked) -> Verdict:
    why = f"text was found in the picture ({len(looked.found)} of {looked.frames} frames)"
    fix = "look at it with --review-folder; then leave it out, or use --pixels blank"
    return review("data.pixels.text", why=why, fix=fix, source=_PS315)


def _left(looked: Looked) -> Verdict:
    why = f"text is still found after {len(looked.blanked)} regions were blanked"
    fix = "look at it with --review-folder, and leave it out"
    return review("data.pixels.text-left", why=why, fix=fix, source=_PS315)


def _said(looked: Looked) -> Verdict:
    number = len(looked.blanked)
    why = f"{number} region{'' if number == 1 else 's'} of the picture blanked"
    if not number:
        why = "text lay in bits that hold no pixel, and was cleared"
    fix = "look at the pictures of --review-folder before it leaves"
    return note("data.pixels.blanked", why=why, fix=fix, source=_PS315)
