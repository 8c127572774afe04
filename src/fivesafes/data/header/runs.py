"""Pass over what slices of a series have in common: elements that lie one behind the other and stay the same.

A header has hundreds of elements, of which some twenty differ from slice to slice.  The first data set is taken for one
run of elements, and each further one splits it where it differs; what is left of it is compared whole, and what was
found out about it is taken as it is.  The same bytes say the same, so nothing is assumed: a run is used only if its
bytes lie there, behind elements with lower tags.

The module runs as it stands, and compiled with Cython as ``_runs`` (types: runs.pxd).  ``scanner`` chooses.
"""

from typing import Any

from fivesafes.data.header.cursor import Cursor
from fivesafes.data.header.elements import PIXEL_DATA, Element
from fivesafes.data.header.malformed import out_of_order

_LONGEST, _FEWEST = 4096, 2
"""Longer elements are the vendors' own headers, which differ; one element alone is as quick to look up."""
_MOST_LEARNT = 1 << 20
"""Of longer headers nothing is learnt: they hold frames, and their elements differ."""
_PATIENT, _MOST_PATIENT = 4, 64
"""So many times a header's elements are walked one by one before it is learnt anew; more when that did not help."""
_HELPED = 16
"""Data sets that it helps with make up for what learning takes."""

_private, _pixel_data = 0x10000, PIXEL_DATA
_element = tuple.__new__  # four times as quick as the class itself


class Run:
    """Elements in the order of their tags, as they lie in a file, and what was found out about them.

    ``known`` says that the rest is filled in: ``found`` by ``look``, for a run that begins at ``place``; what was made
    of it by ``scan``, for private blocks that were reserved as in ``before``.
    """

    def __init__(self, pieces: list[bytes], tags: list[int]) -> None:
        """Take the bytes of each element and its tag."""
        self.pieces = pieces
        self.tags = tags
        self.key = b"".join(pieces)
        self.first = tags[0]
        self.last = tags[len(tags) - 1]
        self.private = any(tag & _private for tag in tags)
        self.standard = max([tag for tag in tags if not tag & _private], default=-1)
        self.known = False
        self.place = 0
        self.found: dict[int, Element] = {}
        self.said = b""
        self.before: dict[int, Any] = {}
        self.blocks: dict[int, Any] = {}
        self.made: dict[int, bytes] = {}
        self.moments: dict[int, bytes] = {}
        self.log: list[int] = []

    def move(self, place: int) -> None:
        """Tell where what was found lies when the run begins at a place."""
        by = place - self.place
        self.found = {
            tag: _element(Element, (tag, vr, head + by, start + by, end + by, after + by, undefined))
            for tag, vr, head, start, end, after, undefined in self.found.values()
        }
        self.place = place

    def same(self, cursor: Cursor) -> int:
        """Tell how many of its elements lie before the cursor."""
        place, number = cursor.place, 0
        while number < len(self.pieces) and cursor.follows(self.pieces[number]):
            cursor.place += len(self.pieces[number])
            number += 1
        cursor.place = place
        return number


