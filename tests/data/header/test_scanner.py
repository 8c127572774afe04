"""The walk over elements gives the same, compiled and as it stands, whatever the bytes are."""

import mmap
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.header.trees import ENCODINGS, KEPT, SEQUENCE, STAND, TREES, Tree, mark, written

from fivesafes.data.header import cleaner, cursor, scan, scanner
from fivesafes.data.header.elements import (
    EXPLICIT_LITTLE,
    ITEM,
    MAX_DEPTH,
    Encoding,
    holds_items,
)
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.tally import Tally
from fivesafes.data.header.values import encode

HEADER = Path(scanner.__file__).parent


def _module(name: str) -> ModuleType:
    """Give a module of the mode that runs: the compiled twin, or (in plain mode) the module itself."""
    plain: ModuleType = {"cursor": cursor, "scan": scan, "cleaner": cleaner}[name]
    return scanner._TWINS.get(plain.__name__, plain)


def _told(modules: Callable[[str], ModuleType], content: bytes, encoding: Encoding) -> object:
    """Tell all that the walk says of some bytes: elements, items, faults, what is left and what was counted."""
    answers: list[object] = []
    walk = modules("cursor")

    def attempt(work: Callable[[], object]) -> None:
        try:
            answers.append(work())
        except Malformed as malformed:
            answers.append(malformed.code)

    elements = walk.readable_elements(content, 0, len(content), encoding)
    attempt(lambda: walk.read_elements(content, 0, len(content), encoding))
    attempt(lambda: walk.read_elements(content, 0, len(content), encoding, depth=1))
    answers.append(elements)
    for element in elements:
        attempt(partial(walk.read_items, content, element, encoding, depth=0))
        answers.append(holds_items(element))
    maker = modules("cleaner").Cleaner(STAND, encoding)
    for _ in range(2):  # the second time all of it is remembered

        def clean() -> object:
            tally = Tally()
            return maker.data_set(walk.Cursor(content, 0, len(content), encoding), tally), tally.entries()

        attempt(clean)
    return answers


def _plain(name: str) -> ModuleType:
    return {"cursor": cursor, "scan": scan, "cleaner": cleaner}[name]


