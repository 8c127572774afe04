"""What private elements a data set holds, at every depth: the creator's name, the place, the value."""

from collections.abc import Iterator

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

Place = tuple[str, str]
"""Creator, and the element as policies write it: ``(0019,xx0C)``."""


def private_elements(dataset: Dataset) -> Iterator[tuple[Place, DataElement]]:
    """Give each private element that is not a creator itself."""
    for element in dataset:
        if element.VR == "SQ":
            for inner in element.value:
                yield from private_elements(inner)
        if element.tag.is_private and not element.tag.is_private_creator:
            creator = dataset[element.tag.group, element.tag.element >> 8].value
            yield (creator, f"({element.tag.group:04X},xx{element.tag.element & 0xFF:02X})"), element