class Pattern:
    """The runs of data sets that are much alike, which it learns from those that it is walked along."""

    def __init__(self, learning: bool = True) -> None:  # noqa: FBT001, FBT002 - a C function takes no keywords
        """Know nothing yet; one that is not to learn is for a single data set."""
        self.forget()
        self.learning = learning

    def forget(self) -> None:
        """Learn anew."""
        self.runs: list[Run] = []
        self.learning = True
        self.patience = _PATIENT
        self.helped = self.passed = self.size = 0
        self.begin()

    def begin(self) -> None:
        """Stand before the first element of a data set."""
        self.number = self.walked = self.length = 0
        self.last = self.standard = -1
        self.in_order = True
        if self.learning:
            self.runs = []
        self.pieces: list[bytes] = []
        self.tags: list[int] = []

    def run_at(self, cursor: Cursor) -> Run | None:
        """Give the run that lies before the cursor, which then passes over it; None when there is none."""
        if self.learning or not self.in_order:
            return None
        while self.number < len(self.runs):
            run = self.runs[self.number]
            if run.first > self.last:
                if not cursor.stands_at(run.first):
                    return None
                if cursor.follows(run.key):
                    cursor.place += len(run.key)
                    self.last = run.last
                    self.standard = max(self.standard, run.standard)
                    self.number += 1
                    return run
                same = run.same(cursor)
                if not same:
                    return None
                self._split(same, same + 1)
            elif run.last > self.last:
                self._part()
            else:
                self.number += 1
        return None

    def walked_over(self, cursor: Cursor) -> None:
        """Note an element that was walked by itself.

        Raises Malformed when it lies behind one of a higher tag, unless it is private: some programs sort those by who
        gave them their meaning.
        """
        if not cursor.tag & _private:
            if cursor.tag <= self.standard:
                raise out_of_order()
            self.standard = cursor.tag
        self.walked += 1
        self.in_order = self.in_order and cursor.tag > self.last
        self.last = cursor.tag
        if not self.learning:
            return
        size = cursor.place - cursor.head
        if size > _LONGEST or self.last == _pixel_data or self.length > _MOST_LEARNT:
            self._close()
        else:
            self.length += size
            self.pieces.append(cursor.piece(cursor.head, cursor.place))
            self.tags.append(self.last)

    def end(self) -> None:
        """Note the end of a data set, and see whether to learn anew from the next."""
        if self.learning:
            self._close()
            if not self.in_order:
                self.runs = []
            self.learning = False
            self.helped, self.passed, self.size = 0, 0, self.walked
            return
        self.helped += 1
        self.passed += self.walked
        if self.passed > self.patience * self.size:
            self.learning = True
            self.patience = _PATIENT if self.helped >= _HELPED else min(2 * self.patience, _MOST_PATIENT)

    def _close(self) -> None:
        """Take the elements that were noted last for a run."""
        if len(self.tags) >= _FEWEST:
            self.runs.append(Run(self.pieces, self.tags))
        self.pieces, self.tags = [], []

    def _split(self, end: int, begin: int) -> None:
        """Leave out of the run what is from ``end`` to ``begin``, as it differs."""
        run = self.runs[self.number]
        parts = [(run.pieces[:end], run.tags[:end]), (run.pieces[begin:], run.tags[begin:])]
        self.runs[self.number : self.number + 1] = [Run(pieces, tags) for pieces, tags in parts if len(tags) >= _FEWEST]

    def _part(self) -> None:
        """Split the run behind the last tag: its elements up to there are not in this data set, or differ."""
        tags = self.runs[self.number].tags
        place = 0
        while tags[place] <= self.last:
            place += 1
        self._split(place, place)


def look(
    cursor: Cursor, wanted: frozenset[int], quoted: frozenset[int], pattern: Pattern
) -> tuple[dict[int, Element], bytes]:
    """Walk the level to its end and tell where the elements wanted lie; the cursor then stands at its beginning again.

    The bytes of those that are to be quoted come too, one behind the other.  Private ones are not looked for: whose
    they are is said elsewhere (PS3.5 7.8.1).  Raises Malformed when the encoding is broken.
    """
    found: dict[int, Element] = {}
    said: list[bytes] = []
    place, limit = cursor.place, cursor.limit
    pattern.begin()
    while True:
        begin = cursor.place
        run = pattern.run_at(cursor)
        if run is not None:
            if not run.known:
                _learn(cursor, wanted, quoted, run)
            elif run.place != begin:
                run.move(begin)
            found.update(run.found)
            said.append(run.said)
        elif cursor.step():
            pattern.walked_over(cursor)
            if not cursor.tag & _private and cursor.tag in wanted:
                found[cursor.tag] = cursor.element()
                if cursor.tag in quoted:
                    said.append(cursor.piece(cursor.head, cursor.place))
        else:
            break
    pattern.end()
    cursor.place, cursor.limit = place, limit
    return found, b"".join(said)


def _learn(cursor: Cursor, wanted: frozenset[int], quoted: frozenset[int], run: Run) -> None:
    """See what is wanted of a run that the cursor has passed over, and what is to be quoted."""
    after, limit = cursor.place, cursor.limit
    begin = after - len(run.key)
    cursor.place, cursor.limit = begin, after
    said = []
    while cursor.step():
        if not cursor.tag & _private and cursor.tag in wanted:
            run.found[cursor.tag] = cursor.element()
            if cursor.tag in quoted:
                said.append(cursor.piece(cursor.head, cursor.place))
    run.said = b"".join(said)
    run.place = begin
    run.known = True
    cursor.place, cursor.limit = after, limit
