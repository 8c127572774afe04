"""Verification: whatever is altered, cut, swapped or made anew is found, and at its place."""

from collections.abc import Callable, Sequence

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.event import Event
from fivesafes.core.verdict import Gravity
from fivesafes.setting.trail.entry import digest_of, event_of
from fivesafes.setting.trail.merkle import Frontier, leaf_hash
from fivesafes.setting.trail.note import NoteSigner, notes_in
from fivesafes.setting.trail.verify import Head, Row, Verified, came_with_it, verify

MadeLines = Callable[[int], list[bytes]]
MadeNote = Callable[[Sequence[bytes]], str]
Rechained = Callable[[Sequence[Event]], list[bytes]]
SIZE = 24


def bare(lines: Sequence[bytes]) -> list[Row]:
    """Give lines as a stranger has them."""
    return [(line, None) for line in lines]


def kept(lines: Sequence[bytes]) -> list[Row]:
    """Give lines with the digests that a haven keeps beside them."""
    return [(line, bytes.fromhex(digest_of(line))) for line in lines]


def head_of(lines: Sequence[bytes]) -> Head:
    """Give the head that a haven keeps."""
    tree = Frontier()
    tree.grow([leaf_hash(line) for line in lines])
    last = bytes.fromhex(digest_of(lines[-1])) if lines else bytes(32)
    return Head(size=len(lines), last=last, frontier=tree.peaks_as_bytes())


def codes(found: Verified) -> set[str]:
    """Name what was found."""
    return {finding.code.removeprefix("setting.trail.") for finding in found.verdict.findings}


