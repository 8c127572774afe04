"""What slices have in common is passed over, and nothing comes out otherwise than if each were cleaned by itself."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.header.trees import DROPPED, ENCODINGS, KEPT, SEQUENCE, STAND, TREES, Tree, written

from fivesafes.data.header import cleaner, runs, scanner
from fivesafes.data.header.cursor import Cursor as PlainCursor
from fivesafes.data.header.elements import EXPLICIT_LITTLE, PIXEL_DATA, Encoding
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.scanner import Cleaner, Cursor, Pattern, look
from fivesafes.data.header.tally import Tally

CREATOR, OTHER = 0x00190010, 0x00190011
MATRIX, B_VALUE = 0x0019100A, 0x0019100C
SIEMENS = b"SIEMENS MR HEADER "
WANTED = frozenset({KEPT, SEQUENCE, 0x00200032, 0x00080018, PIXEL_DATA})
QUOTED = frozenset({KEPT, 0x00200032})


def _header(**changes: bytes) -> list[Tree]:
    """Give a header of some length; ``changes`` names values by keyword."""
    values = {
        "instance": b"1.2.3 ",
        "creator": SIEMENS,
        "matrix": b"\x24\0",
        "b_value": b"1350",
        "position": b"1\\2\\3 ",
        "number": b"1 ",
        **changes,
    }
    return [
        (0x00080008, b"CS", b"ORIGINAL\\PRIMARY ", False),
        (0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.4\0", False),
        (0x00080018, b"UI", values["instance"], False),
        (0x00080060, b"CS", b"MR", False),
        (DROPPED, b"PN", b"DOE^JANE", False),
        (0x00180080, b"DS", b"500 ", False),
        (KEPT, b"DS", b"2.5 ", False),
        (CREATOR, b"LO", values["creator"], False),
        (MATRIX, b"US", values["matrix"], False),
        (B_VALUE, b"IS", values["b_value"], False),
        (0x00200011, b"IS", b"3 ", False),
        (0x00200013, b"IS", values["number"], False),
        (0x00200032, b"DS", values["position"], False),
        (0x00280010, b"US", b"\x40\0", False),
        (0x00280011, b"US", b"\x40\0", False),
    ]


def _bytes(trees: Iterable[Tree], encoding: Encoding = EXPLICIT_LITTLE) -> bytes:
    return b"".join(written(tree, encoding) for tree in trees)


def _cleaned(made: object, content: bytes, encoding: Encoding, *, plain: bool = False) -> object:
    """Tell what a cleaner makes of a data set: its bytes and what was counted, or the fault."""
    tally = Tally()
    try:
        cursor = (PlainCursor if plain else Cursor)(content, 0, len(content), encoding)
        return made.data_set(cursor, tally), sorted(tally.entries())  # type: ignore[attr-defined]
    except Malformed as malformed:
        return malformed.code


def _looked(pattern: Pattern, content: bytes, encoding: Encoding) -> object:
    cursor = Cursor(content, 0, len(content), encoding)
    try:
        return look(cursor, WANTED, QUOTED, pattern), cursor.place, cursor.limit
    except Malformed as malformed:
        return malformed.code


VARIATIONS = st.sampled_from(["replace", "drop", "put in", "swap", "twice", "cut", "nothing", "nothing"])


def _varied(trees: list[Tree], data: st.DataObject) -> list[Tree]:
    trees = list(trees)
    place = data.draw(st.integers(0, max(0, len(trees) - 1)))
    match data.draw(VARIATIONS):
        case "replace" if trees:
            trees[place] = data.draw(TREES)
        case "drop" if trees:
            del trees[place]
        case "put in":
            trees.insert(place, data.draw(TREES))
        case "swap" if trees:
            trees.append(trees.pop(place))
        case "twice" if trees:
            trees.insert(place, trees[place])
        case "cut":
            trees = trees[:place]
    return trees


@given(encoding=st.sampled_from(ENCODINGS), some=st.lists(TREES, max_size=3), data=st.data())
def test_a_series_comes_out_as_its_slices_one_by_one(encoding: Encoding, some: list[Tree], data: st.DataObject) -> None:
    """Whatever differs between them: results, counts, faults, and what is found, in both modes."""
    base = _header() + some
    together, plain, pattern = Cleaner(STAND, encoding), cleaner.Cleaner(STAND, encoding), Pattern()
    for _ in range(data.draw(st.integers(2, 8))):
        trees = _varied(base, data)
        if data.draw(st.booleans()):
            base = trees
        content = _bytes(trees, encoding)
        content = content[: len(content) - data.draw(st.sampled_from([0, 0, 0, 1, 3, 9]))]
        alone = _cleaned(Cleaner(STAND, encoding), content, encoding)
        assert _cleaned(together, content, encoding) == alone
        assert _cleaned(plain, content, encoding, plain=True) == alone
        assert _looked(pattern, content, encoding) == _looked(Pattern(), content, encoding)


def test_a_run_is_not_used_in_another_makers_block() -> None:
    """The same private bytes behind another creator are another's: they go."""
    for made in (Cleaner(STAND, EXPLICIT_LITTLE), cleaner.Cleaner(STAND, EXPLICIT_LITTLE)):
        plain = isinstance(made, cleaner.Cleaner)
        for creator, stays in ((SIEMENS, True), (SIEMENS, True), (b"DOE JANE", False), (SIEMENS, True)):
            told = _cleaned(made, _bytes(_header(creator=creator)), EXPLICIT_LITTLE, plain=plain)
            assert isinstance(told, tuple)
            assert (b"1350" in told[0]) is stays
            assert (SIEMENS in told[0]) is stays
            assert b"DOE" not in told[0]


