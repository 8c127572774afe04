"""Proofs: what one entry or an earlier checkpoint is worth to somebody who has not the trail."""

import json
from collections.abc import Callable, Sequence

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput, Refused
from fivesafes.core.event import Event
from fivesafes.setting.trail.checkpoint import read_checkpoint
from fivesafes.setting.trail.entry import event_of
from fivesafes.setting.trail.note import NoteSigner
from fivesafes.setting.trail.proof import judge_proof, prove_entry, prove_growth

MadeLines = Callable[[int], list[bytes]]
MadeNote = Callable[[Sequence[bytes]], str]


@given(data=st.data())
def test_an_entry_is_proven_and_another_line_is_not(
    data: st.DataObject, lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """Through JSON and back, at any place of any size."""
    size = data.draw(st.integers(1, 40))
    n = data.draw(st.integers(0, size - 1))
    lines = lines_of(size + 3)
    upto = read_checkpoint(note_of(lines[:size]), signer.key)
    proof = json.loads(json.dumps(prove_entry(lines, n, upto=upto)))
    assert not judge_proof(proof, signer.key).refuses
    assert judge_proof(proof | {"line": proof["line"].replace("ok", "no")}, signer.key).refuses
    assert judge_proof(proof | {"n": n + 1}, signer.key).refuses


@given(data=st.data())
def test_growth_is_proven_and_a_rewritten_past_is_not(
    data: st.DataObject,
    lines_of: MadeLines,
    note_of: MadeNote,
    signer: NoteSigner,
    rechained: Callable[[Sequence[Event]], list[bytes]],
) -> None:
    """From any earlier size to any later; what the witness kept of another past does not fit."""
    size = data.draw(st.integers(1, 40))
    since = data.draw(st.integers(1, size))
    lines = lines_of(size)
    forged = rechained([evolve(event_of(line), outcome="no") for line in lines])
    proof = json.loads(json.dumps(prove_growth(lines, since, upto=read_checkpoint(note_of(lines), signer.key))))
    assert not judge_proof(proof, signer.key, earlier=[note_of(lines[:since])]).refuses
    assert judge_proof(proof, signer.key, earlier=[note_of(forged[:since])]).refuses


def test_a_proof_of_growth_says_nothing_without_the_witness_s_checkpoint(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """Absence refuses."""
    lines = lines_of(5)
    proof = prove_growth(lines, 3, upto=read_checkpoint(note_of(lines), signer.key))
    with pytest.raises(InvalidInput, match="over 3 entries"):
        judge_proof(proof, signer.key, earlier=[note_of(lines[:2])])


def test_a_proof_leads_to_a_checkpoint_of_the_key_or_nowhere(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """Signed by another key, it is refused."""
    lines = lines_of(5)
    proof = prove_entry(lines, 3, upto=read_checkpoint(note_of(lines), signer.key))
    with pytest.raises(InvalidInput):
        judge_proof(proof, NoteSigner(bytes(32), signer.key.name).key)


@pytest.mark.parametrize(
    "damage",
    [
        {"kind": "other"},
        {"proof": [3]},
        {"proof": ["!"]},
        {"proof": "x"},
        {"n": "3"},
        {"n": True},
        {"line": None},
        {"checkpoint": 1},
    ],
)
def test_what_is_no_proof_is_refused(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner, damage: dict[str, object]
) -> None:
    """Said, not crashed on."""
    lines = lines_of(5)
    proof = prove_entry(lines, 3, upto=read_checkpoint(note_of(lines), signer.key))
    with pytest.raises(InvalidInput):
        judge_proof(proof | damage, signer.key)


def test_what_the_checkpoint_does_not_cover_is_not_proven(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner
) -> None:
    """Neither an entry nor an earlier size beyond it."""
    lines = lines_of(5)
    upto = read_checkpoint(note_of(lines[:3]), signer.key)
    for n in (-1, 3):
        with pytest.raises(InvalidInput):
            prove_entry(lines, n, upto=upto)
    for since in (0, 4):
        with pytest.raises(InvalidInput):
            prove_growth(lines, since, upto=upto)


@pytest.mark.parametrize("left", [0, 5, 11])
def test_nothing_is_proven_of_lines_that_the_checkpoint_does_not_tell_of(
    lines_of: MadeLines, note_of: MadeNote, signer: NoteSigner, left: int
) -> None:
    """Cut short or altered: no proof is made of what is left, for it would not hold."""
    lines = lines_of(12)
    upto = read_checkpoint(note_of(lines), signer.key)
    altered = [*lines[:left], lines[left].replace(b"deface", b"derace"), *lines[left + 1 :]]
    for wrong in (lines[:left], altered):
        with pytest.raises(Refused, match="not the 12"):
            prove_entry(wrong, 3, upto=upto)
        with pytest.raises(Refused, match="not the 12"):
            prove_growth(wrong, 4, upto=upto)
