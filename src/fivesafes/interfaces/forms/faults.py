"""Answers a faulty TOML form: each fault with its line, the reason and an example; values are never repeated."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from fivesafes.core.errors import InvalidInput


class StrictForm(BaseModel):
    """A form that takes each field in its own type, and no field that it does not know."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


F = TypeVar("F", bound=StrictForm)


def read_form(path: Path, form: type[F], *, what: str, examples: Mapping[str, str], fix: str) -> tuple[F, str]:
    """Read a TOML file into a form, with its text.  Raises InvalidInput that names each line, reason and example."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        message = f"{path.name} is not UTF-8 text"
        raise InvalidInput(message, fix="save it as plain text in UTF-8") from None
    except OSError as error:
        message = f"can't read {what}: {error.strerror}"
        raise InvalidInput(message, fix="give the path of a TOML file") from None
    try:
        return form.model_validate(tomllib.loads(text)), text
    except tomllib.TOMLDecodeError as fault:
        message = f"{path.name} is not TOML: {fault}"
        hint = 'texts stand in "double quotes", dates as 2026-01-31, yes and no as true and false'
        raise InvalidInput(message, fix=hint) from None
    except ValidationError as faults:
        raise InvalidInput(explained(faults, text, path.name, examples), fix=fix) from None


def explained(faults: ValidationError, text: str, name: str, examples: Mapping[str, str]) -> str:
    """Write one line per fault."""
    lines = []
    for fault in faults.errors(include_url=False, include_context=False, include_input=False):
        # Which function checked a field is pydantic's own business and no place in the file.
        place = tuple(part for part in fault["loc"] if not (isinstance(part, str) and part.startswith("function-")))
        where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in place)
        example = next((examples[part] for part in reversed(place) if part in examples), None)  # type: ignore[index]
        line = f"{name}, line {line_of(text, place)}: {where}: {_plain(fault['type'], fault['msg'])}"
        lines.append(line + (f"; for example: {example}" if example else ""))
    return "\n".join(lines)


def _plain(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is not a field of this form (a typing mistake?)"
    if kind == "string_pattern_mismatch":
        return "must be filled in, on one line, in the form of the example"
    plain = message.removeprefix("Value error, ")
    return plain[0].lower() + plain[1:]


_HEADER = re.compile(r"^\s*\[(\[?)\s*([A-Za-z0-9_.-]+)\s*\]")
_KEY = re.compile(r"^\s*([A-Za-z0-9_-]+)\s*=")


def line_of(text: str, place: tuple[Any, ...]) -> int:
    """Find the line that a place of a form was written on: its key, else its table, else the first."""
    table = str(place[0]) if place else ""
    wanted = place[1] if len(place) > 1 and isinstance(place[1], int) else None
    key = next((part for part in place[1:] if isinstance(part, str)), None)
    best, current, row = 1, "", -1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            current = header[2]
            row += current == table
            if current == table and wanted in {None, row}:
                best = number
        elif (
            (found := _KEY.match(line)) and (current, found[1]) in {(table, key), ("", table)} and wanted in {None, row}
        ):
            return number
    return best