def test_a_whole_trail_is_proven_as_far_as_its_checkpoints_reach(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """Entries, checkpoints and the proven part are counted."""
    lines = lines_of(SIZE)
    notes = [note_of(lines[:8]), note_of(lines[:20])]
    found = verify(kept(lines), notes=notes, key=signer.key, head=lambda: head_of(lines))
    assert codes(found) == {"proven"}
    assert (found.entries, found.checkpoints, found.proven, found.first_bad) == (SIZE, 2, 20, None)


def test_without_a_checkpoint_the_verdict_says_what_nobody_can_tell(lines_of: MadeLines) -> None:
    """A whole chain is a note, and names what it does not prove; an empty trail too."""
    assert codes(verify(bare(lines_of(3)))) == {"unwitnessed"}
    assert codes(verify([], head=lambda: head_of([]))) == {"unwitnessed"}


def test_every_single_byte_edit_of_every_line_is_found_at_its_row(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """Exhaustive over the bytes of a trail as a stranger has it: only the last line needs the checkpoint to tell."""
    lines = lines_of(12)
    note = note_of(lines)
    for row, line in enumerate(lines):
        for place in range(len(line)):
            edited = bytearray(line)
            edited[place] ^= 1
            found = verify(bare([*lines[:row], bytes(edited), *lines[row + 1 :]]), notes=[note], key=signer.key)
            assert found.verdict.refuses, (row, place)
            if row < len(lines) - 1:
                assert found.first_bad == row, (row, place)


def test_every_single_byte_edit_of_every_kept_digest_is_found_at_its_row(lines_of: MadeLines) -> None:
    """Exhaustive over the digests that a haven keeps, without any checkpoint."""
    lines = lines_of(12)
    for row in range(len(lines)):
        for place in range(32):
            rows = kept(lines)
            line, digest = rows[row]
            assert digest is not None
            edited = bytearray(digest)
            edited[place] ^= 1
            rows[row] = (line, bytes(edited))
            assert verify(rows).first_bad == row


def test_every_single_byte_edit_of_the_head_is_found(lines_of: MadeLines) -> None:
    """Its size, its last digest and each byte of its frontier."""
    lines = lines_of(13)
    head = head_of(lines)
    wrong = [evolve(head, size=12), evolve(head, size=14)]
    for name in ("last", "frontier"):
        whole = getattr(head, name)
        for place in range(len(whole)):
            edited = bytearray(whole)
            edited[place] ^= 1
            wrong.append(evolve(head, **{name: bytes(edited)}))  # type: ignore[arg-type]
    for one in wrong:
        assert codes(verify(kept(lines), head=lambda one=one: one)) == {"head"}  # type: ignore[misc]


def test_an_edit_that_is_chained_anew_is_found_by_the_outside_checkpoint_and_only_by_it(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner, rechained: Rechained
) -> None:
    """At each row: the forger rewrites lines, digests and head, and can't rewrite what the witness keeps."""
    lines = lines_of(SIZE)
    notes = [note_of(lines[:8]), note_of(lines)]
    events = [event_of(line) for line in lines]
    for row in range(SIZE):
        forged = rechained([*events[:row], evolve(events[row], outcome="OK"), *events[row + 1 :]])
        assert not verify(kept(forged), head=lambda forged=forged: head_of(forged)).verdict.refuses  # type: ignore[misc]
        found = verify(bare(forged), notes=notes, key=signer.key)
        assert "rewritten" in codes(found)
        about = found.verdict.findings[0].about
        assert about == ("entries 0 to 7" if row < 8 else "entries 8 to 23")


def test_a_tail_that_was_cut_off_is_found_by_the_outside_checkpoint(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """The chain alone is fooled, the checkpoint is not; a haven's head tells too, unless it was set back."""
    lines = lines_of(SIZE)
    note = note_of(lines)
    for left in range(SIZE):
        cut = lines[:left]
        assert not verify(bare(cut)).verdict.refuses
        assert codes(verify(bare(cut), notes=[note], key=signer.key)) == {"cut"}
        assert codes(verify(kept(cut), head=lambda: head_of(lines))) == {"head"}


@pytest.mark.parametrize("row", range(1, SIZE - 1))
def test_deleting_swapping_and_inserting_are_found_at_the_row(lines_of: MadeLines, row: int) -> None:
    """As edits of a file or a table would leave them."""
    lines = lines_of(SIZE)
    deleted = [*lines[:row], *lines[row + 1 :]]
    swapped = [*lines[:row], lines[row + 1], lines[row], *lines[row + 2 :]]
    doubled = [*lines[: row + 1], *lines[row:]]
    assert verify(bare(deleted)).first_bad == row
    assert verify(bare(swapped)).first_bad == row
    assert verify(bare(doubled)).first_bad == row + 1


@given(data=st.data())
def test_a_spliced_trail_is_found(data: st.DataObject, lines_of: MadeLines, rechained: Rechained) -> None:
    """Any entry exchanged for one of another trail, with the right number and another past."""
    lines = lines_of(SIZE)
    other = rechained([evolve(event_of(line), actor="w2") for line in lines])
    row = data.draw(st.integers(0, SIZE - 2))
    found = verify(bare([*lines[:row], other[row], *lines[row + 1 :]]))
    assert found.first_bad == row


def test_a_checkpoint_that_is_not_of_the_key_is_told_and_proves_nothing(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """Another key, a damaged note, or no key at all."""
    lines = lines_of(4)
    note = note_of(lines)
    other = NoteSigner(bytes(32), signer.key.name).key
    for notes, key in (([note], other), ([note.replace("4\n", "5\n", 1)], signer.key), ([note], None)):
        found = verify(bare(lines), notes=notes, key=key)
        assert codes(found) == {"checkpoint"}
        assert found.proven == 0


def test_every_flipped_bit_of_a_witness_s_file_is_noticed_though_the_trail_was_cut(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """Exhaustive over a file of three notes, of which only the newest tells of the tail: no bit opens the way."""
    lines = lines_of(9)
    file = "".join(note_of(lines[:size]) for size in (3, 8, 9)).encode()
    for trail in (lines, lines[:8]):
        for place in range(len(file) * 8):
            flipped = bytearray(file)
            flipped[place // 8] ^= 1 << place % 8
            try:
                notes = list(notes_in(flipped.decode()))
            except UnicodeDecodeError:
                continue  # the file can't be read as text, and is refused as a whole
            assert verify(bare(trail), notes=notes, key=signer.key).verdict.refuses, place


def test_two_checkpoints_of_one_size_that_contradict_one_another_are_told_as_that(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner, rechained: Rechained
) -> None:
    """A haven that shows different trails to different witnesses is convicted by both notes together."""
    lines = lines_of(4)
    other = rechained([evolve(event_of(line), actor="w2") for line in lines])
    for trail in (lines, other):
        notes = [note_of(lines), note_of(other)]
        found = verify(bare(trail), notes=notes, key=signer.key)
        assert codes(found) == {"forked"}
        why = found.verdict.findings[0].why
        assert signer.key.name in why
        assert all(note.split("\n")[2] in why for note in notes)


def test_contradicting_checkpoints_over_a_third_trail_convict_the_signer_and_the_trail(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner, rechained: Rechained
) -> None:
    """Neither fits what is shown: both the fork and the alteration are told, each once."""
    lines = lines_of(4)
    second, third = (rechained([evolve(event_of(line), actor=who) for line in lines]) for who in ("w2", "w3"))
    found = verify(bare(third), notes=[note_of(lines), note_of(second)], key=signer.key)
    assert sorted(finding.code for finding in found.verdict.findings) == [
        "setting.trail.forked",
        "setting.trail.rewritten",
    ]


def test_an_older_checkpoint_of_another_trail_contradicts_a_newer_one_that_fits(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner, rechained: Rechained
) -> None:
    """The trail is what the newer one says, so nothing in it was altered since: two trails were signed."""
    lines = lines_of(8)
    other = rechained([evolve(event_of(line), actor="w2") for line in lines])
    found = verify(bare(lines), notes=[note_of(other[:5]), note_of(lines)], key=signer.key)
    assert codes(found) == {"forked"}


def test_with_a_key_that_came_with_the_trail_nothing_is_proven(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """A person must look; a refusal stays one, and a trail without checkpoints proved nothing anyway."""
    lines = lines_of(4)
    found = came_with_it(verify(bare(lines), notes=[note_of(lines)], key=signer.key))
    assert (codes(found), found.verdict.gravity, found.proven) == ({"key"}, Gravity.REVIEW, 0)
    refused = verify(bare(lines[:3]), notes=[note_of(lines)], key=signer.key)
    assert came_with_it(refused) == refused
    alone = verify(bare(lines))
    assert came_with_it(alone) == alone


def test_what_can_t_be_read_among_checkpoints_is_told_with_its_place(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """So that a person finds it in a long file."""
    lines = lines_of(9)
    file = note_of(lines[:3]) + note_of(lines).replace("—", "-")
    found = verify(bare(lines[:8]), notes=list(notes_in(file)), key=signer.key)
    assert codes(found) == {"checkpoint"}
    assert "after the checkpoint over 3 entries" in found.verdict.findings[0].why


@pytest.mark.parametrize("line", [b"", b"[]", b"3", b"{}", b'{"n":0}', b"\xff", b"[" * 100_000, b'{"n":0}x'])
def test_a_line_that_is_no_entry_is_named(lines_of: MadeLines, line: bytes) -> None:
    """Whatever stands there, the walk ends with the number and not with a crash."""
    lines = lines_of(5)
    assert verify(bare([*lines[:2], line, *lines[3:]])).first_bad == 2


def test_a_long_trail_is_walked_in_chunks_of_which_checkpoints_know_nothing(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """Checkpoints inside, at and beside the edges of chunks fit."""
    lines = lines_of(8300)
    notes = [note_of(lines[:size]) for size in (1, 4095, 4096, 4097, 8192, 8300)]
    found = verify(iter(bare(lines)), notes=notes, key=signer.key, head=lambda: head_of(lines))
    assert (found.entries, found.checkpoints, found.proven) == (8300, 6, 8300)
    assert verify(bare([*lines[:4095], *lines[4096:]])).first_bad == 4095
    edited = lines[4095].replace(b"deface", b"derace")
    assert verify(bare([*lines[:4095], edited, *lines[4096:]])).first_bad == 4095
