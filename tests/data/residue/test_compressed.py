"""What gzip headers disclose, and how broken or endless compressed files are met."""

import gzip
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.data.model import Residue
from fivesafes.data.residue.compressed import GzipReader
from fivesafes.data.residue.place import Unreadable
from fivesafes.data.residue.walk import residues_in

Look = Callable[..., list[Residue]]
Make = Callable[..., bytes]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PATH = "sub-001/anat/sub-001_T1w.nii.gz"


def places(found: list[Residue]) -> list[tuple[str, str]]:
    """Give kind and locator of each finding."""
    return [(one.kind, one.locator) for one in found]


@pytest.mark.parametrize(
    ("header", "kind", "locator"),
    [
        ({"name": b"SMITH_JANE_T1.nii"}, "name", "gzip.FNAME"),
        ({"name": b"20210304_T1.nii"}, "date", "gzip.FNAME"),
        ({"name": b"Quillfeather.nii"}, "free_text", "gzip.FNAME"),
        ({"mtime": 1614868392}, "date", "gzip.MTIME"),
        ({"comment": b"Jane Smith"}, "name", "comment"),
        ({"comment": b"anything at all"}, "free_text", "comment"),
        ({"extra": b"XX\x07\x00MRN1234567"}, "direct_identifier", "gzip.EXTRA"),
    ],
)
def test_each_field_of_the_header_is_read(
    look: Look, make_nifti: Make, make_member: Make, header: dict[str, object], kind: str, locator: str
) -> None:
    """In the first member and in those that hide behind it."""
    content = make_nifti()
    assert places(look(PATH, make_member(content, **header))) == [(kind, locator)]
    assert places(look(PATH, make_member(content[:200]) + make_member(content[200:], **header))) == [(kind, locator)]


def test_a_name_that_repeats_the_file_and_a_time_of_today_are_harmless(
    look: Look, make_nifti: Make, make_member: Make
) -> None:
    """They tell no more than the release itself."""
    named = make_member(make_nifti(), name=b"sub-001_T1w.nii", mtime=int(NOW.timestamp()) - 3600)
    assert look(PATH, named) == []
    assert [one.severity.value for one in look(PATH, named, lightest="info")] == ["low"]


@given(pieces=st.lists(st.binary(max_size=2000), min_size=1, max_size=4), step=st.integers(1, 3000))
def test_members_read_as_one_sequence(pieces: list[bytes], step: int) -> None:
    """Whatever the size of the reads, as gzip itself gives them."""
    packed = b"".join(gzip.compress(piece, mtime=0) for piece in pieces)
    reader = GzipReader(io.BytesIO(packed), limit=1 << 20)
    got = b"".join(iter(lambda: reader.read(step), b""))
    assert got == b"".join(pieces)
    assert len(reader.headers) == len(pieces)
    assert reader.after == b""


@given(cut=st.integers(1, 60))
def test_a_cut_file_is_unreadable(cut: int) -> None:
    """Never taken for whole."""
    packed = gzip.compress(bytes(range(256)) * 3, mtime=0)
    reader = GzipReader(io.BytesIO(packed[: -cut - 8]), limit=1 << 20)
    with pytest.raises(Unreadable):
        b"".join(iter(lambda: reader.read(100), b""))


def test_a_bomb_is_told_as_unread_and_costs_no_memory(tmp_path: Path) -> None:
    """More than the limit is not decompressed."""
    with pytest.raises(Unreadable):
        GzipReader(io.BytesIO(gzip.compress(bytes(5000))), limit=4000).read(6000)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as out:
        for _ in range(300):
            out.write(bytes(1 << 20))
    (tmp_path / "a.tsv.gz").write_bytes(packed.getvalue())
    assert [one.path for one in residues_in(tmp_path, now=NOW).unread] == ["a.tsv.gz"]