@given(trees=st.lists(TREES, max_size=8), encoding=st.sampled_from(ENCODINGS), data=st.data())
def test_both_modes_say_the_same_of_any_data_set(trees: list[Tree], encoding: Encoding, data: st.DataObject) -> None:
    """Whole ones, and the same with bytes cut off, changed and put in: results, counts and faults are equal."""
    content = b"".join(written(tree, encoding) for tree in trees)
    broken = bytearray(content)
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, max(0, len(broken) - 1)))
        broken[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    for each in (content, bytes(broken), content[: data.draw(st.integers(0, len(content)))]):
        assert _told(_module, each, encoding) == _told(_plain, each, encoding)


@given(content=st.binary(max_size=200), encoding=st.sampled_from(ENCODINGS))
def test_both_modes_say_the_same_of_noise(content: bytes, encoding: Encoding) -> None:
    """Bytes that were never DICOM end in the same answer."""
    assert _told(_module, content, encoding) == _told(_plain, content, encoding)


@given(trees=st.lists(TREES, max_size=8), encoding=st.sampled_from(ENCODINGS))
def test_bytes_and_struct_read_the_same_numbers(trees: list[Tree], encoding: Encoding) -> None:
    """The way in which the compiled walk reads numbers, tried on the walk as it stands."""
    content = b"".join(written(tree, encoding) for tree in trees)
    expected = _told(_plain, content, encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cursor, "COMPILED", not cursor.COMPILED)
        assert _told(_plain, content, encoding) == expected


def test_what_is_cleaned_twice_is_the_same_from_memory(profile: Profile) -> None:
    """A value that is remembered, a big one that is not, and a blob that is compared give the same as at first."""
    made = cleaner.Cleaner(STAND, EXPLICIT_LITTLE)
    creator = encode(0x00290010, b"LO", b"SIEMENS CSA HEADER", EXPLICIT_LITTLE) or b""
    blobs = [encode(0x00291010, b"OB", bytes([number]) * 6000, EXPLICIT_LITTLE) or b"" for number in range(6)]
    huge = encode(0x00291010, b"OB", bytes((1 << 20) + 2), EXPLICIT_LITTLE) or b""
    long = encode(0x00081030, b"LO", b"T1 " * 2000, EXPLICIT_LITTLE) or b""
    items = b"".join(
        mark(ITEM, 12, EXPLICIT_LITTLE) + (encode(KEPT, b"DS", b"2.5 ", EXPLICIT_LITTLE) or b"") for _ in range(300)
    )
    sequence = encode(0x52009230, b"SQ", items, EXPLICIT_LITTLE) or b""
    results = []
    for blob in (blobs[0], *blobs, blobs[0], huge):
        for content in (creator + blob, long + creator + blob + sequence):
            tally = Tally()
            walk = cursor.Cursor(content, 0, len(content), EXPLICIT_LITTLE)
            results.append((content, made.data_set(walk, tally), tally.entries()))
    for content, result, entries in results:
        fresh, tally = cleaner.Cleaner(STAND, EXPLICIT_LITTLE), Tally()
        walk = cursor.Cursor(content, 0, len(content), EXPLICIT_LITTLE)
        assert (fresh.data_set(walk, tally), tally.entries()) == (result, entries)
    assert profile.rules[0x52009230].vrs == (b"SQ",)


def test_a_sequence_deeper_than_any_scanner_writes_is_refused_when_it_is_cleaned() -> None:
    """Depth is bounded in the walk that cleans as well."""
    content = mark(ITEM, 0, EXPLICIT_LITTLE)
    for _ in range(MAX_DEPTH + 1):
        element = encode(SEQUENCE, b"SQ", content, EXPLICIT_LITTLE) or b""
        content = mark(ITEM, len(element), EXPLICIT_LITTLE) + element
    content = content[8:]
    for modules in (_module, _plain):
        walk = modules("cursor").Cursor(content, 0, len(content), EXPLICIT_LITTLE)
        with pytest.raises(Malformed) as malformed:
            modules("cleaner").Cleaner(STAND, EXPLICIT_LITTLE).data_set(walk, Tally())
        assert malformed.value.code == "data.file.too-deep"


def test_a_private_block_is_reserved_once_for_all_that_stays_of_it() -> None:
    """Two elements of one block need one reservation; the next object's comes from memory."""
    content = b"".join(
        encode(tag, vr, value, EXPLICIT_LITTLE) or b""
        for tag, vr, value in (
            (0x00190010, b"LO", b"SIEMENS MR HEADER"),
            (0x0019100A, b"US", b"\x24\0"),
            (0x0019100C, b"IS", b"1000"),
        )
    )
    for modules in (_module, _plain):
        made = modules("cleaner").Cleaner(STAND, EXPLICIT_LITTLE)
        results = {
            made.data_set(modules("cursor").Cursor(content, 0, len(content), EXPLICIT_LITTLE), Tally())
            for _ in range(2)
        }
        assert len(results) == 1
        assert results.pop().count(b"SIEMENS MR HEADER") == 1


def test_a_mapped_file_reads_as_its_bytes(tmp_path: Path) -> None:
    """A file that is too big for memory may be mapped instead of read."""
    content = b"".join(encode(tag, b"DS", b"2.5 ", EXPLICIT_LITTLE) or b"" for tag in (0x00180080, KEPT))
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for modules in (_module, _plain):
            results = []
            for buffer in (content, mapped):
                walk = modules("cursor").Cursor(buffer, 0, len(content), EXPLICIT_LITTLE)
                results.append(modules("cleaner").Cleaner(STAND, EXPLICIT_LITTLE).data_set(walk, Tally()))
            assert results[0] == results[1]
            del walk


def test_elements_that_are_said_to_lie_too_deep_are_refused() -> None:
    """Depth is bounded for who reads items one by one, too."""
    for modules in (_module, _plain):
        with pytest.raises(Malformed) as malformed:
            modules("cursor").read_elements(b"", 0, 0, EXPLICIT_LITTLE, depth=MAX_DEPTH + 1)
        assert malformed.value.code == "data.file.too-deep"


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 5)])
def test_a_cursor_stays_within_its_bytes(start: int, end: int) -> None:
    """Places outside are a mistake of the program, and never memory."""
    for modules in (_module, _plain):
        with pytest.raises(ValueError, match="stays within"):
            modules("cursor").Cursor(b"1234", start, end, EXPLICIT_LITTLE)


