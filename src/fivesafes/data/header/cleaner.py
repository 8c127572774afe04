"""Build the elements of a new data set, one participant and one encoding at a time."""

from collections.abc import Mapping
from typing import Final

from fivesafes.data.header.elements import (
    MAX_DEPTH,
    PIXEL_DATA,
    Element,
    Encoding,
    inner_encoding,
    read_items,
)
from fivesafes.data.header.malformed import too_deep
from fivesafes.data.header.method import method_elements
from fivesafes.data.header.part10 import DataSet
from fivesafes.data.header.pixel_change import UNCHANGED, PixelChange
from fivesafes.data.header.pixels import pixel_pieces
from fivesafes.data.header.profile import BLOBS, Action, Rule
from fivesafes.data.header.shift import DATE_OF, TIME_OF, shift_date_and_time
from fivesafes.data.header.tally import Entry, Tally, name_of
from fivesafes.data.header.values import TEXTS, Outcome, Stand, apply_rule, encode, encode_items

__all__ = ["Cleaner", "Tally"]

_REMEMBERED_BYTES: Final = 4096
_REMEMBERED_BLOB: Final = 1 << 20
_MOST_REMEMBERED: Final = 1 << 26
"""Bytes of elements that are remembered, so that the next slice of a series costs little."""

_PRIVATE: Final = 0x10000
_SEQUENCE_VRS: Final = frozenset({b"SQ", b"UN", b""})
_UNTOLD: Final = frozenset({b"UN", b""})
_PAIRED: Final = frozenset({*DATE_OF, *TIME_OF})

Made = tuple[bytes | None, tuple[Entry, ...]]
"""An element as it is written (None: it goes), and what to count: outcome, keyword, option."""


