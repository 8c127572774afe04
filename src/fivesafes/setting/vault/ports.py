"""What the vault needs from outside: somewhere to keep objects, and somewhere else to keep keys."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class Blobs(Protocol):
    """Keeps sealed objects under names like ``ab/cdef0123456789/<address>``; written once, complete or absent.

    Every method may raise TryAgain when the place can't be reached or is full; nothing half-written then stands under a
    final name.
    """

    at_once: int
    """How many names are best asked for together: few where asking is quick, so that contents stay in the cache."""

    def put(self, objects: Iterable[tuple[str, Iterable[bytes]]]) -> tuple[bool, ...]:
        """Write each object (name, and its bytes in parts) that is not there; durable when it returns.

        Objects and their parts are taken one by one, so that generators need memory for one part.
        Tells for each whether it is new.
        """

    def get(self, name: str) -> bytes:
        """Read an object.  Raises ObjectMissing."""

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """Tell which of these are there, durably, and their sizes in bytes."""

    def seen(self, names: Sequence[str]) -> dict[str, int]:
        """Tell the same of objects that were acknowledged before: they are asked for, and nothing is synced."""

    def walk(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """List names with sizes, below a prefix that ends at a slash, in no order."""

    def delete(self, names: Iterable[str]) -> int:
        """Remove these; gone for good when it returns.  Tells how many were there."""


class KeyRing(Protocol):
    """Keeps sealed keys by name (``participants/<id>.<16 hex>.age``), never one that is in clear.

    ``add`` and ``get`` may run beside one another; ``replace`` and ``destroy`` are alone, so that a key which was
    destroyed is never put back by somebody who read it just before.  Every method may raise TryAgain when the ring is
    not where it belongs: it is never taken for an empty one.
    """

    def adding(self) -> AbstractContextManager[None]:
        """Hold off every replacing and destroying, from reading the recipients until the key is added."""

    def settled(self) -> None:
        """Wait until everybody who was adding has finished: who adds from now on reads the recipients anew."""

    def add(self, name: str, sealed: bytes) -> bool:
        """Write a key under a new name; durable when it returns.  False when the name is taken, and it stays."""

    def get(self, name: str) -> bytes:
        """Read a sealed key.  Raises KeyGone, or TryAgain for one that is not there and was not destroyed."""

    def replace(self, name: str, change: Callable[[bytes], bytes]) -> bool:
        """Exchange a sealed key for what ``change`` makes of it; False when it was destroyed meanwhile."""

    def destroy(self, name: str) -> int:
        """Overwrite and remove a key here and in each backup of the ring.  Tells in how many places it was.

        Raises TryAgain, and nothing is destroyed, when it is not there and was not destroyed: it was moved or lost.
        """

    def sweep(self) -> None:
        """Destroy what a killed process had taken out of the ring and not destroyed yet."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """List the names below a prefix, sorted."""

    def missing(self) -> frozenset[str]:
        """Name the keys that stood here, were not destroyed, and are not there."""

    def altered(self) -> frozenset[str]:
        """Name the keys that are there with other bytes than were ever written under their names."""

    def places(self) -> tuple[Path, ...]:
        """Name the folders that hold copies of the ring's keys.  Raises InvalidInput when they can't all be known."""

    def known_places(self) -> tuple[tuple[Path, ...], str]:
        """Name them as far as they are known, and say what of them is not, or nothing."""

    def check_place(self, place: Path) -> None:
        """Raise PartlyDone unless such a folder is there, and can be read in full."""

    def working(self) -> AbstractContextManager[None]:
        """Say that keys and objects are being made whose rows do not stand in the books yet."""

    def alone(self) -> AbstractContextManager[bool]:
        """Tell whether nobody is working so, and keep it that way: then what has no row is left over."""
