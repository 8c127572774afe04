"""Compose a profile: what it extends, with which options of PS3.15, and which rows of its own override them.

A profile is a small TOML file, its head, and beside it a CSV file of rows.  ``basic+113107+retain-uids`` composes one
without a file.  Later layers override earlier ones: the profile that is extended, then the options, then own rows.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn, cast

from attrs import evolve, field, frozen

from fivesafes.core.errors import PolicyInvalid
from fivesafes.data.header.options import CODES, FULL_DATES, MODIFIED_DATES, OF_HEADERS, OF_PIXELS
from fivesafes.data.header.policy_files import Row, read_rows, refuse_row, refuse_twice

COLUMNS: Final = ("keyword", "action", "grammar", "option", "why", "source")
_KEYS: Final = frozenset({"title", "extends", "options", "in_part", "rows", "unlisted"})
_EXAMPLE: Final = 'extends = "basic"\noptions = ["113107"]\nrows = "ours.csv"'
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_MOST_HEADS: Final = 8


@frozen(kw_only=True)
class Composed:
    """The rows that decide, one per keyword, and under which options; ``files`` are those outside of the policies."""

    name: str
    title: str = ""
    options: frozenset[str] = frozenset()
    in_part: frozenset[str] = frozenset()
    rows: Mapping[str, Row] = field(factory=dict, repr=False)
    files: tuple[Path, ...] = ()


@frozen
class _Head:
    """What the head of a profile says, by key."""

    said: Mapping[str, object] = field(repr=False)
    path: Path

    def text(self, key: str) -> str:
        """Give a text; empty when the head does not say it."""
        value = self.said.get(key, "")
        return value if isinstance(value, str) else self.refuse(f"{key} is a text in quotes")

    def codes(self, key: str) -> frozenset[str]:
        """Give a list of options as codes."""
        value = self.said.get(key, [])
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            self.refuse(f"{key} is a list of options")
        return frozenset(_code(name, self.path.name) for name in cast("list[str]", value))

    def refuse(self, reason: str) -> NoReturn:
        """Refuse the head, with an example of a right one."""
        what = f"{self.path.name}: {reason}"
        raise PolicyInvalid(what, fix=f"for example:\n{_EXAMPLE}")


def compose(spec: str, allow: Path, listed: Mapping[str, object]) -> Composed:
    """Compose a profile by name or by the path of its head, with ``+`` and options behind it.

    ``allow`` is where profiles lie that have a name; ``listed`` are the keywords of PS3.15 Table E.1-1.  Raises
    PolicyInvalid, with file, line, reason and an example.
    """
    base, *added = re.split(r"\+(?=[a-z0-9-]+(?:\+|$))", spec)
    composed = _extended(base, allow, allow, listed, deep=0)
    if not added:
        return composed
    codes = frozenset(_code(name, spec_name(spec)) for name in added)
    with_options = _with_options(composed, codes, frozenset(), allow, spec_name(spec))
    return evolve(with_options, name="+".join([composed.name, *sorted(codes)]))


def spec_name(spec: str) -> str:
    """Name a profile in a message: of a path its last part alone, as folders may bear a name."""
    return Path(spec).name


def head_of(spec: str, beside: Path, allow: Path) -> Path:
    """Find the head: a path ends in ``.toml`` and is taken from the file that names it; a name lies in ``allow``."""
    if spec.endswith(".toml"):
        return beside / Path(spec).expanduser()
    if not _NAME.fullmatch(spec):
        what = f"{spec_name(spec)!r} is no name of a profile"
        raise PolicyInvalid(what, fix="name one that fivesafes profile list shows, or the path of a .toml file")
    return allow / f"{spec}.toml"


def _extended(spec: str, beside: Path, allow: Path, listed: Mapping[str, object], *, deep: int) -> Composed:
    """Compose the profile of a head upon the one it extends."""
    path = head_of(spec, beside, allow)
    head = _read(path)
    if deep > _MOST_HEADS:
        head.refuse("profiles extend one another in a circle")
    if not _NAME.fullmatch(path.stem):
        head.refuse("its file name is not a profile's: letters, digits, - _ ., at most 32")
    base = Composed(name=path.stem)
    if head.text("extends"):
        base = _extended(head.text("extends"), path.parent, allow, listed, deep=deep + 1)
    options, in_part = head.codes("options"), head.codes("in_part")
    composed = _with_options(base, options, in_part, allow, path.name)
    rows = dict(composed.rows)
    files = [] if path.parent == allow else [path]
    for key in ("rows", "unlisted"):
        if head.text(key):
            table = path.parent / head.text(key)
            rows |= _own(table, composed, listed if key == "unlisted" else {})
            files += [] if table.parent == allow else [table]
    title = head.text("title")
    return evolve(composed, name=path.stem, title=title, rows=rows, files=(*base.files, *files))


def _read(path: Path) -> _Head:
    try:
        head = _Head(tomllib.loads(path.read_text(encoding="utf-8")), path)
    except (OSError, UnicodeDecodeError) as error:
        what = f"{path.name}: can't be read ({type(error).__name__})"
        fix = "name a profile that fivesafes profile list shows, such as mri-research, or the path of a .toml file"
        raise PolicyInvalid(what, fix=fix) from None
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"line \d+", str(error))
        what = f"{path.name}{', ' + where.group() if where else ''}: this is no TOML"
        raise PolicyInvalid(what, fix=f"for example:\n{_EXAMPLE}") from None
    unknown = sorted(head.said.keys() - _KEYS)
    if unknown:
        head.refuse(f"unknown key {', '.join(unknown)}; there are {', '.join(sorted(_KEYS))}")
    return head


def _code(name: str, where: str) -> str:
    """Give the code of an option that a header can fulfil."""
    code = CODES.get(name, "")
    if code in OF_PIXELS:
        what = (
            f"{where}: no profile fulfils {name}: it is said of objects whose pixels were cleaned, by what cleaned them"
        )
        raise PolicyInvalid(what, fix=f"leave {name} out, and have the faces removed or the pixels cleaned")
    if code not in OF_HEADERS:
        what = f"{where}: there is no option {name}"
        offered = ", ".join(sorted(key for key, value in CODES.items() if value in OF_HEADERS))
        raise PolicyInvalid(what, fix=f"there are {offered}")
    return code


def _with_options(
    base: Composed, options: frozenset[str], in_part: frozenset[str], allow: Path, where: str
) -> Composed:
    """Lay the rows of options over a profile; those in part lay none, and allow rows that name them."""
    both = base.options | base.in_part | options | in_part
    if {FULL_DATES, MODIFIED_DATES} <= both:
        what = f"{where}: dates can't be kept (113106) and moved (113107) at once"
        raise PolicyInvalid(what, fix="name one of the two")
    rows = dict(base.rows)
    for code in sorted(options - base.options):
        table = allow / "options" / f"{code}.csv"
        for row in read_rows(table, COLUMNS) if table.exists() else ():
            before = rows.get(row["keyword"])
            cleaned = before is not None and before["option"] and before["action"] == "C"
            if not cleaned or row["action"] == "C":  # of two options the one that protects more
                rows[row["keyword"]] = row
    whole = base.options | options
    return evolve(base, options=whole, in_part=(base.in_part | in_part) - whole, rows=rows)


def _own(table: Path, composed: Composed, without: Mapping[str, object]) -> dict[str, Row]:
    """Read the rows of a profile; ``without`` are keywords that are not wanted of a table that others share."""
    rows: dict[str, Row] = {}
    allowed = composed.options | composed.in_part
    for row in read_rows(table, COLUMNS):
        keyword, option = row["keyword"], row["option"]
        if keyword in without:
            continue
        refuse_twice(row, keyword in rows, keyword)
        if option and option not in allowed:
            reason = f"{keyword} needs option {option}, which the profile does not name"
            refuse_row(row, reason, example=f'in_part = ["{option}"] in the .toml file')
        rows[keyword] = row
    return rows
