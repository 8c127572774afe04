"""Explain what a profile does to one file: each attribute, the action, the row that decided, before and after.

What became of an attribute is not foretold: the file is cleaned in memory, and original and result are laid side by
side.  A value that leaves unchanged is shown; of any other at most kind and length.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import field, frozen
from pydicom.datadict import dictionary_has_tag, dictionary_VR

from fivesafes.data.header.elements import NO_VR, Element, inner_encoding
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.masks import mask, masked, shown
from fivesafes.data.header.outcome import Outcome
from fivesafes.data.header.part10 import DataSet, open_data_set
from fivesafes.data.header.profile import Action, Profile, Rule
from fivesafes.data.header.scanner import read_items
from fivesafes.data.header.tally import name_of

_PADDING: Final = b" \0"
_UNTOLD: Final = frozenset({NO_VR, b"UN"})
_UNNAMED: Final = "no row names it, and what no row names goes"
_BLOCK: Final = "tells whose the private elements of its block are"
_ADDED: Final = "added"
_UNFIT: Final = {
    (Outcome.BLANKED.value, True): "; but this value does not fit the row's grammar",
    (Outcome.REMOVED.value, True): "; but this element is not what the row says it is",
}


@frozen(kw_only=True)
class Line:
    """One attribute of a file; ``depth`` counts the sequences around it, ``item`` is its item's number (from 1)."""

    name: str
    tag: int
    vr: str
    depth: int = 0
    item: int = 0
    action: str
    outcome: str
    row: str
    why: str
    before: str = field(repr=False)
    after: str = field(repr=False)


@frozen
class _Level:
    """The elements of one level and the bytes they lie in; ``profile`` says what became of them."""

    data_set: DataSet = field(repr=False)
    elements: Sequence[Element] = field(repr=False)

    def value(self, element: Element) -> bytes:
        """Give the bytes of a value."""
        return self.data_set.buffer[element.start : element.end]

    def creators(self) -> Mapping[int, bytes]:
        """Name the creators of private blocks by group << 8 | block (PS3.5 7.8.1)."""
        return {
            (element.tag >> 16 << 8) | (element.tag & 0xFF): self.value(element).strip(_PADDING).upper()
            for element in self.elements
            if element.tag >> 16 & 1 and element.tag & 0xFF00 == 0
        }

    def items(self, element: Element, depth: int) -> list["_Level"]:
        """Give the items of a sequence; none where they can't be read."""
        encoding = self.data_set.encoding
        try:
            items = read_items(self.data_set.buffer, element, encoding, depth=depth)
        except Malformed:
            return []
        inner = DataSet(self.data_set.buffer, 0, inner_encoding(element, encoding), self.data_set.syntax)
        return [_Level(inner, elements) for elements in items]


def explain(original: DataSet, result: bytes, profile: Profile) -> list[Line]:
    """Lay an object beside what the profile made of it.  Raises Malformed when it can't be read."""
    made = open_data_set(result)
    return list(_lines(_Level(original, original.elements()), _Level(made, made.elements()), profile, depth=0, item=0))


def _lines(old: _Level, new: _Level, profile: Profile, *, depth: int, item: int) -> Iterator[Line]:
    """Explain one level in the order of tags, and what lies within its sequences."""
    before = {element.tag: element for element in old.elements}
    after = {element.tag: element for element in new.elements}
    creators = {**new.creators(), **old.creators()}
    for tag in sorted(before.keys() | after.keys()):
        rule = _rule(profile, tag, creators)
        first, second = before.get(tag), after.get(tag)
        nested = _is_sequence(tag, rule, first or second)
        name = name_of(tag, profile.creators.get(creators.get(tag >> 8, b""))) if rule is None else rule.keyword
        yield Line(
            name=name,
            tag=tag,
            vr=_vr(tag, rule, first or second),
            depth=depth,
            item=item,
            **_what(old, new, first, second, rule),
            **_values(old, new, first, second, _vr(tag, rule, first or second)),
        )
        if nested and first and second:
            yield from _inside(old.items(first, depth), new.items(second, depth), profile, depth=depth + 1)


def _inside(old: list[_Level], new: list[_Level], profile: Profile, *, depth: int) -> Iterator[Line]:
    if len(old) == len(new):  # else an empty item stands in for them, and nothing of them is left
        for number, (first, second) in enumerate(zip(old, new, strict=True), 1):
            yield from _lines(first, second, profile, depth=depth, item=number)


def _rule(profile: Profile, tag: int, creators: Mapping[int, bytes]) -> Rule | None:
    if tag >> 16 & 1 == 0:
        return profile.rules.get(tag)
    return profile.private.get(creators.get(tag >> 8, b""), {}).get((tag >> 16 << 8) | (tag & 0xFF))


def _is_sequence(tag: int, rule: Rule | None, element: Element | None) -> bool:
    vr = element.vr if element else NO_VR
    return vr == b"SQ" or (vr in _UNTOLD and _vr(tag, rule, element) == "SQ")


def _vr(tag: int, rule: Rule | None, element: Element | None) -> str:
    """Tell the VR: the declared one, else what the rule or the dictionary says."""
    if element and element.vr not in _UNTOLD:
        return element.vr.decode("latin-1")
    if rule:
        return rule.vrs[0].decode("ascii")
    if tag >> 16 & 1 == 0 and dictionary_has_tag(tag):
        return dictionary_VR(tag).split(" or ")[0]
    return "LO" if tag & 0xFF00 == 0 and tag >> 16 & 1 else "UN"


def _what(old: _Level, new: _Level, first: Element | None, second: Element | None, rule: Rule | None) -> dict[str, str]:
    """Say which action was taken, what came of it, and which row decided."""
    element = first or second
    holds_items = element is not None and _is_sequence(element.tag, rule, element)
    outcome = _outcome(old, new, first, second, holds_items=holds_items)
    if rule is not None:
        if rule.action is Action.D and first and second:
            outcome = Outcome.REPLACED.value
        why = rule.why + _UNFIT.get((outcome, rule.action in {Action.K, Action.C}), "")
        return {"action": rule.action.value, "outcome": outcome, "row": rule.place, "why": why}
    if element and second and element.tag >> 16 & 1:
        return {"action": "K", "outcome": outcome, "row": "", "why": _BLOCK}
    return {"action": "X", "outcome": outcome, "row": "", "why": _UNNAMED}


def _outcome(old: _Level, new: _Level, first: Element | None, second: Element | None, *, holds_items: bool) -> str:
    if second is None:
        return Outcome.REMOVED.value
    if first is None:
        return _ADDED
    before, after = old.value(first).strip(_PADDING), new.value(second).strip(_PADDING)
    if before == after or holds_items:
        return Outcome.KEPT.value if after or not before else Outcome.BLANKED.value
    return Outcome.REPLACED.value if after else Outcome.BLANKED.value


def _values(old: _Level, new: _Level, first: Element | None, second: Element | None, vr: str) -> dict[str, str]:
    """Show what leaves; of what was there before no more than kind and length, unless it leaves as it was."""
    if vr == "SQ":
        return {"before": _count(old, first), "after": _count(new, second)}
    before = old.value(first) if first else b""
    after = new.value(second) if second else b""
    same = bool(first and second) and before.strip(_PADDING) == after.strip(_PADDING)
    order = new.data_set.encoding.order
    return {
        "before": shown(before, vr, order) if same else masked(before, vr) if first else "",
        "after": shown(after, vr, order) if second else "",
    }


def _count(level: _Level, element: Element | None) -> str:
    if element is None:
        return ""
    number = len(level.items(element, 0))
    return mask(f"{number} item{'' if number == 1 else 's'}")
