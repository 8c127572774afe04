"""Clean a data set in one walk: what no rule names is passed over undecoded, what was met before is copied.

Of each element the rule is looked up by its tag.  The same bytes give the same result, so results are remembered: the
next slice of a series, or the next frame of an object, is mostly made of them.  What is decided is the Cleaning's
business; nothing here interprets a value.

The module runs as it stands, and compiled with Cython as ``_scan`` (types: scan.pxd).  ``scanner`` chooses.
"""

from collections.abc import Mapping
from typing import Protocol

from fivesafes.data.header.cursor import Cursor
from fivesafes.data.header.elements import MAX_DEPTH
from fivesafes.data.header.malformed import out_of_order, too_deep
from fivesafes.data.header.profile import BLOBS, Rule
from fivesafes.data.header.runs import Pattern, Run

Made = tuple[bytes | None, int]
"""An element as it is written (None: it goes), and the number of what to count, as ``Cleaning`` gives it."""

_REMEMBERED, _REMEMBERED_BLOB = 4096, 1 << 20
_BLOBS_OF_ONE_TAG = 4
"""A vendor's own header is the same in a series, or in an echo of it; else it differs in each slice."""

_private, _max_depth = 0x10000, MAX_DEPTH


class Answer:
    """What is to be done with the elements of one tag: a rule, or the number of what is dropped."""

    def __init__(self, rule: Rule | None, number: int, paired: bool) -> None:  # noqa: FBT001 - one maker, two uses
        """Take the rule; None when there is none: then it is never asked for."""
        self.dropped = rule is None
        self.rule: Rule = rule  # type: ignore[assignment]
        self.number = number
        self.paired = paired
        self.sequence = rule is not None and rule.vrs[0] == b"SQ"
        self.blob = rule is not None and rule.grammar in BLOBS


class Owner:
    """Who gave elements their meaning, the standard or one private creator; and what was met of them before.

    Rules are found by tag, those of a creator by group << 8 | low byte of the element.
    """

    def __init__(self, creator: bytes, rules: Mapping[int, Rule]) -> None:
        """Begin with the rules alone."""
        self.creator = creator
        self.rules = dict(rules)
        self.answers: dict[int, Answer] = {}
        self.marks: dict[int, bytes] = {}
        self.forget()

    def forget(self) -> None:
        """Remember no value."""
        self.explicit: dict[bytes, Made] = {}
        self.implicit: dict[bytes, Made] = {}
        self.blobs: dict[int, list[tuple[bytes, Made]]] = {}


class Cleaning(Protocol):
    """What decides about the elements that the walk comes upon."""

    standard: Owner
    unknown: Owner
    owners: dict[bytes, Owner]
    paired: frozenset[int]

    def reserved(self, value: bytes) -> Owner:
        """Say whose the elements of a private block are (PS3.5 7.8.1)."""

    def mark(self, owner: Owner, place: int) -> bytes:
        """Give the element that reserves a private block."""

    def dropped(self, owner: Owner, tag: int) -> int:
        """Give the number of an element that no rule names."""

    def applied(self, rule: Rule, cursor: Cursor) -> Made:
        """Apply a rule to the element at which the cursor stands."""

    def opened(self, rule: Rule, cursor: Cursor) -> Made | None:
        """Say what becomes of a sequence whose items are not walked; None when they are."""

    def closed(self, tag: int, items: list[bytes]) -> bytes:
        """Write a sequence."""

    def kept(self, rule: Rule, items: list[bytes]) -> int:
        """Give the number of a sequence that stays."""

    def told(self, log: list[int]) -> int:
        """Give one number for all that came up."""

    def remember(self, size: int) -> None:
        """Hear how many more bytes are remembered."""

    def moments(self, found: dict[int, bytes], made: dict[int, bytes], log: list[int]) -> None:
        """Make the dates and times of a level, jointly."""


