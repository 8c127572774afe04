"""Decide about the elements of a data set, one participant and one encoding at a time; the walk itself is in scan."""

from collections import Counter
from typing import Final

from fivesafes.data.header.cursor import Cursor
from fivesafes.data.header.elements import Encoding
from fivesafes.data.header.method import method_elements
from fivesafes.data.header.outcome import Outcome, Stand
from fivesafes.data.header.pixel_change import UNCHANGED, PixelChange
from fivesafes.data.header.profile import Action, Rule
from fivesafes.data.header.runs import Pattern
from fivesafes.data.header.scan import Made, Owner, clean_level
from fivesafes.data.header.shift import DATE_OF, TIME_OF, shift_date_and_time
from fivesafes.data.header.tally import Entry, Tally, Told, name_of
from fivesafes.data.header.values import apply_rule, encode, encode_items

_MOST_REMEMBERED: Final = 1 << 26
"""Bytes of elements that are remembered, so that the next slice of a series costs little."""
_MOST_TOLD: Final = 1 << 16
"""Different things to count that are remembered; a series has some hundred."""
_MOMENT, _NUMBER = 256, 8
"""About what a moved date and its time take, and what a number in a log does."""

_KEPT, _REPLACED, _BLANKED, _REMOVED = Outcome.KEPT, Outcome.REPLACED, Outcome.BLANKED, Outcome.REMOVED
_X, _Z, _D = Action.X, Action.Z, Action.D
_MOST_SPELLINGS: Final = 256
"""Spellings of private creators that are remembered."""

_NAME, _ID = 0x00100010, 0x00100020
_NAMED: Final = ((_NAME, b"PN"), (_ID, b"LO"))
_SEQUENCE_VRS: Final = frozenset({b"SQ", b"UN", b""})
_UNTOLD: Final = frozenset({b"UN", b""})
_WRITTEN: Final = frozenset({b"AE", b"CS", b"LO", b"LT", b"SH", b"ST", b"UC", b"UT"})
_NUMBERS: Final = frozenset({b"DS", b"IS"})
"""VRs that are taken for one another: texts that somebody wrote, and numbers that are written out."""


