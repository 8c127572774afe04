"""The de-identification profile: which attributes stay, how, why, and what PS3.15 says of it.  All of it is data.

``policies/allow/`` holds one CSV file per question.  Loading refuses what can't be meant: see ``load_profile``.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from attrs import field, frozen
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

import fivesafes
from fivesafes.core.errors import PolicyInvalid
from fivesafes.data.header.grammar import Clean, GrammarInvalid, Vocabularies, compile_grammar
from fivesafes.data.header.policy_files import Row, digest_of, read_rows, refuse_row, refuse_twice
from fivesafes.data.header.words import Vocabulary

POLICIES: Final = Path(fivesafes.__file__).parent / "policies"
NO_GRAMMAR: Final = frozenset({"", "items", "uid", "shift", "pixels", "pseudonym", "method"})
BLOBS: Final = frozenset({"csa-image", "csa-series", "protocol", "ge-protocol", "ge-user-data"})
_COLUMNS: Final = ("keyword", "action", "grammar", "option", "why", "source")
_PRIVATE_COLUMNS: Final = ("creator", "element", "vr", "action", "grammar", "why", "source")
_FIELD_COLUMNS: Final = ("field", "grammar", "why", "source")
_SOP_COLUMNS: Final = ("uid", "name", "modality", "outcome", "why")
_TABLE_COLUMNS: Final = ("tag", "keyword", "name", "action", "options", "edition", "options_edition")


class Action(StrEnum):
    """What happens to an attribute (PS3.15 Table E.1-1a)."""

    D = "D"
    Z = "Z"
    X = "X"
    K = "K"
    C = "C"
    U = "U"


@frozen(kw_only=True)
class Rule:
    """What happens to one attribute.  ``clean`` judges a single value; None where the action alone decides."""

    keyword: str
    tag: int
    vrs: tuple[bytes, ...]
    most_values: int
    action: Action
    grammar: str
    clean: Clean | None = field(repr=False, eq=False)
    option: str = ""
    why: str = ""
    source: str = ""


@frozen(kw_only=True)
class SopClass:
    """Whether objects of a SOP class may pass, and why."""

    uid: str
    name: str
    modality: str
    accepted: bool
    why: str


@frozen(kw_only=True)
class Profile:
    """The rules of one profile, by tag; private ones by creator (upper case), group and low byte of the element.

    ``fields`` holds, for the vendor's own headers (csa-image, protocol, ge-protocol), what stays of each named field.
    ``basic`` is PS3.15's table: keyword to (basic action, options); ``words`` the inclusion vocabulary of texts.
    """

    name: str
    folder: Path
    digest: str
    rules: Mapping[int, Rule] = field(repr=False)
    private: Mapping[bytes, Mapping[int, Rule]] = field(repr=False)
    creators: Mapping[bytes, bytes] = field(repr=False)
    sop_classes: Mapping[str, SopClass] = field(repr=False)
    fields: Mapping[str, Mapping[str, Clean]] = field(repr=False, eq=False)
    basic: Mapping[str, tuple[str, Mapping[str, str]]] = field(repr=False)
    words: Vocabulary = field(repr=False)

    def __reduce__(self) -> tuple[object, ...]:
        """Cross a process border as a name: the other side loads the same files, and checks that they are the same."""
        return _loaded_again, (self.name, self.folder, self.digest)

    def sop_class(self, uid: str) -> SopClass:
        """Say whether a SOP class may pass; one that no row names may not."""
        unnamed = "no rule names this kind of object, and what no rule names does not pass"
        return self.sop_classes.get(uid) or SopClass(uid=uid, name="", modality="", accepted=False, why=unnamed)

    def accepts_modality(self, modality: str) -> bool:
        """Say whether any kind of object of this modality may pass."""
        return any(kind.accepted and kind.modality == modality for kind in self.sop_classes.values())


def load_profile(name: str = "mri-research", folder: Path | None = None) -> Profile:
    """Load a profile from ``folder`` (this package's ``policies`` when None); once per process.

    Raises PolicyInvalid, naming file, line, reason and an example, for unknown columns, actions and keywords, rows that
    say a thing twice, an attribute that is kept although PS3.15 lists it and no named option allows it, and a grammar
    that does not compile.
    """
    return _load(name, POLICIES if folder is None else folder)


@lru_cache(maxsize=8)
def _load(name: str, root: Path) -> Profile:
    allow = root / "allow"
    creators = {row["creator"].strip().upper().encode(): row["creator"].strip().encode() for row in _private(allow)}
    known = _vocabularies(allow, frozenset(creators))
    basic = _basic_actions(allow / "ps3.15-e1-1.csv")
    return Profile(
        name=name,
        folder=root,
        digest=digest_of(root),
        rules=_rules(allow / f"{name}.csv", basic, known),
        private=_private_rules(allow, known),
        creators=creators,
        sop_classes=_sop_classes(allow / "sop-classes.csv"),
        fields=_fields(allow, known),
        basic=basic,
        words=known.words,
    )


def _loaded_again(name: str, folder: Path, digest: str) -> Profile:
    profile = load_profile(name, folder)
    if profile.digest != digest:
        what = "the policy files were changed while the program was running"
        raise PolicyInvalid(what, fix="run the same command again")
    return profile


def _vocabularies(allow: Path, creators: frozenset[bytes]) -> Vocabularies:
    words, devices = Vocabulary.read(allow / "words.txt"), Vocabulary.read(allow / "devices.txt")
    of = Vocabulary.sections(allow / "devices.txt")
    makers = of["makers"]
    models = makers | of["models"]
    return Vocabularies(
        words=words,
        devices=(words | devices).for_devices(),
        makers=makers,
        models=models.for_devices(),
        software=(models | of["software"]).for_devices(),
        coils=makers | of["coils"],
        creators=creators,
    )


def _rules(path: Path, basic: Mapping[str, tuple[str, Mapping[str, str]]], known: Vocabularies) -> dict[int, Rule]:
    rules: dict[int, Rule] = {}
    for row in read_rows(path, _COLUMNS):
        keyword = row["keyword"]
        number = tag_for_keyword(keyword)
        if number is None:
            refuse_row(row, f"{keyword} is no keyword of the DICOM dictionary", example="EchoTime,K,number,,why,source")
        refuse_twice(row, number in rules, keyword)
        action = _action(row)
        _refuse_unlicensed(row, action, basic.get(keyword, ("", {})))
        vrs = dictionary_VR(number).split(" or ")
        rules[number] = Rule(
            keyword=keyword,
            tag=number,
            vrs=tuple(vr.encode() for vr in vrs),
            most_values=_most_values(dictionary_VM(number)),
            action=action,
            grammar=row["grammar"],
            clean=_clean(row, action, vrs[0], known),
            option=row["option"],
            why=row["why"],
            source=row["source"],
        )
    return rules


def _refuse_unlicensed(row: Row, action: Action, listed: tuple[str, Mapping[str, str]]) -> None:
    """Refuse to keep or clean what PS3.15 removes, unless the row names an option that PS3.15 offers for it."""
    basic, options = listed
    if not basic or action not in {Action.K, Action.C} or action.value in basic.split("/"):
        return
    if options.get(row["option"]) not in {"K", "C"}:
        offered = ", ".join(sorted(options)) or "none"
        reason = f"PS3.15 lists {row['keyword']} with {basic}; action {action} needs one of its options ({offered})"
        refuse_row(row, reason, example="SeriesDescription,C,words,113105,why,source")


def _private(allow: Path) -> list[Row]:
    return read_rows(allow / "private.csv", _PRIVATE_COLUMNS)


def _private_rules(allow: Path, known: Vocabularies) -> dict[bytes, dict[int, Rule]]:
    """Index by creator, then by group << 8 | low byte of the element."""
    rules: dict[bytes, dict[int, Rule]] = {}
    for row in _private(allow):
        creator, element = row["creator"].strip(), row["element"]
        spelled = element[1:5] + element[8:10]
        try:
            place = int(spelled, 16)
        except ValueError:
            place = 0
        if place >> 8 & 1 == 0 or element != f"({spelled[:4]},xx{spelled[4:]})":
            refuse_row(row, f"{element} is no private element", example='SIEMENS MR HEADER,"(0019,xx0C)",IS,K,number,…')
        of_creator = rules.setdefault(creator.upper().encode(), {})
        refuse_twice(row, place in of_creator, f"{creator} {element}")
        action = _action(row)
        if action not in {Action.K, Action.C}:
            refuse_row(row, f"private elements are kept (K) or cleaned (C), not {action}", example="K")
        vrs = row["vr"].split("|")
        of_creator[place] = Rule(
            keyword=f'{element} "{creator}"',
            tag=place,
            vrs=tuple(vr.encode() for vr in vrs),
            most_values=0,
            action=action,
            grammar=row["grammar"],
            clean=_clean(row, action, vrs[0], known),
            option="113111",
            why=row["why"],
            source=row["source"],
        )
    return rules


def _action(row: Row) -> Action:
    try:
        return Action(row["action"])
    except ValueError:
        return refuse_row(row, f"{row['action']!r} is no action; there are D Z X K C U", example="EchoTime,K,number,…")


def _clean(row: Row, action: Action, vr: str, known: Vocabularies) -> Clean | None:
    grammar = row["grammar"]
    if grammar in NO_GRAMMAR or (grammar in BLOBS and action is Action.C) or grammar.startswith("value:"):
        if not grammar and action in {Action.K, Action.C}:
            refuse_row(row, "a kept attribute needs a grammar", example="EchoTime,K,number,,why,source")
        return None
    try:
        return compile_grammar(grammar, vr, known)
    except GrammarInvalid as invalid:
        return refuse_row(row, str(invalid), example="number, code, words, one-of:YES|NO, re:[A-Z]{2}")


def _most_values(multiplicity: str) -> int:
    """Give the largest count of values that the dictionary allows, or 0 for no limit."""
    last = re.split(" or |-", multiplicity)[-1]
    return int(last) if last.isdigit() else 0


def _basic_actions(path: Path) -> dict[str, tuple[str, Mapping[str, str]]]:
    """Read PS3.15 Table E.1-1: keyword to basic action and options (code to action)."""
    table: dict[str, tuple[str, Mapping[str, str]]] = {}
    for row in read_rows(path, _TABLE_COLUMNS):
        options = dict(option.split("=") for option in row["options"].split(";") if option)
        if row["keyword"]:
            table[row["keyword"]] = (row["action"], options)
    return table


def _sop_classes(path: Path) -> dict[str, SopClass]:
    classes: dict[str, SopClass] = {}
    for row in read_rows(path, _SOP_COLUMNS):
        refuse_twice(row, row["uid"] in classes, row["uid"])
        if row["outcome"] not in {"accept", "refuse"}:
            refuse_row(
                row, f"outcome is accept or refuse, not {row['outcome']!r}", example="1.2.840…,MR Image Storage,…"
            )
        classes[row["uid"]] = SopClass(
            uid=row["uid"],
            name=row["name"],
            modality=row["modality"],
            accepted=row["outcome"] == "accept",
            why=row["why"],
        )
    return classes


def _fields(allow: Path, known: Vocabularies) -> dict[str, dict[str, Clean]]:
    """Read which fields of the vendors' own headers stay; ``#`` in a field's name stands for an index."""
    fields: dict[str, dict[str, Clean]] = {"image": {}, "protocol": {}, "ge-protocol": {}}
    rows = [(row["header"], row) for row in read_rows(allow / "csa.csv", ("header", *_FIELD_COLUMNS))]
    rows += [("ge-protocol", row) for row in read_rows(allow / "ge.csv", _FIELD_COLUMNS)]
    for header, row in rows:
        if header not in fields:
            refuse_row(row, f"header is image or protocol, not {header!r}", example="image,B_value,number,…")
        refuse_twice(row, row["field"] in fields[header], row["field"])
        try:
            fields[header][row["field"]] = compile_grammar(row["grammar"], "LO", known)
        except GrammarInvalid as invalid:
            refuse_row(row, str(invalid), example="number, code, words, one-of:ROW|COL")
    return fields


__all__ = ["BLOBS", "POLICIES", "Action", "PolicyInvalid", "Profile", "Rule", "SopClass", "load_profile"]