class Scan:
    """Cleans the elements before which a cursor stands."""

    def __init__(self, cursor: Cursor, cleaning: Cleaning) -> None:
        """Take the bytes and the decisions."""
        self.cursor = cursor
        self.cleaning = cleaning
        self.standard = cleaning.standard
        self.unknown = cleaning.unknown
        self.owners = cleaning.owners

    def level(self, log: list[int]) -> dict[int, bytes]:
        """Clean what is left of a level; the result holds nothing that no rule named.

        ``log`` gets the number of what became of each element.  Raises Malformed when the encoding is broken.
        """
        made: dict[int, bytes] = {}
        moments: dict[int, bytes] = {}
        blocks: dict[int, Owner] = {}
        self.elements(log, made, moments, blocks)
        if moments:
            self.cleaning.moments(moments, made, log)
        return made

    def elements(
        self, log: list[int], made: dict[int, bytes], moments: dict[int, bytes], blocks: dict[int, Owner]
    ) -> None:
        """Clean the elements that are left of a level, into ``made``; dates and times are put by, in ``moments``.

        Raises Malformed when those of the standard are not in order (see ``Pattern.walked_over``).
        """
        cursor = self.cursor
        last = -1
        while cursor.step():
            if not cursor.tag & _private:
                if cursor.tag <= last:
                    raise out_of_order()
                last = cursor.tag
            self.element(log, made, moments, blocks)

    def element(
        self, log: list[int], made: dict[int, bytes], moments: dict[int, bytes], blocks: dict[int, Owner]
    ) -> None:
        """Clean the element at which the cursor stands; ``blocks`` tells whose the private ones are."""
        cursor = self.cursor
        tag = cursor.tag
        owner = self.standard
        if tag & _private:
            if tag & 0xFF00 == 0:
                blocks[tag >> 16 << 8 | tag & 0xFF] = self._reserved(cursor.piece(cursor.start, cursor.stop))
                return
            owner = blocks.get(tag >> 8, self.unknown)
        answer = owner.answers.get(tag)
        if answer is None:
            answer = self._ask(owner, tag)
        if answer.dropped:
            log.append(answer.number)
        elif answer.paired:
            moments[tag] = cursor.piece(cursor.start, cursor.stop)
        else:
            written = self._made(owner, answer, log)
            if written is not None:
                made[tag] = written
                if tag & _private:
                    self._mark(owner, tag >> 16 << 16 | tag >> 8 & 0xFF, made)

    def _ask(self, owner: Owner, tag: int) -> Answer:
        """Look a rule up, once for each tag."""
        rule = owner.rules.get(tag >> 16 << 8 | tag & 0xFF if tag & _private else tag)
        number = self.cleaning.dropped(owner, tag) if rule is None else 0
        answer = Answer(rule, number, tag in self.cleaning.paired)
        owner.answers[tag] = answer
        return answer

    def _reserved(self, value: bytes) -> Owner:
        """Say whose the elements of a block are, asking once for each spelling."""
        owner = self.owners.get(value)
        return self.cleaning.reserved(value) if owner is None else owner

    def _mark(self, owner: Owner, place: int, made: dict[int, bytes]) -> None:
        """Reserve the block of a private element that stays."""
        if place in made:
            return
        mark = owner.marks.get(place)
        if mark is None:
            mark = owner.marks[place] = self.cleaning.mark(owner, place)
        made[place] = mark

    def _made(self, owner: Owner, answer: Answer, log: list[int]) -> bytes | None:
        """Apply a rule to an element, or remember what it made of the same bytes; note what became of it."""
        cursor = self.cursor
        size = cursor.place - cursor.head
        if size <= _REMEMBERED:
            known = owner.explicit if cursor.explicit else owner.implicit
            key = cursor.piece(cursor.head, cursor.place)
            made = known.get(key)
            if made is None:
                made = self._fresh(answer)
                self.cleaning.remember(2 * size)
                known[key] = made
        elif answer.sequence:
            return self._sequence(answer, log)
        elif answer.blob and size <= _REMEMBERED_BLOB:
            made = self._blob(owner, answer)
        else:
            made = self.cleaning.applied(answer.rule, cursor)
        written, number = made
        log.append(number)
        return written

    def _blob(self, owner: Owner, answer: Answer) -> Made:
        """Do the same for a vendor's own header: compared with the last of its tag, as hashing it takes longer."""
        cursor = self.cursor
        key = cursor.piece(cursor.head, cursor.place)
        met = owner.blobs.setdefault(cursor.tag if cursor.explicit else -cursor.tag, [])
        for known, made in met:
            if known == key:
                return made
        made = self.cleaning.applied(answer.rule, cursor)
        self.cleaning.remember(2 * len(key))
        del met[_BLOBS_OF_ONE_TAG - 1 :]
        met.insert(0, (key, made))
        return made

    def _fresh(self, answer: Answer) -> Made:
        """Apply a rule to an element that was not met before."""
        if not answer.sequence:
            return self.cleaning.applied(answer.rule, self.cursor)
        log: list[int] = []
        written = self._sequence(answer, log)
        return written, self.cleaning.told(log)

    def _sequence(self, answer: Answer, log: list[int]) -> bytes | None:
        """Clean each item by the same rules; an emptied item stays, as frames are counted by items."""
        cursor, cleaning = self.cursor, self.cleaning
        made = cleaning.opened(answer.rule, cursor)
        if made is not None:
            written, number = made
            log.append(number)
            return written
        if cursor.depth >= _max_depth:
            raise too_deep()
        tag, after, stop, limit, is_open = cursor.tag, cursor.place, cursor.stop, cursor.limit, cursor.open
        explicit, little = cursor.explicit, cursor.little
        if cursor.vr() == b"UN":  # PS3.5 6.2.2 note 2
            cursor.read_as(False, True)  # noqa: FBT003 - implicit, little endian
        cursor.depth += 1
        items: list[bytes] = []
        place = cursor.start
        while cursor.item(place, stop, False):  # noqa: FBT003 - the end is known
            level = self.level(log)
            items.append(b"".join([level[inner] for inner in sorted(level)]))
            place = cursor.leave()
        cursor.depth -= 1
        cursor.read_as(explicit, little)
        cursor.place, cursor.limit, cursor.open = after, limit, is_open
        log.append(cleaning.kept(answer.rule, items))
        return cleaning.closed(tag, items)


