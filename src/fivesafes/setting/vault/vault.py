"""The vault of one project: contents go in by their recipient, and come out by their identity, verified.

An object's name has two parts: the digest of the recipient that it is sealed to, and the content's address.  So the
same content set aside first and admitted later, or received by two machines that made two identities for a new
participant at once, never leads to an object that the wrong key guards; and a participant's objects lie together, which
makes shredding them one sweep and a batch durable with three folders to sync.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.setting.vault.address import ADDRESS_BYTES, Addresser
from fivesafes.setting.vault.ports import Blobs
from fivesafes.setting.vault.seal import LEAST_OVERHEAD, Identity, SealBroken, seal_in_parts, unseal

FINGERPRINT: Final = 16
"""Hexadecimal digits of a recipient's SHA-256 that stand in names."""
_MOVED: Final = ".damaged-"
"""Stands between an object's name and the digest of what was found there damaged and moved aside."""


class ObjectMissing(InvalidInput):
    """The vault has no such object."""

    @classmethod
    def told(cls) -> "ObjectMissing":
        """Say so."""
        return cls("the vault lacks an object", fix="restore it from the backup; fivesafes vault verify lists all such")


@frozen(kw_only=True)
class Kept:
    """One content as it is kept: its address, its own size in bytes, and whether it was not there before."""

    address: bytes
    bytes: int
    new: bool


@frozen(kw_only=True)
class Stats:
    """What a store holds: objects, their sealed bytes, and to how many recipients."""

    objects: int
    bytes: int
    recipients: int


def fingerprint(recipient: str) -> str:
    """Shorten a recipient for names: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(recipient.encode()).hexdigest()[:FINGERPRINT]


def folder_of(recipient: str) -> str:
    """Name where the objects of a recipient lie, with the slash at its end."""
    print_ = fingerprint(recipient)
    return f"{print_[:2]}/{print_[2:]}/"


def object_name(address: bytes, recipient: str) -> str:
    """Name an object: ``ab/cdef0123456789/<address in hexadecimal>``."""
    return f"{folder_of(recipient)}{address.hex()}"


class Vault:
    """Keeps and reads the originals of one project."""

    def __init__(self, blobs: Blobs, addresser: Addresser) -> None:
        """Take where objects lie and how contents are named."""
        self._blobs = blobs
        self._addresser = addresser

    def keep(self, contents: Iterable[bytes], *, recipient: str) -> tuple[Kept, ...]:
        """Seal each content to the recipient and keep it; durable when it returns.

        Contents are taken a few at a time, so a generator that reads files needs memory for few.  What is there already
        is not sealed again, unless its size shows that it can't be whole.  Raises TryAgain; what was put down before
        stays and is found there by the next try.
        """
        kept: list[Kept] = []
        places: list[int] = []
        new = self._blobs.put(self._sealed(contents, recipient, kept, places))
        for place, is_new in zip(places, new, strict=True):
            kept[place] = evolve(kept[place], new=is_new)
        return tuple(kept)

    def lacking(self, sizes: Mapping[bytes, int], *, recipient: str) -> set[bytes]:
        """Tell which contents that were kept before are missing now, or cut: by name and size, nothing is opened.

        ``sizes``: by address, the content's bytes (0: not known).  Raises TryAgain when the store can't be asked.
        """
        names = {object_name(address, recipient): address for address in sizes}
        there = self._blobs.seen(list(names))
        return {address for name, address in names.items() if there.get(name, 0) < sizes[address] + LEAST_OVERHEAD}

    def read(self, address: bytes, *, identity: Identity) -> bytes:
        """Read and open one original, and compare its keyed digest with its address.

        Whoever knows a recipient can write an object that opens; only the address, which the trail holds, tells that it
        is the one which was received.  Raises ObjectMissing, or SealBroken when it is damaged or another.
        """
        content = unseal(self._blobs.get(object_name(address, identity.recipient)), identity)
        if len(address) != ADDRESS_BYTES or not hmac.compare_digest(self._addresser.of(content), address):
            message = "a sealed object opens, but it is not the one that was received"
            raise SealBroken(message, fix="restore it from the backup, and ask who could write to the vault")
        return content

    def read_all(self, addresses: Sequence[bytes], *, identity: Identity) -> Iterator[bytes]:
        """Read originals one after another, so that never more than one lies open."""
        for address in addresses:
            yield self.read(address, identity=identity)

    def _sealed(
        self, contents: Iterable[bytes], recipient: str, kept: list[Kept], places: list[int]
    ) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Seal what is not there yet; list every content in ``kept``, and in ``places`` where those are that were."""
        folder = folder_of(recipient)
        met: set[str] = set()
        rest = iter(contents)
        while some := list(islice(rest, self._blobs.at_once)):
            addresses = [self._addresser.of(content) for content in some]
            names = [f"{folder}{address.hex()}" for address in addresses]
            there = self._whole(names, some)
            for address, name, content in zip(addresses, names, some, strict=True):
                kept.append(Kept(address=address, bytes=len(content), new=False))
                if name not in there and name not in met:
                    met.add(name)
                    places.append(len(kept) - 1)
                    yield name, seal_in_parts(content, (recipient,))

    def _whole(self, names: Sequence[str], contents: Sequence[bytes]) -> set[str]:
        """Tell which objects are there; remove those whose size says that they were cut."""
        sizes = self._blobs.sizes(names)
        cut = {
            name
            for name, content in zip(names, contents, strict=True)
            if name in sizes and sizes[name] < len(content) + LEAST_OVERHEAD
        }
        if cut:
            self._blobs.delete(cut)
        return sizes.keys() - cut


def is_moved_aside(name: str) -> bool:
    """Tell whether an object was found damaged and moved aside."""
    return _MOVED in name


def moved_from(name: str) -> str:
    """Name the place of an object that was moved aside."""
    return name.partition(_MOVED)[0]


def move_aside(blobs: Blobs, name: str) -> bool:
    """Move a damaged object beside its place, so that the same content can be sealed there anew; False when it is gone.

    It is durable under the other name, which its own digest makes, before the place is cleared: nothing is lost.  It
    stays with what else is sealed to its recipient, and goes with it.
    """
    try:
        content = blobs.get(name)
    except ObjectMissing:
        return False
    blobs.put([(f"{name}{_MOVED}{hashlib.sha256(content).hexdigest()[:FINGERPRINT]}", [content])])
    return bool(blobs.delete([name]))


def shred(blobs: Blobs, *, recipient: str) -> int:
    """Remove every object that is sealed to the recipient.  Tells how many; done again, it does no harm."""
    return blobs.delete(name for name, _ in blobs.walk(folder_of(recipient)))


def stats(blobs: Blobs) -> Stats:
    """Count what a store holds."""
    objects = size = 0
    folders = set()
    for name, bytes_ in blobs.walk():
        objects += 1
        size += bytes_
        folders.add(name.rpartition("/")[0])
    return Stats(objects=objects, bytes=size, recipients=len(folders))
