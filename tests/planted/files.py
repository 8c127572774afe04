"""A planted file: its bytes, its plants, whether it should come out, and what of its physics no plant has touched."""

from collections.abc import Iterable

from attrs import field, frozen
from tests.planted.carriers import science_tags
from tests.planted.plants import Plant
from tests.planted.writing import EXPLICIT, Level, part10


@frozen(kw_only=True)
class PlantedFile:
    """One file of the corpus; ``name`` is its path below the folder of files."""

    name: str
    content: bytes = field(repr=False)
    plants: tuple[Plant, ...] = field(repr=False)
    accepted: bool = True
    science: frozenset[int] = frozenset()
    """Tags of attributes that must come out as they went in."""


class Sheet:
    """Gathers the plants of one file while its data set is made."""

    def __init__(self, level: Level) -> None:
        """Start with a whole object."""
        self.level = level
        self.plants: list[Plant] = []
        self._touched: set[int] = set()

    def at(self, tag: int, vr: str, value: bytes, plants: Iterable[Plant]) -> None:
        """Put a planted value at a tag of the outermost level."""
        self.level.at(tag, vr, value)
        self._touched.add(tag)
        self.plants.extend(plants)

    def file(self, name: str, syntax: str = EXPLICIT, *, accepted: bool = True, content: bytes = b"") -> PlantedFile:
        """Write it; ``content`` stands in for its own bytes where those were made otherwise."""
        return PlantedFile(
            name=name,
            content=content or part10(self.level, syntax),
            plants=tuple(self.plants),
            accepted=accepted,
            science=(science_tags() & self.level.keys()) - self._touched,
        )