def test_the_walk_is_compiled_where_a_compiler_is() -> None:
    """Where CI runs, or Cython and a compiler are there, the twins are those of the sources that lie here."""
    if os.environ.get("FIVESAFES_SCANNER") == "plain":
        return  # the second run of these tests, below
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if os.environ.get("CI") != "true" and scanner.MODE == "plain":
        pytest.skip("not compiled here: ./dev compile")
    assert scanner.MODE == "compiled" or not shutil.which(compiler)


def test_a_twin_of_other_sources_is_not_taken(tmp_path: Path) -> None:
    """After an edit the walk runs as it was edited, until it is compiled anew."""
    if scanner.MODE == "plain":
        return
    copy = tmp_path / "fivesafes"
    shutil.copytree(HEADER.parents[1], copy, ignore=shutil.ignore_patterns("face", "stores", "__pycache__"))
    with (copy / "data" / "header" / "scan.py").open("a") as file:
        file.write("# edited\n")
    assert _mode(tmp_path) == "plain"


def test_the_environment_can_ask_for_the_walk_as_it_stands() -> None:
    """FIVESAFES_SCANNER=plain is for finding out whether compiling is to blame."""
    assert _mode(HEADER.parents[2], FIVESAFES_SCANNER="plain") == "plain"


def _mode(source: Path, **environment: str) -> str:
    code = "from fivesafes.data.header import scanner; print(scanner.MODE)"
    kept = {name: value for name, value in os.environ.items() if name != "FIVESAFES_SCANNER"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "PYTHONPATH": str(source), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_every_test_of_headers_passes_as_it_stands_too() -> None:
    """The other tests of this folder, run once more without the compiled twins."""
    if scanner.MODE == "plain":
        return  # then they have just run so
    folder = Path(__file__).parent
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-m",
            "not shared_data and not slow",
            str(folder),
        ],
        env={**os.environ, "FIVESAFES_SCANNER": "plain"},
        cwd=folder.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.shared_data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["structural-t1", "siemens-ge", "siemens-enhanced", "vendors"])
def test_both_modes_give_the_same_of_real_scans(shared_data: Path, name: str) -> None:
    """Bytes and counts of every eighth file of each folder."""
    for folder in sorted({path.parent for path in (shared_data / name).rglob("*") if path.is_file()}):
        files = [path for path in sorted(folder.iterdir()) if path.is_file()][::8]
        results: list[list[object]] = []
        for modules in (_module, _plain):
            made = modules("cleaner").Cleaner(STAND, EXPLICIT_LITTLE)
            results.append([_of_file(modules, made, path) for path in files])
        assert results[0] == results[1]


def _of_file(modules: Callable[[str], ModuleType], made: cleaner.Cleaner, path: Path) -> object:
    from fivesafes.data.header.part10 import open_data_set  # noqa: PLC0415 - only where real scans are

    try:
        data_set = open_data_set(path.read_bytes())
        if data_set.encoding != EXPLICIT_LITTLE:
            made = modules("cleaner").Cleaner(STAND, data_set.encoding)
        tally = Tally()
        walk = modules("cursor").Cursor(data_set.buffer, data_set.start, len(data_set.buffer), data_set.encoding)
        return made.data_set(walk, tally), tally.entries()
    except Malformed as malformed:
        return malformed.code


def test_each_module_with_types_beside_it_has_its_twin() -> None:
    """One that scanner.py does not name would be compiled, and make every digest another."""
    assert [Path(part.__file__ or "").stem for part in scanner._PARTS] == sorted(
        path.stem for path in HEADER.glob("[a-z]*.pxd")
    )
