"""What policies say of text in pixels: kinds of pictures that may hold some, and where devices write it."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from attrs import field, frozen

from fivesafes.data.boxes import Box
from fivesafes.data.header.policy_files import Row, read_rows, refuse_row, refuse_twice

_TYPE_COLUMNS: Final = ("values", "outcome", "why", "source")
_REGION_COLUMNS: Final = (
    "name",
    "sop_class",
    "manufacturer",
    "model",
    "image_type",
    "rows",
    "columns",
    "regions",
    "why",
    "source",
)
_MATCHED: Final = {
    "sop_class": "SOPClassUID",
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "image_type": "ImageType",
}
_REGION_EXAMPLE: Final = "banner,1.2.840.10008.5.1.4.1.1.4,ACME,,,512,512,0-24/0-512,the name stands there,who saw it"


@frozen(kw_only=True)
class KindOfPicture:
    """What an ImageType says that holds each of ``values``, as whole words, in some of its values."""

    values: tuple[str, ...]
    refused: bool
    why: str
    source: str

    def fits(self, image_type: str) -> bool:
        """Whether an ImageType (values divided by backslashes) is of this kind."""
        said = [f" {spelled(value)} " for value in image_type.split("\\")]
        return all(any(f" {value} " in one for one in said) for value in self.values)


@frozen(kw_only=True)
class RegionRule:
    """Where one kind of device writes text into pictures of one size; ``wanted`` says what each keyword must hold."""

    name: str
    wanted: Mapping[str, str]
    rows: int
    columns: int
    boxes: tuple[Box, ...]
    why: str = field(repr=False)
    source: str = field(repr=False)

    def fits(self, texts: Mapping[str, str], *, rows: int, columns: int) -> bool:
        """Whether an object of that size, with those texts, is one that the rule was written for."""
        said = all(spelled(texts.get(keyword, "")) == value for keyword, value in self.wanted.items())
        return said and (rows, columns) == (self.rows, self.columns)


def spelled(text: str) -> str:
    """Give a text as rules spell it: capitals, and one blank for whatever divides words."""
    return " ".join("".join(sign if sign.isalnum() or sign == "." else " " for sign in text.upper()).split())


@lru_cache(maxsize=8)
def kinds_of_pictures(policies: Path) -> tuple[KindOfPicture, ...]:
    """Read what ImageType says of pictures that may hold text.  Raises PolicyInvalid."""
    kinds: dict[str, KindOfPicture] = {}
    for row in read_rows(policies / "pixels" / "image-types.csv", _TYPE_COLUMNS):
        refuse_twice(row, row["values"] in kinds, row["values"])
        values = tuple(spelled(value) for value in row["values"].split("\\"))
        if row["outcome"] not in {"refuse", "review"} or not all(values):
            refuse_row(row, "each row has values, and refuse or review", example="SCREEN SAVE,refuse,why,source")
        kinds[row["values"]] = KindOfPicture(
            values=values, refused=row["outcome"] == "refuse", why=row["why"], source=row["source"]
        )
    return tuple(kinds.values())


@lru_cache(maxsize=8)
def region_rules(policies: Path) -> tuple[RegionRule, ...]:
    """Read where devices write text.  Raises PolicyInvalid."""
    rules: dict[str, RegionRule] = {}
    for row in read_rows(policies / "pixels" / "regions.csv", _REGION_COLUMNS):
        refuse_twice(row, row["name"] in rules, row["name"])
        wanted = {keyword: spelled(row[column]) for column, keyword in _MATCHED.items() if row[column]}
        if not row["sop_class"] or not row["manufacturer"] or not row["why"] or not row["source"]:
            refuse_row(row, "a rule names SOP class, manufacturer, reason and source", example=_REGION_EXAMPLE)
        rows, columns = _number(row, "rows"), _number(row, "columns")
        boxes = tuple(_box(row, text, rows, columns) for text in row["regions"].split(";"))
        rules[row["name"]] = RegionRule(
            name=row["name"],
            wanted=wanted,
            rows=rows,
            columns=columns,
            boxes=boxes,
            why=row["why"],
            source=row["source"],
        )
    return tuple(rules.values())


def _number(row: Row, column: str) -> int:
    if not row[column].isdigit():
        refuse_row(row, f"{column} is a number of pixels", example=_REGION_EXAMPLE)
    return int(row[column])


def _box(row: Row, text: str, rows: int, columns: int) -> Box:
    """Read ``top-bottom/left-right``: counted from 0, the ends not included."""
    numbers = [number for span in text.strip().split("/") for number in span.split("-")]
    if len(numbers) != len(("top", "bottom", "left", "right")) or not all(number.isdigit() for number in numbers):
        refuse_row(row, "a region is top-bottom/left-right", example=_REGION_EXAMPLE)
    top, bottom, left, right = map(int, numbers)
    box = Box(top, left, bottom, right)
    if box.empty or box != box.within(rows, columns):
        refuse_row(row, "a region is empty or reaches beyond the picture", example=_REGION_EXAMPLE)
    return box