class Cleaner:
    """Cleans data sets of one participant in one encoding."""

    def __init__(self, stand: Stand, target: Encoding) -> None:
        """Take in whose place values are put, and how they are written."""
        self._stand = stand
        self._target = target
        self._rules = stand.profile.rules
        self._private_rules = stand.profile.private
        self._dropped: dict[tuple[bytes, int], tuple[Entry, ...]] = {}
        self._known: dict[tuple[bytes, bytes, bool], Made] = {}
        self._remembered = 0

    def data_set(
        self,
        data_set: DataSet,
        elements: list[Element],
        found: Mapping[int, Element],
        tally: Tally,
        changed: PixelChange = UNCHANGED,
    ) -> tuple[bytes, tuple[bytes | bytearray | memoryview, ...]]:
        """Clean the outermost level: (all elements before the pixels, the pieces of the pixels).

        ``changed`` says what became of the pixels, and so of the attributes that describe them.
        Raises Malformed when there are fewer pixels than the header says.
        """
        pixels: tuple[bytes | bytearray | memoryview, ...] = ()
        if PIXEL_DATA in found:
            pixels = pixel_pieces(data_set, found, tally, changed.content)
            elements = elements[:-1]  # nothing is read behind the pixels
        made = self._elements(data_set.buffer, elements, data_set.encoding, 0, tally)
        for tag, description in changed.attributes.items():
            _describe(made, tag, description, self._target, tally)
        for tag, vr, value in self._always(made, tally.options() | changed.options):
            made[tag] = encode(tag, vr, value, self._target) or b""
        return b"".join([made[tag] for tag in sorted(made)]), pixels

    def _always(self, made: dict[int, bytes], options: frozenset[str]) -> list[tuple[int, bytes, bytes]]:
        """Give what each result holds, whatever the original had: the pseudonym, and how it was de-identified."""
        label = self._stand.label.encode("ascii")
        named = [(0x00100010, b"PN", label), (0x00100020, b"LO", label)]
        fresh = [entry for entry in named if entry[0] not in made]
        return [*fresh, *method_elements(self._stand.profile, options, self._target)]

    def _elements(
        self, buffer: bytes, elements: list[Element], source: Encoding, depth: int, tally: Tally
    ) -> dict[int, bytes]:
        """Clean the elements of one level; the result holds nothing that no rule named."""
        made: dict[int, bytes] = {}
        moments: dict[int, Element] = {}
        blocks: dict[int, bytes] = {}
        rules, dropped = self._rules, self._dropped
        for element in elements:
            tag = element.tag
            if tag & _PRIVATE:
                self._private(buffer, element, source, depth, tally, made, blocks)
                continue
            rule = rules.get(tag)
            if rule is None:
                tally.replay(dropped.get((b"", tag)) or self._drop(tag))
            elif tag in _PAIRED:
                moments[tag] = element
            else:
                written, entries = self._made(b"", buffer, element, rule, source, depth)
                tally.replay(entries)
                if written is not None:
                    made[tag] = written
        if moments:
            self._moments(buffer, moments, tally, made)
        return made

    def _drop(self, tag: int, creator: bytes = b"") -> tuple[Entry, ...]:
        """Name what is dropped, once per tag and creator."""
        entries = ((Outcome.REMOVED, name_of(tag, self._stand.profile.creators.get(creator)), ""),)
        self._dropped[creator, tag] = entries
        return entries

    def _private(
        self,
        buffer: bytes,
        element: Element,
        source: Encoding,
        depth: int,
        tally: Tally,
        made: dict[int, bytes],
        blocks: dict[int, bytes],
    ) -> None:
        """Clean one private element: known creator, known element, known VR; else it goes, unnamed.

        ``blocks`` tells the creator of each block by group << 8 | block (PS3.5 7.8.1: (gggg,0010-00FF) reserve them).
        """
        tag = element.tag
        if tag & 0xFF00 == 0:
            blocks[(tag >> 16 << 8) | (tag & 0xFF)] = buffer[element.start : element.end].strip(b" \0").upper()
            return
        creator = blocks.get(tag >> 8, b"")
        named = self._private_rules.get(creator)
        rule = named.get((tag >> 16 << 8) | (tag & 0xFF)) if named else None
        if rule is None:
            tally.replay(self._dropped.get((creator, tag)) or self._drop(tag, creator))
            return
        written, entries = self._made(creator, buffer, element, rule, source, depth)
        tally.replay(entries)
        if written is not None:
            made[tag] = written
            place = (tag >> 16 << 16) | (tag >> 8 & 0xFF)
            if place not in made:
                made[place] = encode(place, b"LO", self._stand.profile.creators[creator], self._target) or b""

    def _made(self, creator: bytes, buffer: bytes, element: Element, rule: Rule, source: Encoding, depth: int) -> Made:
        """Apply a rule, or remember what it made of the same bytes."""
        size = element.after - element.head
        if size > _REMEMBERED_BYTES and (rule.grammar not in BLOBS or size > _REMEMBERED_BLOB):
            return self._apply(buffer, element, rule, source, depth)
        key = (creator, buffer[element.head : element.after], source.explicit)
        made = self._known.get(key)
        if made is None:
            self._remembered += 2 * size
            if self._remembered > _MOST_REMEMBERED:
                self._known.clear()
                self._remembered = 0
            made = self._known[key] = self._apply(buffer, element, rule, source, depth)
        return made

    def _apply(self, buffer: bytes, element: Element, rule: Rule, source: Encoding, depth: int) -> Made:
        """Apply a rule to an element that was not met before."""
        removed: Made = (None, ((Outcome.REMOVED, rule.keyword, ""),))
        if rule.vrs[0] == b"SQ":
            return self._sequence(buffer, element, rule, source, depth)
        vr = self._vr(element, rule)
        if vr is None or element.undefined or rule.grammar == "pixels" or (element.vr == b"UN" and not source.little):
            return removed
        value = buffer[element.start : element.end]
        result = apply_rule(rule, vr, value, self._stand)
        if result.value is None:
            return removed
        written = encode(element.tag, vr, result.value, self._target)
        if written is None:
            return removed
        applied = rule.option if result.value.strip(b" \0") else ""
        return written, ((result.outcome, rule.keyword, applied),)

    @staticmethod
    def _vr(element: Element, rule: Rule) -> bytes | None:
        """Choose the VR to read and write by: the declared one if the rule knows it, else what the rule says.

        None when the declared VR contradicts the rule: its bytes would be read as something they are not.
        """
        if element.vr in rule.vrs:
            return element.vr
        if element.vr in _UNTOLD or (element.vr in TEXTS and rule.vrs[0] in TEXTS):
            return rule.vrs[0]
        return None

    def _sequence(self, buffer: bytes, element: Element, rule: Rule, source: Encoding, depth: int) -> Made:
        """Clean each item by the same rules; an emptied item stays, as frames are counted by items."""
        if element.vr not in _SEQUENCE_VRS or rule.action in {Action.X, Action.D}:
            return None, ((Outcome.REMOVED, rule.keyword, ""),)
        if rule.action is Action.Z:
            outcome = Outcome.BLANKED if element.end > element.start else Outcome.KEPT
            return encode(element.tag, b"SQ", b"", self._target), ((outcome, rule.keyword, ""),)
        if depth >= MAX_DEPTH:
            raise too_deep()
        inner = inner_encoding(element, source)
        if inner.little != self._target.little:
            return None, ((Outcome.REMOVED, rule.keyword, ""),)
        tally = Tally()
        items = []
        for elements in read_items(buffer, element, source, depth=depth):
            made = self._elements(buffer, elements, inner, depth + 1, tally)
            items.append(b"".join(made[tag] for tag in sorted(made)))
        tally.count(Outcome.KEPT, rule.keyword, rule.option if items else "")
        return encode(element.tag, b"SQ", encode_items(items, self._target), self._target), tally.entries()

    def _moments(self, buffer: bytes, moments: dict[int, Element], tally: Tally, made: dict[int, bytes]) -> None:
        """Move dates jointly with the times that belong to them."""
        for tag, element in moments.items():
            if tag in DATE_OF and DATE_OF[tag] in moments:
                continue  # done with its date
            partner = moments.get(TIME_OF.get(tag, 0))
            first, second = (element, partner) if tag in TIME_OF else (None, element)
            old = [buffer[e.start : e.end].strip(b" \0") if e else b"" for e in (first, second)]
            for part, before, after in zip(
                (first, second), old, shift_date_and_time(old[0], old[1], self._stand.shift), strict=True
            ):
                if part is None:
                    continue
                rule = self._rules[part.tag]
                outcome = Outcome.REPLACED if after else Outcome.BLANKED if before else Outcome.KEPT
                tally.count(outcome, rule.keyword, rule.option if after else "")
                made[part.tag] = encode(part.tag, rule.vrs[0], after, self._target) or b""


def _describe(
    made: dict[int, bytes], tag: int, description: tuple[bytes, bytes] | None, target: Encoding, tally: Tally
) -> None:
    """Write what describes changed pixels, (VR, value); None removes it, if it was there."""
    if description is not None:
        made[tag] = encode(tag, *description, target) or b""
        tally.count(Outcome.REPLACED, name_of(tag))
    elif made.pop(tag, None) is not None:
        tally.count(Outcome.REMOVED, name_of(tag))
