"""The de-identification profile: which attributes stay, how, why, and what PS3.15 says of it.  All of it is data.

``policies/allow/`` holds one CSV file per question; ``compose`` says which rows make a profile.  Loading refuses what
can't be meant: see ``load_profile``.
"""

import hashlib
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
from fivesafes.data.header.compose import Composed, compose, head_of
from fivesafes.data.header.grammar import Clean, GrammarInvalid, Vocabularies, compile_grammar
from fivesafes.data.header.options import SAFE_PRIVATE
from fivesafes.data.header.policy_files import Row, digest_of, read_rows, refuse_row, refuse_twice
from fivesafes.data.header.words import Vocabulary

POLICIES: Final = Path(fivesafes.__file__).parent / "policies"
NO_GRAMMAR: Final = frozenset({"", "items", "uid", "shift", "pixels", "pseudonym", "method"})
BLOBS: Final = frozenset({"csa-image", "csa-series", "protocol", "ge-protocol", "ge-user-data"})
_PRIVATE_COLUMNS: Final = ("creator", "element", "vr", "action", "grammar", "why", "source")
_FIELD_COLUMNS: Final = ("field", "grammar", "why", "source")
_SOP_COLUMNS: Final = ("uid", "name", "modality", "outcome", "why")
_TABLE_COLUMNS: Final = ("tag", "keyword", "name", "action", "options", "edition")
_NEWER_COLUMNS: Final = ("tag", "keyword", "vr", "vm", "source")
_STAND_INS: Final = frozenset({"pseudonym", "method"})


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
    """What happens to one attribute.  ``clean`` judges a single value; None where the action alone decides.

    ``place`` says where the row stands: file and line, for a person who reads a report.
    """

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
    place: str = field(default="", eq=False)


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
    ``options`` are those of PS3.15 that it fulfils, ``in_part`` those of which only named attributes are kept.
    """

    name: str
    spec: str = field(repr=False)
    title: str
    folder: Path
    digest: str
    options: frozenset[str]
    in_part: frozenset[str]
    rules: Mapping[int, Rule] = field(repr=False)
    private: Mapping[bytes, Mapping[int, Rule]] = field(repr=False)
    creators: Mapping[bytes, bytes] = field(repr=False)
    sop_classes: Mapping[str, SopClass] = field(repr=False)
    fields: Mapping[str, Mapping[str, Clean]] = field(repr=False, eq=False)
    basic: Mapping[str, tuple[str, Mapping[str, str]]] = field(repr=False)
    words: Vocabulary = field(repr=False)

    def __reduce__(self) -> tuple[object, ...]:
        """Cross a process border as a name: the other side loads the same files, and checks that they are the same."""
        return _loaded_again, (self.spec, self.folder, self.digest)

    def sop_class(self, uid: str) -> SopClass:
        """Say whether a SOP class may pass; one that no row names may not."""
        unnamed = "no rule names this kind of object, and what no rule names does not pass"
        return self.sop_classes.get(uid) or SopClass(uid=uid, name="", modality="", accepted=False, why=unnamed)

    def accepts_modality(self, modality: str) -> bool:
        """Say whether any kind of object of this modality may pass."""
        return any(kind.accepted and kind.modality == modality for kind in self.sop_classes.values())


def load_profile(name: str = "mri-research", folder: Path | None = None) -> Profile:
    """Load a profile from ``folder`` (this package's ``policies`` when None); once per process.

    ``name`` is a profile's name or the path of its ``.toml`` file; ``+`` and an option's code or name add an option.

    Raises PolicyInvalid, naming file, line, reason and an example, for unknown columns, actions and keywords, rows that
    say a thing twice, an attribute that is kept although PS3.15 lists it and no named option allows it, and a grammar
    that does not compile.
    """
    root = POLICIES if folder is None else folder
    head, *added = re.split(r"(?<=\.toml)(?=\+|$)", name)
    if added:  # another process may work in another folder
        name = str(head_of(head, Path.cwd(), root / "allow").resolve()) + added[0]
    return _load(name, root)


def profile_names(folder: Path | None = None) -> list[str]:
    """Name the profiles that can be loaded by name."""
    return sorted(path.stem for path in ((POLICIES if folder is None else folder) / "allow").glob("*.toml"))


@lru_cache(maxsize=8)
def _load(spec: str, root: Path) -> Profile:
    allow = root / "allow"
    private = _private(allow)
    creators = {row["creator"].strip().upper().encode(): row["creator"].strip().encode() for row in private}
    known = _vocabularies(allow, frozenset(creators))
    basic = _basic_actions(allow / "ps3.15-e1-1.csv")
    composed = compose(spec, allow, basic)
    return Profile(
        name=composed.name,
        spec=spec,
        title=composed.title,
        folder=root,
        digest=_digest(root, composed.files),
        options=composed.options,
        in_part=composed.in_part,
        rules=_rules(composed, allow, basic, known),
        private=_private_rules(private, known) if SAFE_PRIVATE in composed.options else {},
        creators=creators,
        sop_classes=_sop_classes(allow / "sop-classes.csv"),
        fields=_fields(allow, known),
        basic=basic,
        words=known.words,
    )


def _digest(root: Path, outside: tuple[Path, ...]) -> str:
    """Give the digest of the policies, and of a profile's own files where they lie elsewhere."""
    digest = digest_of(root)
    if outside:
        contents = b"".join(hashlib.sha256(path.read_bytes()).digest() for path in outside)
        digest = hashlib.sha256(digest.encode() + contents).hexdigest()
    return digest


def _loaded_again(spec: str, folder: Path, digest: str) -> Profile:
    profile = load_profile(spec, folder)
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


def _rules(
    composed: Composed, allow: Path, basic: Mapping[str, tuple[str, Mapping[str, str]]], known: Vocabularies
) -> dict[int, Rule]:
    rules: dict[int, Rule] = {}
    newer = _newer_attributes(allow)
    for keyword, row in composed.rows.items():
        number, vrs, most_values = newer.get(keyword) or _of_dictionary(row)
        action = _action(row)
        _refuse_unlicensed(row, action, basic.get(keyword, ("", {})))
        rules[number] = Rule(
            keyword=keyword,
            tag=number,
            vrs=vrs,
            most_values=most_values,
            action=action,
            grammar=row["grammar"],
            clean=_clean(row, action, vrs[0].decode("ascii"), known),
            option=row["option"],
            why=row["why"],
            source=row["source"],
            place=row.place,
        )
    return rules


def _of_dictionary(row: Row) -> tuple[int, tuple[bytes, ...], int]:
    """Look an attribute up: tag, value representations, the most values."""
    keyword = row["keyword"]
    number = tag_for_keyword(keyword)
    if number is None:
        refuse_row(row, f"{keyword} is no keyword of the DICOM dictionary", example="EchoTime,K,number,,why,source")
    vrs = tuple(vr.encode() for vr in dictionary_VR(number).split(" or "))
    return number, vrs, _most_values(dictionary_VM(number))


def _newer_attributes(allow: Path) -> dict[str, tuple[int, tuple[bytes, ...], int]]:
    """Read what pydicom's dictionary does not have yet, by keyword."""
    return {
        row["keyword"]: (
            int(row["tag"][1:5] + row["tag"][6:10], 16),
            (row["vr"].encode("ascii"),),
            _most_values(row["vm"]),
        )
        for row in read_rows(allow / "attributes.csv", _NEWER_COLUMNS)
    }


def _refuse_unlicensed(row: Row, action: Action, listed: tuple[str, Mapping[str, str]]) -> None:
    """Refuse to keep or clean what PS3.15 lists, unless the row names an option that PS3.15 offers for it.

    Where the option says clean (C), keeping (K) is refused too; to clean where it says keep protects more.
    """
    basic, options = listed
    offers = {Action.K: "K", Action.C: "KC", Action.U: "KU"}.get(action, "")
    stands_in = action is Action.U and basic != "X"  # a keyed UID is as good a stand-in as any
    if not basic or not offers or stands_in or action.value in basic.split("/"):
        return
    if options.get(row["option"], "-") not in offers:
        offered = ", ".join(f"{code} for {said}" for code, said in sorted(options.items())) or "none"
        reason = f"PS3.15 lists {row['keyword']} with {basic}; action {action} needs one of its options ({offered})"
        refuse_row(row, reason, example="SeriesDescription,C,words,113105,why,source")


def _private(allow: Path) -> list[Row]:
    return read_rows(allow / "private.csv", _PRIVATE_COLUMNS)


def _private_rules(rows: list[Row], known: Vocabularies) -> dict[bytes, dict[int, Rule]]:
    """Index by creator, then by group << 8 | low byte of the element."""
    named: dict[bytes, dict[int, Rule]] = {}
    for row in rows:
        creator, element = row["creator"].strip(), row["element"]
        spelled = element[1:5] + element[8:10]
        try:
            place = int(spelled, 16)
        except ValueError:
            place = 0
        if place >> 8 & 1 == 0 or element != f"({spelled[:4]},xx{spelled[4:]})":
            refuse_row(row, f"{element} is no private element", example='SIEMENS MR HEADER,"(0019,xx0C)",IS,K,number,…')
        of_creator = named.setdefault(creator.upper().encode(), {})
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
            option=SAFE_PRIVATE,
            why=row["why"],
            source=row["source"],
            place=row.place,
        )
    return named


