"""Attributes that every de-identifier keeps, with something typed beside their real values, or in their place."""

from collections.abc import Callable, Iterator
from struct import pack
from typing import Final

from tests.planted.carriers import classic
from tests.planted.files import PlantedFile, Sheet
from tests.planted.plants import Plant, plant_bytes, plant_day, plant_number, plant_text
from tests.planted.values import Values

from fivesafes.data.header.profile import Action, Profile, Rule

Made = tuple[str, Callable[[str, str], Plant]]
"""The value as it is written, and the plant for a category and a place."""
Variant = Callable[[Values, str], Made]

BINARY: Final = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "AT": 4, "OB": 1, "OW": 2}
_GATES: Final = frozenset(
    {"SOPClassUID", "Modality", "BurnedInAnnotation", "SamplesPerPixel", "PhotometricInterpretation"}
)
_PIXELS: Final = frozenset({"Rows", "Columns", "BitsAllocated", "NumberOfFrames"})
_REAL: Final = {
    "code": "NONE",
    "words": "T1w",
    "coil": "Head",
    "maker": "SIEMENS",
    "model": "Prisma",
    "software": "E11",
}


def _text(form: str) -> Variant:
    """Write a word W or a name N beside the real value R."""

    def make(values: Values, real: str) -> Made:
        word = values.name() if "N" in form else values.word()
        said = form.replace("R", real).replace("N", word).replace("W", word.title()).replace("w", word)
        return said, lambda category, place: plant_text(category, place, word)

    return make


def _day(form: str, *, joined: str = "") -> Variant:
    """Write a day as ``form`` says; ``joined`` is what of it must not come out together."""

    def make(values: Values, real: str) -> Made:
        day = values.day()
        said = day.strftime(form).replace("R", real)
        return said, lambda category, place: plant_day(category, place, day, day.strftime(joined or form).strip("R _"))

    return make


def _number(form: str) -> Variant:
    """Write digits D or a telephone number T."""

    def make(values: Values, real: str) -> Made:
        digits = values.telephone() if "T" in form else values.digits()
        said = form.replace("R", real).replace("T", digits).replace("D", digits)
        return said, lambda category, place: plant_number(category, place, digits, [said.encode()])

    return make


def _spelt(values: Values, _: str) -> Made:
    """Write the letters of a word one by one."""
    word = " ".join(values.word())
    return word, lambda category, place: plant_text(category, place, word)


def _exponent(values: Values, _: str) -> Made:
    """Write a number of a patient as a scanner writes 5.5e7."""
    digits = values.digits()
    said = f"{digits[0]}.{digits[1:]}e7"
    return said, lambda category, place: plant_number(category, place, said)


VARIANTS: Final[dict[str, Variant]] = {
    "a name alone": _text("N"),
    "a name behind": _text("R N"),
    "a name before": _text("N_R"),
    "a name as second value": _text("R\\N"),
    "a name between two values": _text("R\\w\\R"),
    "a word in capitals' manner": _text("RW"),
    "a word behind a NUL": _text("R\0w"),
    "a word far behind": _text("R" + 70 * " " + "w"),
    "a word in brackets": _text("R (w)"),
    "an empty value before": _text("\\w"),
    "letters one by one": _spelt,
    "a date": _day("%Y%m%d"),
    "a date with hyphens": _day("%d-%m-%Y"),
    "a date with points": _day("%Y.%m.%d"),
    "a date behind": _day("R %d.%m.%Y"),
    "a date over three values": _day("%d\\%m\\%Y"),
    "a date with a fraction": _day("%Y%m%d.0", joined="%Y%m%d"),
    "a number of a patient": _number("D"),
    "a number behind": _number("R D"),
    "a number with letters": _number("MRNDx"),
    "a number behind a letter": _number("pD"),
    "a number with noughts": _number("00D"),
    "a number as exponent": _exponent,
    "a telephone": _number("T"),
    "a telephone behind": _number("R T"),
}
"""What may be typed, by what it is."""


def kept_files(values: Values, profile: Profile, share: float) -> Iterator[PlantedFile]:
    """Yield one file per variant with a plant in each kept attribute of text, or in a share of them."""
    rules = [rule for rule in profile.rules.values() if _is_plantable(rule) and rule.vrs[0].decode() not in BINARY]
    for number, (said, variant) in enumerate(VARIANTS.items()):
        sheet = Sheet(classic(values))
        for index in values.sample(round(len(rules) * share), len(rules)):
            rule = rules[index]
            written, plant = variant(values, _REAL.get(rule.grammar, _first(rule)))
            sheet.at(
                rule.tag, rule.vrs[0].decode(), written.encode("ascii"), [plant("kept", f"{rule.keyword}: {said}")]
            )
        yield sheet.file(f"kept/{number:02}.dcm")


def binary_files(values: Values, profile: Profile) -> Iterator[PlantedFile]:
    """Yield files with letters, and a date as a number, under each kept attribute of a binary VR."""
    rules = [rule for rule in profile.rules.values() if _is_plantable(rule) and rule.vrs[0].decode() in BINARY]
    for number, said in enumerate(("letters", "a date as a number", "letters as far as they go")):
        sheet = Sheet(classic(values))
        for rule in rules:
            vr = rule.vrs[0].decode()
            place = f"{rule.keyword} ({vr}): {said}"
            if said == "a date as a number" and BINARY[vr] < 4:
                continue  # a number of two bytes is no date
            if said == "a date as a number":
                raw, plant = _as_number(values, vr, place)
            else:
                room = 16 if number == 0 else max(rule.most_values, 2) * BINARY[vr]
                word = values.rare() if room < 8 else values.word() if number else f"{values.word()}^{values.word()}"
                raw = word.encode().ljust(-(-len(word) // 4) * 4)
                plant = plant_bytes("binary", place, word, raw)
            sheet.at(rule.tag, vr, raw, [plant])
        yield sheet.file(f"binary/{number}.dcm")


def _as_number(values: Values, vr: str, place: str) -> tuple[bytes, Plant]:
    day = values.day().strftime("%Y%m%d")
    raw = pack("<f" if vr == "FL" else "<d", float(day)) if vr in {"FL", "FD"} else pack("<L", int(day))
    return raw, plant_number("binary", place, day, [raw, raw[::-1]])


def _is_plantable(rule: Rule) -> bool:
    known = rule.grammar not in {"", "items", "uid", "pixels", "method"} and rule.keyword not in _GATES | _PIXELS
    return known and rule.action in {Action.K, Action.C} and rule.vrs[0] != b"SQ"


def _first(rule: Rule) -> str:
    """Give a real value by the grammar: the first of a list, a number for numbers."""
    name, _, rest = rule.grammar.partition(":")
    return rest.split("|")[0] if name == "one-of" else "1" if name in {"number", "step"} else "NONE"
