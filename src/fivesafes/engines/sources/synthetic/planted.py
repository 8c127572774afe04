"""What the synthetic scanner leaves behind on purpose: every identifying value it wrote, and where."""

from collections.abc import Iterable
from datetime import date, time
from enum import StrEnum
from pathlib import Path

from attrs import define, field, frozen


class PlantedKind(StrEnum):
    """What sort of identifier a planted value is."""

    NAME = "name"
    IDENTIFIER = "identifier"
    DATE = "date"
    TIME = "time"
    CONTACT = "contact"
    FREE_TEXT = "free-text"
    INSTITUTION = "institution"
    DEVICE = "device"
    UID = "uid"


@frozen(kw_only=True)
class PlantedValue:
    """One identifying text and the first place it was written to.

    ``place`` is a path of attribute keywords from the outside in, joined by ``/``; private elements, CSA fields, file
    meta and file names are named in words.
    """

    place: str
    text: str
    kind: PlantedKind

    @property
    def keyword(self) -> str:
        """The innermost part of the place: a keyword wherever the element has one."""
        return self.place.rsplit("/", 1)[-1]

    def spellings(self) -> tuple[bytes, ...]:
        """Encode the text as it may lie in a file: UTF-8, and Latin-1 where that can hold it."""
        utf8 = self.text.encode()
        try:
            latin = self.text.encode("latin-1")
        except UnicodeEncodeError:
            return (utf8,)
        return tuple(dict.fromkeys((utf8, latin)))


@frozen(kw_only=True)
class PlantedSeries:
    """One series as written: its description, what it is, and its files in the order of their instances."""

    description: str
    role: str
    files: tuple[Path, ...]


@frozen(kw_only=True)
class Planted:
    """One written study: whose it is, each identifying value in it, and its files by series."""

    participant_id: str
    folder: Path
    values: tuple[PlantedValue, ...]
    series: tuple[PlantedSeries, ...]

    def files_of(self, role: str) -> tuple[Path, ...]:
        """List the files of every series of that role (``anat``, ``func``, ``dwi``, ``localizer`` …)."""
        return tuple(file for series in self.series if series.role == role for file in series.files)


@define
class Ledger:
    """Keeps account while headers are composed: each identifying text passes through ``plant`` on its way in."""

    _by_text: dict[str, PlantedValue] = field(factory=dict)

    def plant(self, text: str, *, place: str, kind: PlantedKind) -> str:
        """Note the text under its first place and hand it back."""
        self._by_text.setdefault(text, PlantedValue(place=place, text=text, kind=kind))
        return text

    def plant_name(self, name: str, *, place: str) -> str:
        """Note a DICOM person name whole and each of its components of at least five characters."""
        self.plant(name, place=place, kind=PlantedKind.NAME)
        for component in name.replace("=", "^").split("^"):
            if len(component) >= _SEARCHABLE:
                self.plant(component, place=place, kind=PlantedKind.NAME)
        return name

    def plant_date(self, day: date, *, place: str) -> str:
        """Note a day as DICOM writes it (DA)."""
        return self.plant(day.strftime("%Y%m%d"), place=place, kind=PlantedKind.DATE)

    def plant_time(self, clock: time, *, place: str) -> str:
        """Note a time of day as DICOM writes it (TM, with its fraction)."""
        return self.plant(clock.strftime("%H%M%S.%f"), place=place, kind=PlantedKind.TIME)

    def values(self) -> tuple[PlantedValue, ...]:
        """List what was planted, each text once, in the order it was written."""
        return tuple(self._by_text.values())


_SEARCHABLE = 5  # letters; a shorter piece of a name turns up in any text by chance


def without_repeats(values: Iterable[PlantedValue]) -> tuple[PlantedValue, ...]:
    """Keep the first of the values that share a text."""
    return tuple({value.text: value for value in reversed(list(values))}.values())[::-1]