def _action(row: Row) -> Action:
    try:
        return Action(row["action"])
    except ValueError:
        return refuse_row(row, f"{row['action']!r} is no action; there are D Z X K C U", example="EchoTime,K,number,…")


def _clean(row: Row, action: Action, vr: str, known: Vocabularies) -> Clean | None:
    grammar = row["grammar"]
    _refuse_unfit(row, action, vr)
    if grammar in NO_GRAMMAR or (grammar in BLOBS and action is Action.C) or grammar.startswith("value:"):
        if not grammar and action in {Action.K, Action.C}:
            refuse_row(row, "a kept attribute needs a grammar", example="EchoTime,K,number,,why,source")
        return None
    try:
        return compile_grammar(grammar, vr, known)
    except GrammarInvalid as invalid:
        return refuse_row(row, str(invalid), example="number, code, words, one-of:YES|NO, re:[A-Z]{2}")


def _refuse_unfit(row: Row, action: Action, vr: str) -> None:
    """Refuse a grammar that is none for this kind of value: the attribute would silently go, or stay empty."""
    grammar = row["grammar"]
    kept = action in {Action.K, Action.C, Action.U}
    if kept and grammar and (vr == "SQ") is not (grammar == "items"):
        refuse_row(row, "items is the grammar of sequences, and theirs alone", example="UDISequence,K,items,113109,…")
    if grammar == "shift" and vr not in {"DA", "TM", "DT"}:
        refuse_row(row, f"{vr} is no date or time that could be moved", example="StudyDate,C,shift,113107,why,source")
    if action is Action.D and vr != "SQ" and not (grammar in _STAND_INS or grammar.startswith("value:")):
        refuse_row(row, "a stand-in needs a value", example="DeviceSerialNumber,D,value:000000,,why,source")
    if not grammar.isascii():
        refuse_row(row, "a grammar is written in ASCII", example="DeviceSerialNumber,D,value:000000,,why,source")


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


__all__ = [
    "BLOBS",
    "POLICIES",
    "Action",
    "PolicyInvalid",
    "Profile",
    "Rule",
    "SopClass",
    "load_profile",
    "profile_names",
]