def test_a_run_is_not_used_where_its_creator_is_missing_or_comes_too_late() -> None:
    """What no reservation stands before belongs to nobody (PS3.5 7.8.1)."""
    made = Cleaner(STAND, EXPLICIT_LITTLE)
    whole = _header()
    creator = next(tree for tree in whole if tree[0] == CREATOR)
    without = [tree for tree in whole if tree is not creator]
    for trees, stays in ((whole, True), (whole, True), (without, False), ([*without, creator], False), (whole, True)):
        told = _cleaned(made, _bytes(trees), EXPLICIT_LITTLE)
        assert isinstance(told, tuple)
        assert (b"1350" in told[0]) is stays


def test_few_elements_of_a_series_are_walked_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it is for nothing: those that differ, and no others."""
    walked: list[int] = []
    end = runs.Pattern.end

    def noted(self: runs.Pattern) -> None:
        walked.append(self.walked)
        end(self)

    monkeypatch.setattr(runs.Pattern, "end", noted)
    made = cleaner.Cleaner(STAND, EXPLICIT_LITTLE)
    for number in range(20):
        header = _header(instance=b"1.2.%d " % number, number=b"%d" % number, position=b"1\\2\\%d" % (10 + number))
        _cleaned(made, _bytes(header), EXPLICIT_LITTLE, plain=True)
    assert walked[0] == 15
    assert walked[2:] == [3] * 18


def test_another_series_is_learnt_anew() -> None:
    """What the first had in common is no use to the second, and does not stay."""
    pattern = runs.Pattern()
    for series in (b"7 ", b"8 "):
        for number in range(40):
            trees = [(0x00180000 + 2 * place, b"DS", series, False) for place in range(30)]
            trees.append((0x00200013, b"IS", b"%d" % (10 + number), False))
            content = _bytes(trees)
            cursor = PlainCursor(content, 0, len(content), EXPLICIT_LITTLE)
            runs.look(cursor, WANTED, QUOTED, pattern)
        assert [run.key for run in pattern.runs] == [_bytes(trees[:30])]


def test_of_a_header_that_holds_frames_little_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, by element and by header."""
    monkeypatch.setattr(runs, "_LONGEST", 20)
    monkeypatch.setattr(runs, "_MOST_LEARNT", 60)
    pattern = runs.Pattern()
    content = _bytes(_header())
    for _ in range(2):
        runs.look(PlainCursor(content, 0, len(content), EXPLICIT_LITTLE), WANTED, QUOTED, pattern)
    kept = sum(len(run.key) for run in pattern.runs)
    assert 0 < kept < 100
    assert all(len(piece) <= 20 for run in pattern.runs for piece in run.pieces)


