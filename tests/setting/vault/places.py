"""A vault and a keyring in memory, with which tests of the pure part work; stores' own are tested with the stores."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fivesafes.setting.vault.keys import KeyGone
from fivesafes.setting.vault.vault import ObjectMissing


class MemoryBlobs:
    """Keeps objects in a dictionary."""

    at_once = 4

    def __init__(self) -> None:
        """Begin empty."""
        self.objects: dict[str, bytes] = {}
        self.most_at_once = 0

    def put(self, objects: Iterable[tuple[str, Iterable[bytes]]]) -> tuple[bool, ...]:
        """Write each that is not there."""
        told = []
        for name, parts in objects:
            told.append(name not in self.objects)
            self.objects.setdefault(name, b"".join(parts))
        return tuple(told)

    def get(self, name: str) -> bytes:
        """Read one."""
        if name not in self.objects:
            raise ObjectMissing.told()
        return self.objects[name]

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """Tell which are there."""
        self.most_at_once = max(self.most_at_once, len(names))
        return {name: len(self.objects[name]) for name in names if name in self.objects}

    seen = sizes

    def walk(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """List them."""
        yield from [(name, len(content)) for name, content in self.objects.items() if name.startswith(prefix)]

    def delete(self, names: Iterable[str]) -> int:
        """Remove them."""
        return sum(self.objects.pop(name, None) is not None for name in list(names))


class MemoryKeyRing:
    """Keeps sealed keys in a dictionary; ``stop_after`` makes it fail as a killed process would."""

    def __init__(self) -> None:
        """Begin empty."""
        self.keys: dict[str, bytes] = {}
        self.stop_after: int | None = None

    @contextmanager
    def adding(self) -> Iterator[None]:
        """Hold nobody off: there is one thread."""
        yield

    def settled(self) -> None:
        """Wait for nobody."""

    def add(self, name: str, sealed: bytes) -> bool:
        """Add one under a new name."""
        new = name not in self.keys
        self.keys.setdefault(name, sealed)
        return new

    def get(self, name: str) -> bytes:
        """Read one."""
        if name not in self.keys:
            raise KeyGone.told()
        return self.keys[name]

    def replace(self, name: str, change: Callable[[bytes], bytes]) -> bool:
        """Exchange one, or stop."""
        if self.stop_after is not None:
            if self.stop_after == 0:
                raise KeyboardInterrupt
            self.stop_after -= 1
        self.keys[name] = change(self.keys[name])
        return True

    def destroy(self, name: str) -> int:
        """Remove one."""
        return int(self.keys.pop(name, None) is not None)

    def sweep(self) -> None:
        """Nothing is ever left between."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """List them."""
        yield from sorted(name for name in self.keys if name.startswith(prefix))

    def missing(self) -> frozenset[str]:
        """Miss none."""
        return frozenset()

    def altered(self) -> frozenset[str]:
        """Find none."""
        return frozenset()

    def places(self) -> tuple[Path, ...]:
        """Name none."""
        return ()

    def known_places(self) -> tuple[tuple[Path, ...], str]:
        """Name none, and know that."""
        return (), ""

    def check_place(self, place: Path) -> None:
        """Refuse nothing."""

    @contextmanager
    def working(self) -> Iterator[None]:
        """Say nothing."""
        yield

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Be alone."""
        yield True