def clean_level(cursor: Cursor, cleaning: Cleaning, pattern: Pattern, log: list[int]) -> dict[int, bytes]:
    """Clean the elements of the outermost level and all that they hold, by tag; see ``Scan.level``.

    ``pattern`` is what it is made of since its like was cleaned by the same ``cleaning``.
    """
    scan = Scan(cursor, cleaning)
    made: dict[int, bytes] = {}
    moments: dict[int, bytes] = {}
    blocks: dict[int, Owner] = {}
    pattern.begin()
    while True:
        run = pattern.run_at(cursor)
        if run is not None:
            if not run.known or (run.private and run.before != blocks):
                _learn(scan, run, blocks)
            made.update(run.made)
            log.extend(run.log)
            if run.moments:
                moments.update(run.moments)
            if run.private:
                blocks.update(run.blocks)
        elif cursor.step():
            pattern.walked_over(cursor)
            scan.element(log, made, moments, blocks)
        else:
            break
    pattern.end()
    if moments:
        cleaning.moments(moments, made, log)
    return made


def _learn(scan: Scan, run: Run, blocks: dict[int, Owner]) -> None:
    """Clean by itself a run that the cursor has passed over."""
    cursor = scan.cursor
    after, limit = cursor.place, cursor.limit
    run.before = dict(blocks)
    run.blocks = dict(blocks)
    run.log, run.made, run.moments = [], {}, {}
    cursor.place, cursor.limit = after - len(run.key), after
    scan.elements(run.log, run.made, run.moments, run.blocks)
    run.known = True
    cursor.place, cursor.limit = after, limit
