"""Read the rules of ``policies/residue``: what counts as a residue, by key, by pattern, by file name and by word."""

import csv
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Final

from attrs import frozen

from fivesafes.core.errors import PolicyInvalid
from fivesafes.data.model import Severity

KINDS: Final = frozenset(
    [
        "date",
        "time_of_day",
        "name",
        "direct_identifier",
        "free_text",
        "small_area",
        "institution",
        "device",
        "uid_with_date",
        "age_over_89",
        "linking_key",
        "location",
        "training_rows",
        "small_cells",
        "dominance",
        "complementary_disclosure",
        "min_max",
        "differencing",
        "cross_release_join",
        "face",
        "burned_in_text",
        "quasi_identifier",
        "unchecked_content",
    ],
)
"""The words of ``fivesafes check --json`` for what a finding is about."""

CODE_PREFIX: Final = "data.residue."


@frozen(kw_only=True)
class Code:
    """One sort of finding: what it is about, how bad it is, and what to do.

    ``in_documents`` is its severity in a README, a licence or a program, where authors rightly name themselves.
    """

    code: str
    kind: str
    severity: Severity
    in_documents: Severity
    why: str
    fix: str
    source: str


@frozen(kw_only=True)
class KeyRule:
    """What a key, a column or a DICOM keyword of that name stands for, if its value passes the test ``when``."""

    where: str
    when: str
    code: str


@frozen(kw_only=True)
class PatternRule:
    """A form of text; ``check`` names the further test that a match must pass."""

    where: str
    check: str
    code: str
    pattern: re.Pattern[str]


@frozen(kw_only=True)
class DateRule:
    """A way to write a date or time; ``precision`` is day, ordinal, month or time."""

    where: str
    precision: str
    pattern: re.Pattern[str]


def _rows(name: str, columns: str) -> list[dict[str, str]]:
    """Read one table; raises PolicyInvalid when its columns are not exactly those."""
    text = files("fivesafes").joinpath("policies", "residue", name).read_text(encoding="utf-8")
    reader = csv.DictReader(text.splitlines(), restkey="…")
    if reader.fieldnames != columns.split():
        what = f"policies/residue/{name} has other columns than {columns}"
        raise PolicyInvalid(what, fix="restore the header line")
    rows = list(reader)
    for number, row in enumerate(rows, start=2):
        if "…" in row or None in row.values():
            what = f"policies/residue/{name} line {number} has too many or too few fields"
            raise PolicyInvalid(what, fix="quote fields that hold a comma")
    return rows


@cache
def codes() -> Mapping[str, Code]:
    """Read every sort of finding by its short code; raises PolicyInvalid for a kind or severity nobody knows."""
    found = {}
    for row in _rows("codes.csv", "code kind severity in_documents why fix source"):
        if row["kind"] not in KINDS:
            what = f"policies/residue/codes.csv: no kind {row['kind']!r}"
            raise PolicyInvalid(what, fix=f"use one of {', '.join(sorted(KINDS))}")
        try:
            severity, in_documents = Severity(row["severity"]), Severity(row["in_documents"])
        except ValueError as error:
            what = f"policies/residue/codes.csv: {row['code']}: {error}"
            raise PolicyInvalid(what, fix="use info, low, medium, high or critical") from error
        found[row["code"]] = Code(
            code=row["code"] if "." in row["code"] else CODE_PREFIX + row["code"],
            kind=row["kind"],
            severity=severity,
            in_documents=in_documents,
            why=row["why"],
            fix=row["fix"],
            source=row["source"],
        )
    return found


def _known(code: str, table: str) -> str:
    if code not in codes():
        what = f"policies/residue/{table} names the code {code!r}"
        raise PolicyInvalid(what, fix="define it in codes.csv")
    return code


@cache
def _keys() -> Mapping[str, tuple[KeyRule, ...]]:
    found: dict[str, tuple[KeyRule, ...]] = {}
    for row in _rows("keys.csv", "name where when code"):
        rule = KeyRule(where=row["where"], when=row["when"], code=_known(row["code"], "keys.csv"))
        found[row["name"]] = (*found.get(row["name"], ()), rule)
    return found


@cache
def _wild_keys() -> tuple[tuple[str, KeyRule], ...]:
    """Give the rules whose name has a ``*``: they fit many keys, and come after those that fit one."""
    return tuple((name, rule) for name, rules in _keys().items() if "*" in name for rule in rules)


def normalised(key: str) -> str:
    """Bring a key to the form of ``keys.csv``: lower case, letters and digits only, brackets left out."""
    return re.sub(r"[\W_]+", "", re.sub(r"\([^)]*\)|\[[^]]*\]", "", key) or key).lower()


def key_rules(key: str, where: str) -> tuple[KeyRule, ...]:
    """Give the rules for a key met in a ``table``, a ``json`` or a ``dicom``."""
    name = normalised(key)
    rules = [*_keys().get(name, ()), *(rule for pattern, rule in _wild_keys() if fnmatchcase(name, pattern))]
    return tuple(rule for rule in rules if rule.where in ("any", where))


@cache
def patterns() -> tuple[PatternRule, ...]:
    """Read the forms of text to look for, in order of the file."""
    return tuple(
        PatternRule(
            where=row["where"],
            check=row["check"],
            code=_known(row["code"], "patterns.csv"),
            pattern=re.compile(row["pattern"]),
        )
        for row in _rows("patterns.csv", "where check code pattern")
    )


@cache
def date_rules() -> tuple[DateRule, ...]:
    """Read the ways to write dates and times, in order of the file."""
    return tuple(
        DateRule(where=row["where"], precision=row["precision"], pattern=re.compile(row["pattern"]))
        for row in _rows("dates.csv", "where precision pattern")
    )


@cache
def _benign() -> Mapping[str, tuple[re.Pattern[str], ...]]:
    found: dict[str, tuple[re.Pattern[str], ...]] = {}
    for row in _rows("benign.csv", "field pattern because"):
        found[row["field"]] = (*found.get(row["field"], ()), re.compile(row["pattern"]))
    return found


def is_benign(field: str, text: str) -> bool:
    """Whether a whole text is one that software is known to write into that field."""
    return any(pattern.fullmatch(text.strip()) for pattern in _benign().get(field, ()))


@cache
def _files() -> tuple[tuple[str, str], ...]:
    return tuple((row["pattern"], _known(row["code"], "files.csv")) for row in _rows("files.csv", "pattern code"))


def file_codes(name: str) -> tuple[str, ...]:
    """Give the short codes that a file's or folder's name alone suggests, each once."""
    lowered = name.lower()
    return tuple(dict.fromkeys(code for pattern, code in _files() if fnmatchcase(lowered, pattern.lower())))


@cache
def words(sort: str) -> frozenset[str]:
    """Read the words of one sort: given, surname, plain, dummy and so on."""
    listed = (row["words"].split() for row in _rows("words.csv", "sort words") if row["sort"] == sort)
    return frozenset(word for some in listed for word in some)
