"""The byte search finds whatever was planted, wherever and however, and nothing else."""

import bz2
import gzip
import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fivesafes.data.residue import search as module
from fivesafes.data.residue.needles import Needles
from fivesafes.data.residue.search import numbers_in, search

LETTERS = "abcdefghijklmnopqrstuvwxyzéüß0123456789 ^.-"
needle_texts = (
    st.text(LETTERS, min_size=6, max_size=24)
    .map(str.strip)
    .filter(
        lambda text: len(text) >= 6 and len(set(text)) >= 3,
    )
)
ENCODINGS = st.sampled_from(["utf-8", "latin-1", "utf-16-le", "utf-16-be"])


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make borders between chunks common."""
    monkeypatch.setattr(module, "_CHUNK", 512)


@settings(max_examples=200)
@given(
    planted=needle_texts,
    others=st.sets(needle_texts, max_size=20),
    encoding=ENCODINGS,
    before=st.integers(0, 1600),
    seed=st.integers(0, 2**32 - 1),
    case=st.sampled_from([str.lower, str.upper, str.title, str]),
)
def test_a_string_is_found_at_any_place_among_random_bytes(
    planted: str, others: set[str], encoding: str, before: int, seed: int, case: type[str]
) -> None:
    """Any alignment, chunk border, encoding and case; what was not planted is not found."""
    try:
        written = case(planted).encode(encoding)
    except UnicodeEncodeError:
        written = planted.encode(encoding)
    others = {other for other in others if other.lower() not in planted.lower()}
    noise = np.random.default_rng(seed).integers(128, 256, before + 700, dtype=np.uint8).tobytes()
    needles = Needles.of({planted, *others})
    content = noise[:before] + written + noise[before:]
    found = {needles.reveal(number).reveal() for number in numbers_in(io.BytesIO(content), needles)}
    assert found == {planted}
    assert not list(numbers_in(io.BytesIO(noise), needles))


@given(words=st.sets(st.text("abcdefgh", min_size=2, max_size=3), min_size=1, max_size=8), gap=st.integers(0, 1100))
@example(words={"jo"}, gap=511)
def test_short_strings_count_as_whole_words_in_text_only(words: set[str], gap: int) -> None:
    """``jo`` is no part of ``major``, and voxels hold everything."""
    needles = Needles.of(words)
    text = ("." * gap + " ".join(sorted(words)) + " xyz").encode()
    assert {needles.reveal(n).reveal() for n in numbers_in(io.BytesIO(text), needles)} == words
    glued = b"." * gap + b"".join(b"z" + word.encode() + b"z " for word in sorted(words))
    assert not list(numbers_in(io.BytesIO(glued), needles))
    assert not list(numbers_in(io.BytesIO(bytes(8) + text), needles))


def test_strings_of_four_and_five_count_in_texts_and_in_headers() -> None:
    """Among voxels they would turn up by chance."""
    needles = Needles.of({"SMITH", "4821"})
    assert len(list(numbers_in(io.BytesIO(b"Patient: Smith, 4821"), needles))) == 2
    header = bytes(148) + b"SMITH 4821" + bytes(400)
    assert len(list(numbers_in(io.BytesIO(header), needles))) == 2
    voxels = bytes(range(128)) * 100 + b"\xc8SMITH\xc8\xc94821\xca" + bytes(range(128))
    assert not list(numbers_in(io.BytesIO(voxels), needles))


def packed_tar(name: str, content: bytes) -> bytes:
    """Make a compressed tar archive with one member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def packed_zip(name: str, content: bytes) -> bytes:
    """Make a deflated zip archive with one member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


HIDDEN = bytes(999) + b"quillfeather^xanthe" + bytes(999)


@pytest.mark.parametrize(
    "content",
    [
        HIDDEN,
        gzip.compress(HIDDEN),
        gzip.compress(bytes(50)) + gzip.compress(HIDDEN),
        gzip.compress(bytes(50)) + HIDDEN,
        gzip.compress(gzip.compress(HIDDEN)),
        bz2.compress(HIDDEN),
        packed_zip("a.bin", HIDDEN),
        packed_zip("a.nii.gz", gzip.compress(HIDDEN)),
        packed_zip("b.zip", packed_zip("a.bin", HIDDEN)),
        packed_tar("a.bin", HIDDEN),
        packed_tar("a.nii.gz", gzip.compress(HIDDEN)),
        gzip.compress(packed_zip("a.bin", HIDDEN)),
    ],
    ids=range(12),  # names made of the bytes would hold the time of packing, and differ between two workers
)
def test_a_string_is_found_however_the_file_is_packed(tmp_path: Path, content: bytes) -> None:
    """Members behind the first, archives in archives, bytes behind the end."""
    (tmp_path / "sub-01.dat").write_bytes(content)
    found = list(search(tmp_path, Needles.of({"Quillfeather^Xanthe", "another one"})))
    assert [(one.path, one.kind, one.severity.value) for one in found] == [
        ("sub-01.dat", "direct_identifier", "critical"),
    ]
    assert "uillfeather" not in repr(found)
    assert found[0].evidence == "no. 1 of 2: Q…(19)"


def test_names_of_files_folders_and_links_are_searched(tmp_path: Path) -> None:
    """In composed and decomposed letters."""
    (tmp_path / "Müller").mkdir()
    (tmp_path / "Müller" / "sub-01_4821_T1w.json").write_text("{}")
    (tmp_path / "link").symlink_to("/data/quillfeather/x")
    found = {(one.path, one.locator) for one in search(tmp_path, Needles.of({"Müller", "4821", "Quillfeather"}))}
    assert found == {("Müller", "filename"), ("Müller/sub-01_4821_T1w.json", "filename"), ("link", "filename")}


@pytest.mark.parametrize(
    "content",
    [gzip.compress(bytes(5000))[:-20], b"PK\x03\x04 broken", b"\x1f\x8b\x08 broken"],
    ids=["cut gzip", "zip", "gzip"],
)
def test_what_can_t_be_read_to_its_end_is_told(tmp_path: Path, content: bytes) -> None:
    """A search that stops early proves nothing."""
    (tmp_path / "a.gz").write_bytes(content)
    found = list(search(tmp_path, Needles.of({"quillfeather"})))
    assert [(one.code, one.severity.value) for one in found] == [("residue.unsearched", "high")]


def test_needles_show_only_how_many_they_are() -> None:
    """They end up in no log."""
    needles = Needles.of({"quillfeather", "4821", "jo", "", "x"})
    assert len(needles) == 3
    assert "quill" not in repr(needles)
    assert "4821" not in str(needles)


@pytest.mark.slow
def test_ten_thousand_strings_are_searched_at_a_fair_speed() -> None:
    """Far below what was measured (over 100 MB/s on one core), so that a busy machine passes."""
    rng = np.random.default_rng(1)
    letters = list("abcdefghijklmnopqrstuvwxyz0123456789")
    needles = Needles.of({"".join(rng.choice(letters, 9)) for _ in range(10_000)})
    content = rng.integers(0, 256, 20_000_000, dtype=np.uint8).tobytes()
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        assert not list(numbers_in(file, needles))
