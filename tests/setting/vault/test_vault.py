"""What is kept is found under its recipient and address, verified at reading, and never taken for another's."""

import pytest
from tests.setting.vault.places import MemoryBlobs

from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.ports import Blobs
from fivesafes.setting.vault.seal import Identity, SealBroken, seal
from fivesafes.setting.vault.vault import ObjectMissing, Stats, Vault, object_name, shred, stats

ADDRESSER = Addresser(bytes(32), "p")
ANN, BOB = Identity.made(), Identity.made()


@pytest.fixture
def blobs() -> MemoryBlobs:
    """Give an empty store."""
    return MemoryBlobs()


@pytest.fixture
def vault(blobs: Blobs) -> Vault:
    """Give a vault on it."""
    return Vault(blobs, ADDRESSER)


def test_contents_come_back_in_order_and_are_told_as_new_once(vault: Vault) -> None:
    """Kept twice, or twice in one batch, is one object."""
    contents = [b"one", b"two", b"one", b"", b"three" * 9]
    kept = vault.keep(iter(contents), recipient=ANN.recipient)
    assert [one.new for one in kept] == [True, True, False, True, True]
    assert [one.bytes for one in kept] == [3, 3, 3, 0, 45]
    assert [one.address for one in kept] == [ADDRESSER.of(content) for content in contents]
    assert list(vault.read_all([one.address for one in kept], identity=ANN)) == contents
    assert not any(one.new for one in vault.keep(contents, recipient=ANN.recipient))


def test_contents_are_taken_a_few_at_a_time(vault: Vault, blobs: MemoryBlobs) -> None:
    """A generator over a large series needs memory for few files."""
    vault.keep((bytes([n]) for n in range(50)), recipient=ANN.recipient)
    assert len(blobs.objects) == 50
    assert blobs.most_at_once <= 4


def test_the_same_content_of_two_people_is_two_objects(vault: Vault, blobs: MemoryBlobs) -> None:
    """So one withdraws and the other keeps theirs; and what was set aside first can be admitted later."""
    for identity in (ANN, BOB):
        assert vault.keep([b"phantom"], recipient=identity.recipient)[0].new
    assert stats(blobs) == Stats(objects=2, bytes=sum(map(len, blobs.objects.values())), recipients=2)
    assert shred(blobs, recipient=ANN.recipient) == 1
    assert shred(blobs, recipient=ANN.recipient) == 0
    assert vault.read(ADDRESSER.of(b"phantom"), identity=BOB) == b"phantom"
    with pytest.raises(ObjectMissing):
        vault.read(ADDRESSER.of(b"phantom"), identity=ANN)


def test_an_object_that_opens_but_is_another_is_refused(vault: Vault, blobs: MemoryBlobs) -> None:
    """Whoever knows the recipient can seal to it: the address is what counts."""
    address = vault.keep([b"real"], recipient=ANN.recipient)[0].address
    blobs.objects[object_name(address, ANN.recipient)] = seal(b"forged", (ANN.recipient,))
    with pytest.raises(SealBroken, match="not the one that was received"):
        vault.read(address, identity=ANN)


def test_two_objects_that_changed_names_are_refused(vault: Vault, blobs: MemoryBlobs) -> None:
    """Both open; neither is what its name says."""
    one, two = (object_name(kept.address, ANN.recipient) for kept in vault.keep([b"1", b"2"], recipient=ANN.recipient))
    blobs.objects[one], blobs.objects[two] = blobs.objects[two], blobs.objects[one]
    for content in (b"1", b"2"):
        with pytest.raises(SealBroken):
            vault.read(ADDRESSER.of(content), identity=ANN)


def test_an_object_of_an_impossible_size_is_not_taken_for_kept(vault: Vault, blobs: MemoryBlobs) -> None:
    """A cut object would otherwise turn its original away for good."""
    name = object_name(ADDRESSER.of(b"content"), ANN.recipient)
    blobs.objects[name] = b"age-encryption.org/v1\n"
    assert vault.keep([b"content"], recipient=ANN.recipient)[0].new
    assert vault.read(ADDRESSER.of(b"content"), identity=ANN) == b"content"


def test_neither_name_nor_object_holds_content_recipient_or_project(vault: Vault, blobs: MemoryBlobs) -> None:
    """Who looks at the store sees keyed names and sealed bytes."""
    vault.keep([b"CANARY^NAME" * 9], recipient=ANN.recipient)
    seen = b"".join(name.encode() + content for name, content in blobs.objects.items())
    for secret in (b"CANARY", ANN.recipient.encode(), ANN.recipient[4:30].encode()):
        assert secret not in seen