def test_nothing_follows_the_pixels_of_a_picture_that_is_a_run() -> None:
    """Small pixels, the same each time, are no part of a run: what lies behind them is no element."""
    content = _bytes([*_header(), (PIXEL_DATA, b"OW", b"\1\2\3\4", False), (0x7FE10010, b"LO", b"DOE ", False)])
    pattern = Pattern()
    for _ in range(3):
        cursor = Cursor(content, 0, len(content), EXPLICIT_LITTLE)
        found, _ = look(cursor, WANTED | {0x7FE10010}, QUOTED, pattern)
        assert found[PIXEL_DATA].after == len(content) - 12
        told = _cleaned(Cleaner(STAND, EXPLICIT_LITTLE), content, EXPLICIT_LITTLE)
        assert isinstance(told, tuple)
        assert b"DOE" not in told[0]


def test_a_run_that_moved_is_found_where_it_lies() -> None:
    """A longer value before it moves all that follows."""
    pattern = Pattern()
    for instance in (b"1.2.3 ", b"1.2.3.4.5.6.7 ", b"1.2.3 "):
        content = _bytes(_header(instance=instance))
        assert _looked(pattern, content, EXPLICIT_LITTLE) == _looked(Pattern(), content, EXPLICIT_LITTLE)


def test_both_modes_are_tried() -> None:
    """The classes above are the compiled ones where they are compiled."""
    assert (Pattern is runs.Pattern) == (scanner.MODE == "plain")


@pytest.mark.parametrize("instances", [(b"1.2.3 ",), (b"1.2.3 ", b"1.2.3 ", b"1.2.3.4.5.6.7 ", b"1.2 ")])
def test_look_tells_where_each_element_lies_and_quotes(instances: tuple[bytes, ...]) -> None:
    """Of the standard's, with odd and even tags; not of private ones, whose number somebody may have asked for."""
    for pattern in (runs.Pattern(), Pattern()):
        for instance in instances:
            trees = _header(instance=instance)
            content = _bytes(trees)
            cursor = (PlainCursor if isinstance(pattern, runs.Pattern) else Cursor)(
                content, 0, len(content), EXPLICIT_LITTLE
            )
            looking = runs.look if isinstance(pattern, runs.Pattern) else look
            found, said = looking(cursor, WANTED | {MATRIX}, QUOTED, pattern)
            expected = {tag: (vr, value) for tag, vr, value, _ in trees if tag in WANTED}
            assert {
                tag: (one.vr, content[one.start : one.end]) for tag, one in found.items() if tag == one.tag
            } == expected
            assert all(content[one.head : one.after] == _bytes([_of(trees, tag)]) for tag, one in found.items())
            assert said == _bytes(tree for tree in trees if tree[0] in QUOTED)
            assert (cursor.place, cursor.limit) == (0, len(content))


def _of(trees: list[Tree], tag: int) -> Tree:
    return next(tree for tree in trees if tree[0] == tag)


@pytest.mark.parametrize("tag", [0x00180080, 0x00180081])
@pytest.mark.parametrize("series", [1, 3])
def test_an_element_of_the_standard_out_of_order_is_told_behind_a_run_too(tag: int, series: int) -> None:
    """Odd or even, twice or too late, in the first slice and in one whose beginning is passed over."""
    for wrong in ([(tag, b"DS", b"5 ", False)], [(0x00200013, b"IS", b"1 ", False), (tag, b"DS", b"5 ", False)]):
        pattern, made = runs.Pattern(), cleaner.Cleaner(STAND, EXPLICIT_LITTLE)
        for last in range(series):
            trees = [tree for tree in _header() if tree[0] <= tag]
            content = _bytes([*trees, *wrong] if last == series - 1 else trees)
            cursor = PlainCursor(content, 0, len(content), EXPLICIT_LITTLE)
            if last < series - 1:
                runs.look(cursor, WANTED, QUOTED, pattern)
                _cleaned(made, content, EXPLICIT_LITTLE, plain=True)
        with pytest.raises(Malformed) as told:
            runs.look(cursor, WANTED, QUOTED, pattern)
        assert told.value.code == "data.file.out-of-order"
        assert _cleaned(made, content, EXPLICIT_LITTLE, plain=True) == "data.file.out-of-order"
