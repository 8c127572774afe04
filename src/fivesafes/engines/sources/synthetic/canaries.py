"""Unique strings in the shape that each value representation asks for: found somewhere, they name where they were."""

from datetime import date, timedelta

from attrs import define, field

from fivesafes.engines.sources.synthetic.planted import PlantedKind, PlantedValue
from fivesafes.engines.sources.synthetic.session import UID_ROOT

STANDARD_UIDS = "1.2.840.10008."
_LETTERS = "BCDFGHJKLMNPQRSTVWXYZ"  # no vowels: no word comes out by chance
_WORD_LETTERS = 7
_SCATTER = 1_234_577  # coprime to the number of words, so that neighbours differ in every letter
_FIRST_DAY = date(1931, 1, 1)
_DAYS = 32_003
_IN_SENTENCES = frozenset({"LO", "LT", "ST", "UT", "UC"})
_UPPER = frozenset({"AE", "CS"})
TEXTS = _IN_SENTENCES | _UPPER | {"SH", "PN", "DA", "TM", "DT", "UI", "UR"}
"""The value representations that a canary fits: strings that are no numbers and no ages."""


@define
class Mint:
    """Makes canaries and keeps account of them.

    UIDs and patient identifiers that were equal stay equal, so that files still belong together.  A day is made once
    per place, not per file: eight digits more than a few thousand times would turn up in other numbers by chance.
    """

    values: list[PlantedValue] = field(factory=list)
    _count: int = field(default=0, init=False)
    _kept: dict[tuple[str, str], str] = field(factory=dict, init=False)

    def word(self, *, place: str, kind: PlantedKind = PlantedKind.FREE_TEXT) -> str:
        """Make a word of eleven letters that was never made before."""
        self._count += 1
        number = self._count * _SCATTER % len(_LETTERS) ** _WORD_LETTERS
        letters = []
        for _ in range(_WORD_LETTERS):
            number, index = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[index])
        return self._note("CNRY" + "".join(letters), place=place, kind=kind)

    def value(self, vr: str, *, place: str, was: str = "") -> str:
        """Make a value of that representation in place of ``was``."""
        if vr == "UI":
            return was if was.startswith(STANDARD_UIDS) else self._once("UI", was or place, place=place)
        if vr == "DA":
            return self._once("DA", place, place=place)
        if place.endswith("PatientID"):
            return self._once("PatientID", was, place=place)
        if vr in {"TM", "DT"}:
            return self._moment(vr, place=place)
        return _in_shape(vr, self.word(place=place, kind=PlantedKind.NAME if vr == "PN" else PlantedKind.FREE_TEXT))

    def _once(self, what: str, key: str, *, place: str) -> str:
        made = self._kept.get((what, key))
        if made is None:
            makers = {"UI": self._uid, "DA": self._day, "PatientID": self._patient}
            made = self._kept[what, key] = makers[what](place)
        return made

    def _uid(self, place: str) -> str:
        self._count += 1
        return self._note(f"{UID_ROOT}.77.19870614{self._count:09d}", place=place, kind=PlantedKind.UID)

    def _day(self, place: str) -> str:
        self._count += 1
        day = _FIRST_DAY + timedelta(days=self._count * 7919 % _DAYS)
        return self._note(f"{day:%Y%m%d}", place=place, kind=PlantedKind.DATE)

    def _patient(self, place: str) -> str:
        return self.word(place=place, kind=PlantedKind.IDENTIFIER)

    def _moment(self, vr: str, *, place: str) -> str:
        self._count += 1
        clock = f"{self._count % 24:02d}{self._count % 60:02d}{self._count % 59:02d}.{self._count % 1_000_000:06d}"
        text = clock if vr == "TM" else f"1987061{self._count % 10}{clock}"
        return self._note(text, place=place, kind=PlantedKind.TIME if vr == "TM" else PlantedKind.DATE)

    def _note(self, text: str, *, place: str, kind: PlantedKind) -> str:
        self.values.append(PlantedValue(place=place, text=text, kind=kind))
        return text


def _in_shape(vr: str, word: str) -> str:
    if vr == "PN":
        return f"{word}^Bird"
    if vr == "UR":
        return f"http://example.org/{word}"
    return f"seen {word} today" if vr in _IN_SENTENCES else word
