"""Sealed is sealed: nothing altered opens, nobody else opens it, and nothing of the content is ever told."""

import copy
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput
from fivesafes.setting.vault.age_file import AGE_MAGIC
from fivesafes.setting.vault.seal import (
    LEAST_OVERHEAD,
    Identity,
    SealBroken,
    checked_recipient,
    seal,
    unseal,
)

ME = Identity.made()
OTHER = Identity.made()
CHUNK = 65536


@given(content=st.binary(max_size=300))
def test_what_was_sealed_opens_to_the_same(content: bytes) -> None:
    """And is an age file, larger than its content by what the vault counts on."""
    sealed = seal(content, (ME.recipient, OTHER.recipient))
    assert unseal(sealed, ME) == unseal(sealed, OTHER) == content
    assert sealed.startswith(AGE_MAGIC)
    assert len(sealed) >= len(content) + LEAST_OVERHEAD


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 200_000])
def test_sizes_around_a_chunk_come_back(size: int) -> None:
    """Sealing goes in chunks of 64 KiB; the last one is marked."""
    content = bytes(n % 251 for n in range(size))
    assert unseal(seal(content, (ME.recipient,)), ME) == content


def test_every_single_flipped_bit_is_refused() -> None:
    """Header, nonce, content, tag: all bits of a small object, one by one."""
    sealed = seal(b"original", (ME.recipient,))
    accepted = 0
    for bit in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        try:
            unseal(bytes(altered), ME)
        except SealBroken:
            continue
        accepted += 1
    assert accepted == 0


def test_every_cut_and_every_lengthening_is_refused() -> None:
    """Also one that ends where a chunk ends."""
    sealed = seal(bytes(2 * CHUNK), (ME.recipient,))
    start = len(sealed) - 2 * (CHUNK + 16)
    cuts = [*range(0, start, 7), start, start + CHUNK + 16, len(sealed) - 17, len(sealed) - 1]
    for altered in [*(sealed[:cut] for cut in cuts), sealed + b"\0", sealed[:start] + sealed[start + CHUNK + 16 :]]:
        with pytest.raises(SealBroken):
            unseal(altered, ME)


def test_chunks_can_not_change_places() -> None:
    """Each chunk knows its number."""
    sealed = seal(bytes(3 * CHUNK), (ME.recipient,))
    start = len(sealed) - 3 * (CHUNK + 16)
    chunk = CHUNK + 16
    swapped = sealed[:start] + sealed[start + chunk : start + 2 * chunk] + sealed[start : start + chunk]
    with pytest.raises(SealBroken):
        unseal(swapped + sealed[start + 2 * chunk :], ME)


def test_another_identity_does_not_open_it_and_the_error_tells_nothing() -> None:
    """Neither content nor key stands in the message."""
    with pytest.raises(SealBroken) as refusal:
        unseal(seal(b"SECRET^NAME", (ME.recipient,)), OTHER)
    assert "SECRET" not in str(refusal.value)
    assert "AGE-SECRET" not in str(refusal.value)


def test_an_identity_neither_prints_nor_copies_nor_pickles() -> None:
    """It stays where it was read."""
    assert "SECRET" not in f"{ME!r} {ME}"
    with pytest.raises(TypeError, match="stays in the process"):
        copy.deepcopy(ME)
    assert Identity(ME.reveal()).recipient == ME.recipient


@pytest.mark.parametrize(
    "text", ["", "AGE-SECRET-KEY-1QQQ", "age1foo", ME.recipient], ids=["empty", "short", "public", "a recipient"]
)
def test_what_is_no_identity_is_refused_without_being_quoted(text: str) -> None:
    """A typing mistake in a key must not put the key into a log."""
    with pytest.raises(InvalidInput) as refusal:
        Identity(text)
    assert not text or text not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "age1",
        ME.reveal(),
        "ssh-ed25519 AAAA",
        ME.recipient[:-1] + ("q" if ME.recipient[-1] != "q" else "p"),
        "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
    ],
    ids=["empty", "short", "an identity", "ssh", "mistyped", "of low order"],
)
def test_what_is_no_recipient_is_refused(text: str) -> None:
    """A mistyped recipient would seal to nobody (its checksum tells), a point of low order to everybody (RFC 7748)."""
    with pytest.raises(InvalidInput):
        checked_recipient(text)


def test_sealing_to_nobody_is_refused() -> None:
    """What nobody can open is lost."""
    with pytest.raises(InvalidInput, match="nobody"):
        seal(b"x", ())


def test_nothing_is_used_twice() -> None:
    """Of one content sealed twice, ephemeral share, wrapped key, code, nonce and payload all differ."""
    one, two = (seal(b"the same", (ME.recipient,)).partition(b"\n--- ") for _ in range(2))
    lines = [head.split(b"\n") for head, _, _ in (one, two)]
    assert lines[0][0] == lines[1][0] == AGE_MAGIC.strip()
    assert all(first != second for first, second in zip(lines[0][1:], lines[1][1:], strict=True))
    code, nonce, payload = slice(0, 43), slice(44, 60), slice(60, None)
    assert all(one[2][part] != two[2][part] for part in (code, nonce, payload))


@pytest.mark.skipif(shutil.which("age") is None, reason="the age program is not installed (Debian: apt install age)")
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 179_200])
def test_the_age_program_opens_what_we_seal_and_we_open_what_it_seals(size: int, tmp_path: Path) -> None:
    """The format is age's own, both ways and for each of two recipients: Debian's program is another implementation."""
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    ours = seal(content, (ME.recipient, OTHER.recipient))
    for who in (ME, OTHER):
        key = tmp_path / "key"
        key.write_text(f"{who.reveal()}\n")
        opened = subprocess.run(["age", "-d", "-i", key], input=ours, capture_output=True, check=True)
        assert opened.stdout == content
    sealed = subprocess.run(["age", "-r", ME.recipient], input=content, capture_output=True, check=True)
    assert unseal(sealed.stdout, ME) == content
    assert len(sealed.stdout) == len(seal(content, (ME.recipient,)))