class Cleaner:
    """Cleans data sets of one participant in one encoding: what ``scan.Cleaning`` asks for.

    What is to be counted is told by numbers: a header has hundreds of elements, and few kinds of outcome.
    """

    paired: frozenset[int]

    def __init__(self, stand: Stand, target: Encoding) -> None:
        """Take in whose place values are put, and how they are written."""
        self._stand = stand
        self._target = target
        self._order = target.order
        self._rules = stand.profile.rules
        self.standard = Owner(b"", stand.profile.rules)
        self.unknown = Owner(b"", {})
        self._creators = {
            creator: Owner(creator, stand.profile.private.get(creator, {})) for creator in stand.profile.creators
        }
        moved = (DATE_OF.keys() | TIME_OF.keys()) & self._rules.keys()
        self.paired = frozenset(tag for tag in moved if self._rules[tag].grammar == "shift")
        self._pattern = Pattern()
        self._forget()

    def _forget(self) -> None:
        """Remember nothing: what was met, and what its numbers mean."""
        for owner in (self.standard, self.unknown, *self._creators.values()):
            owner.forget()
            owner.answers.clear()
        self._pattern.forget()
        self.owners: dict[bytes, Owner] = {}
        self._moments: dict[tuple[int, bytes | None, bytes | None], list[tuple[int, bytes, int]]] = {}
        self._told: list[Told] = []
        self._options: list[frozenset[str]] = []
        self._numbers: dict[Told, int] = {}
        self._singles: dict[Entry, int] = {}
        self._logs: dict[tuple[int, ...], int] = {}
        self._constant: dict[tuple[frozenset[str], tuple[bool, bool]], dict[int, bytes]] = {}
        self._remembered = 0

    def data_set(self, cursor: Cursor, tally: Tally, changed: PixelChange = UNCHANGED) -> bytes:
        """Clean what the cursor stands before: all elements before the pixels.

        ``changed`` says what became of the pixels, and so of the attributes that describe them.

        Raises Malformed when the encoding is broken.
        """
        if len(self._told) > _MOST_TOLD:
            self._forget()
        log: list[int] = []
        made = clean_level(cursor, self, self._pattern, log)
        number = self.told(log)
        tally.add(self._told[number])
        for tag, description in changed.attributes.items():
            self._describe(made, tag, description, tally)
        options = self._options[number] | changed.options
        made.update(self._always(options, (_NAME in made, _ID in made)))
        return b"".join([made[tag] for tag in sorted(made)])

    def _always(self, options: frozenset[str], named: tuple[bool, bool]) -> dict[int, bytes]:
        """Give what each result holds, whatever the original had: the pseudonym, and how it was de-identified."""
        key = (options, named)
        always = self._constant.get(key)
        if always is None:
            label = self._stand.label.encode("ascii")
            fresh = [(tag, vr, label) for (tag, vr), there in zip(_NAMED, named, strict=True) if not there]
            methods = method_elements(self._stand.profile, options, self._target)
            always = {tag: encode(tag, vr, value, self._target) or b"" for tag, vr, value in (*fresh, *methods)}
            self._constant[key] = always
        return always

    def _describe(
        self, made: dict[int, bytes], tag: int, description: tuple[bytes, bytes] | None, tally: Tally
    ) -> None:
        """Write what describes changed pixels, (VR, value); None removes it, if it was there."""
        if description is not None:
            made[tag] = encode(tag, *description, self._target) or b""
            tally.count(_REPLACED, name_of(tag))
        elif made.pop(tag, None) is not None:
            tally.count(_REMOVED, name_of(tag))

    def reserved(self, value: bytes) -> Owner:
        """Say whose the elements of a block are (PS3.5 7.8.1: (gggg,0010-00FF) reserve them)."""
        owner = self._creators.get(value.strip(b" \0").upper(), self.unknown)
        if len(self.owners) < _MOST_SPELLINGS:
            self.owners[value] = owner
        return owner

    def mark(self, owner: Owner, place: int) -> bytes:
        """Reserve a block for a creator."""
        return encode(place, b"LO", self._stand.profile.creators[owner.creator], self._target) or b""

    def dropped(self, owner: Owner, tag: int) -> int:
        """Name what is dropped, once per tag and creator: known creator, known element; else it goes, unnamed."""
        return self._number_of(_REMOVED, name_of(tag, self._stand.profile.creators.get(owner.creator)))

    def applied(self, rule: Rule, cursor: Cursor) -> Made:
        """Apply a rule to a value, read by a VR that the rule knows."""
        declared = cursor.vr()
        vr = _vr(declared, rule)
        if vr is None or cursor.undefined or rule.grammar == "pixels" or (declared == b"UN" and not cursor.little):
            return self._removed(rule)
        value, outcome = apply_rule(rule, vr, cursor.piece(cursor.start, cursor.stop), self._stand, self._order)
        if value is None:
            return self._removed(rule)
        written = encode(cursor.tag, vr, value, self._target)
        if written is None:
            return self._removed(rule)
        option = rule.option if value.strip(b" \0") else ""
        return written, self._number_of(outcome, rule.keyword, option)

    def opened(self, rule: Rule, cursor: Cursor) -> Made | None:
        """Say what becomes of a sequence that goes, or stays empty; None when its items are cleaned.

        Within UN they are little endian (PS3.5 6.2.2 note 2), and are not turned round.
        """
        vr = cursor.vr()
        if vr not in _SEQUENCE_VRS or rule.action is _X or (vr == b"UN" and not cursor.little):
            return self._removed(rule)
        if rule.action is _D:  # one empty item stands in for what was there
            return self.closed(cursor.tag, [b""]), self._number_of(_REPLACED, rule.keyword)
        if rule.action is not _Z:
            return None
        outcome = _BLANKED if cursor.stop > cursor.start else _KEPT
        return encode(cursor.tag, b"SQ", b"", self._target), self._number_of(outcome, rule.keyword)

    def closed(self, tag: int, items: list[bytes]) -> bytes:
        """Write a sequence."""
        return encode(tag, b"SQ", encode_items(items, self._target), self._target) or b""

    def kept(self, rule: Rule, items: list[bytes]) -> int:
        """Give the number of a sequence that stays."""
        return self._number_of(_KEPT, rule.keyword, rule.option if items else "")

    def told(self, log: list[int]) -> int:
        """Give one number for all that came up in a sequence."""
        key = tuple(log)
        number = self._logs.get(key)
        if number is None:
            tally = Tally()
            for each, times in Counter(log).items():
                tally.add(self._told[each], times)
            number = self._logs[key] = self._number(tally.entries())
            self.remember(len(key) * _NUMBER)
        return number

    def remember(self, size: int) -> None:
        """Forget what was met when it becomes too much; numbers keep their meaning until this data set is done."""
        self._remembered += size
        if self._remembered > _MOST_REMEMBERED:
            for owner in (self.standard, *self._creators.values()):
                owner.forget()
            self._moments.clear()
            self._logs.clear()
            self._remembered = 0

    def moments(self, found: dict[int, bytes], made: dict[int, bytes], log: list[int]) -> None:
        """Move dates jointly with the times that belong to them."""
        for tag in found:
            if tag in DATE_OF and DATE_OF[tag] in found:
                continue  # done with its date
            date, time = (tag, TIME_OF[tag]) if tag in TIME_OF else (DATE_OF[tag], tag)
            key = (date, found.get(date), found.get(time))
            moved = self._moments.get(key)
            if moved is None:
                moved = self._moments[key] = self._moved(date, time, found)
                self.remember(_MOMENT)
            for part, written, number in moved:
                made[part] = written
                log.append(number)

    def _moved(self, date: int, time: int, found: dict[int, bytes]) -> list[tuple[int, bytes, int]]:
        """Move a date and the time that belongs to it: tag, element and number of those that are there."""
        old = (found.get(date, b"").strip(b" \0"), found.get(time, b"").strip(b" \0"))
        moved = []
        new = shift_date_and_time(*old, self._stand.shift)
        for tag, before, after in zip((date, time), old, new, strict=True):
            if tag in found:
                rule = self._rules[tag]
                outcome = _REPLACED if after else _BLANKED if before else _KEPT
                number = self._number_of(outcome, rule.keyword, rule.option if after else "")
                moved.append((tag, encode(tag, rule.vrs[0], after, self._target) or b"", number))
        return moved

    def _removed(self, rule: Rule) -> Made:
        return None, self._number_of(_REMOVED, rule.keyword)

    def _number_of(self, outcome: Outcome, keyword: str, option: str = "") -> int:
        """Give the number of one attribute."""
        entry = (outcome, keyword, option)
        number = self._singles.get(entry)
        if number is None:
            number = self._singles[entry] = self._number(((entry, 1),))
        return number

    def _number(self, told: Told) -> int:
        """Give the number of what became of attributes."""
        number = self._numbers.get(told)
        if number is None:
            number = self._numbers[told] = len(self._told)
            self._told.append(told)
            self._options.append(frozenset(option for (_, _, option), _ in told if option))
        return number


def _vr(declared: bytes, rule: Rule) -> bytes | None:
    """Choose the VR to read and write by: the declared one if the rule knows it, else what the rule says.

    None when the declared VR contradicts the rule: its bytes would be read as something they are not.
    """
    if declared in rule.vrs:
        return declared
    expected = rule.vrs[0]
    alike = any(declared in each and expected in each for each in (_WRITTEN, _NUMBERS))
    return expected if alike or declared in _UNTOLD else None
