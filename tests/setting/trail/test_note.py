"""Signed notes and checkpoints: the published examples, and what must not pass."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput
from fivesafes.setting.trail.checkpoint import Checkpoint, parsed, read_checkpoint, signed
from fivesafes.setting.trail.note import NoteSigner, VerifierKey, looks_like_note, notes_in, opened

# The example of Go's note package, from which C2SP's signed-note comes.
PETER = VerifierKey.parsed("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
PETERS_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
NOTE = f"{TEXT}\n— PeterNeumann {SIGNATURE}\n"


def test_the_published_note_opens_and_signing_gives_it_again() -> None:
    """Byte for byte, with the published keys."""
    assert opened(NOTE, PETER) == TEXT
    assert NoteSigner(PETERS_SEED, "PeterNeumann").sign(TEXT) == NOTE
    assert str(NoteSigner(PETERS_SEED, "PeterNeumann").key) == str(PETER)


def test_a_second_signature_of_somebody_unknown_does_not_matter() -> None:
    """Unknown signatures are passed over; a wrong one of a known key is not."""
    other = NoteSigner(bytes(32), "somebody").sign(TEXT).split("\n\n")[1]
    assert opened(NOTE + other, PETER) == TEXT
    with pytest.raises(InvalidInput, match="not signed by the key"):
        opened(f"{TEXT}\n{other}", PETER)


def test_no_flipped_bit_of_a_note_goes_unseen() -> None:
    """Exhaustive: whatever bit is flipped, the note does not open or is not UTF-8; padding bits of base64 too."""
    whole = NOTE.encode()
    for place in range(len(whole) * 8):
        raw = bytearray(whole)
        raw[place // 8] ^= 1 << place % 8
        with pytest.raises((InvalidInput, UnicodeDecodeError)):
            opened(raw.decode(), PETER)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— name\n",
        "text\n\nname c2ln\n",
        "text\n\n— na+me AAAAAAAA\n",
        "text\n\n— name AAAA\n",
        "text\n\n— name AAAAAAAA",
        "te\x00xt\n\n— name AAAAAAAA\n",
        "text\n\n" + "— name AAAAAAAA\n" * 101,
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    """Malformed in every way that the format names."""
    with pytest.raises(InvalidInput):
        opened(note, PETER)


@pytest.mark.parametrize("text", ["", "name", "name+00000000+AAAA", str(PETER)[:-4], str(PETER).replace("c7", "c8")])
def test_what_is_no_key_is_refused(text: str) -> None:
    """Its id must be its own."""
    with pytest.raises(InvalidInput):
        VerifierKey.parsed(text)


@given(seed=st.binary(min_size=32, max_size=32))
def test_a_key_comes_back_from_its_line(seed: bytes) -> None:
    """Whatever the key, a plus sign in its base64 too."""
    key = NoteSigner(seed, "example.org/haven").key
    assert VerifierKey.parsed(str(key)) == key


@pytest.mark.parametrize("text", ["no newline", "control\x07\n", "tab\t\n"])
def test_only_a_text_that_can_be_read_back_is_signed(text: str) -> None:
    """Else a note would be made that nobody can open."""
    with pytest.raises(ValueError, match="newline"):
        NoteSigner(bytes(32), "name").sign(text)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\n"])
def test_a_signer_has_a_name_that_notes_can_carry(name: str) -> None:
    """No space, no plus sign."""
    with pytest.raises(InvalidInput):
        NoteSigner(bytes(32), name)


def test_a_checkpoint_comes_back_from_its_note(signer: NoteSigner) -> None:
    """The three lines of C2SP's tlog-checkpoint, signed under the origin."""
    made = signed(Checkpoint(origin=signer.key.name, size=20852163, root=bytes(range(32))), signer)
    assert made.note.startswith("example.org/haven\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n— ")
    assert read_checkpoint(made.note, signer.key) == made


def test_the_published_checkpoint_is_read() -> None:
    """The example of C2SP's tlog-checkpoint, its body only: its key is not published with it."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    read = parsed(text)
    assert (read.origin, read.size, read.text()) == ("example.com/behind-the-sofa", 20852163, text)


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n",
        "o\n01\n" + "A" * 43 + "=\n",
        "o\n-1\n" + "A" * 43 + "=\n",
        "o\n1\nAAAA\n",
        "o\n1\n!\n",
        "\n1\n" + "A" * 43 + "=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """A size in other digits, a root of another length, a missing line."""
    with pytest.raises(InvalidInput):
        parsed(text)


def test_a_checkpoint_of_another_trail_is_refused(signer: NoteSigner) -> None:
    """Signed by the right key, and of another origin."""
    note = signer.sign(Checkpoint(origin="elsewhere", size=1, root=bytes(32)).text())
    with pytest.raises(InvalidInput, match="another trail"):
        read_checkpoint(note, signer.key)


def test_notes_are_found_in_what_witnesses_keep(signer: NoteSigner) -> None:
    """One after the other in a file, with empty lines between or other line ends, the last newline there or not."""
    notes = [signed(Checkpoint(origin=signer.key.name, size=n, root=bytes(32)), signer).note for n in (1, 20)]
    assert list(notes_in("".join(notes))) == notes
    assert list(notes_in("\n".join(notes).replace("\n", "\r\n"))) == notes
    assert list(notes_in(notes[0].removesuffix("\n"))) == notes[:1]
    assert list(notes_in("\n\n")) == []


def test_what_stands_between_notes_is_given_too_and_does_not_open(signer: NoteSigner) -> None:
    """A mail's text, or a note whose dash was altered: nobody can tell them apart, so neither is passed over."""
    first, second = [signed(Checkpoint(origin=signer.key.name, size=n, root=bytes(32)), signer).note for n in (1, 20)]
    damaged = second.replace("\n— ", "\n- ")
    for stray in ("Dear witness,\n\nplease keep this:\n", damaged):
        for text in (stray + first, f"{first}\n{stray}", f"{first}{stray}\n{second}"):
            found = list(notes_in(text))
            assert stray in found
            assert first in found
            assert (second in found) == (second in text)
        assert not looks_like_note(stray)
        with pytest.raises(InvalidInput, match="no signed note"):
            opened(stray, signer.key)


def test_a_write_that_was_cut_short_and_made_again_is_no_damage(signer: NoteSigner) -> None:
    """A full disk takes half a note; the same note follows whole and says all that the half said, another does not."""
    first, second = [signed(Checkpoint(origin=signer.key.name, size=n, root=bytes(32)), signer).note for n in (1, 20)]
    for length in range(1, len(first)):
        half = first[:length]
        again = half + ("" if half.endswith("\n") else "\n") + first
        assert list(notes_in(again)) == [first]
    assert list(notes_in(first[:60] + "\n" + second)) == [first[:60] + "\n", second]
