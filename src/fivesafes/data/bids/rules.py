"""Names a series: by the study form's rules, else by ReproIn; a series that neither names is held, never released."""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from attrs import evolve, field, frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.data.bids.names import bids_name, complaint, in_order, suffixes
from fivesafes.data.bids.reproin import component, parse
from fivesafes.data.model import BidsName, SeriesFacts

MATCHABLE: Final = (
    "SeriesDescription",
    "ProtocolName",
    "SequenceName",
    "ImageType",
    "MRAcquisitionType",
    "SeriesNumber",
)
"""The attributes that a rule may ask for, by DICOM keyword."""

_EXAMPLE: Final = (
    'for example: when = { SeriesDescription = "*t1_mprage*" }, name = { datatype = "anat", suffix = "T1w" }'
)
_BY_REPROIN: Final = ("SeriesDescription", "ProtocolName")
_SCANNERS_MAPS: Final = frozenset({"ADC", "FA", "trace", "colFA", "expADC", "S0map"})
_SAYS_MAP: Final = frozenset({"ADC", "EADC", "EXP", "FA", "COLFA", "TENSOR", "TRACE", "TRACEW"})
# Vendors mark what they compute from other series; it often bears the name of its source.
_DERIVED: Final = frozenset({"DERIVED", "MOCO"})
_ACQUIRED_ONLY: Final = frozenset({"bold", "cbv", "sbref", "dwi", "epi"})

# The words of which a planning scan's description consists; one of the first set must be among them.
_PLANNING: Final = frozenset({"loc", "localizer", "localizers", "localiser", "scout", "scouts", "survey", "aahscout"})
_BESIDE: Final = frozenset({"aahead", "head", "brain", "plane", "planes", "tri", "mpr", "sag", "cor", "tra", "ax"})


@frozen(kw_only=True)
class Rule:
    """One rule of the study form: patterns (``*`` and ``?``; all must match; case does not count) and a name.

    ``name`` None drops the series on purpose; ``deface`` None leaves that decision to the plan.
    """

    when: Mapping[str, str] = field(repr=False)
    name: BidsName | None
    deface: bool | None = None

    def matches(self, facts: SeriesFacts) -> bool:
        """Whether every pattern fits the series; a series that lacks an attribute fits no pattern for it."""
        return all(
            any(fnmatchcase(value.casefold(), pattern.casefold()) for value in _values(facts, keyword))
            for keyword, pattern in self.when.items()
        )


@frozen(kw_only=True)
class Named:
    """A series with its BIDS name; ``by`` says what named it: ``rule 2``, ``ReproIn in ProtocolName``.

    ``deface`` is what the rule says of it; None leaves that to the plan.
    """

    name: BidsName
    session: str | None
    by: str
    deface: bool | None = None


@frozen(kw_only=True)
class Held:
    """A series or an image that nothing names; it is not released.  ``why`` holds none of its texts."""

    why: str


@frozen(kw_only=True)
class Ignored:
    """A series that is not wanted, and is said to be so; ``session`` is what a scout announces for its study."""

    why: str
    session: str | None = None


def name_series(facts: SeriesFacts, rules: Sequence[Rule]) -> Named | Held | Ignored:
    """Name one series; the first rule that matches decides, then its descriptions as ReproIn names."""
    for number, rule in enumerate(rules, start=1):
        if rule.matches(facts):
            return _by_rule(rule, f"rule {number}", facts)
    return _by_reproin(facts)


def _by_rule(rule: Rule, which: str, facts: SeriesFacts) -> Named | Held | Ignored:
    if rule.name is None:
        return Ignored(why=f"{which} of the study form ignores it")
    if is_scanners_map(rule.name, facts.image_type):
        return Held(why=f"{which} names it {rule.name.suffix}, but the scanner computed it as a map (ImageType)")
    return Named(name=_with_component(rule.name, facts.image_type), session=None, by=which, deface=rule.deface)


def _by_reproin(facts: SeriesFacts) -> Named | Held | Ignored:
    descriptions = facts.descriptions.reveal()
    for keyword in _BY_REPROIN:
        text = descriptions.get(keyword, "")
        found = parse(text, image_type=facts.image_type)
        if found is None and (_plans_a_scan(text) or "LOCALIZER" in facts.image_type):
            return Ignored(why="a localizer: it plans the scan and is no data")
        if found is None:
            continue
        if found.name is None:
            return Ignored(why="a scout: it plans the scan and is no data", session=found.session)
        if _is_derived(found.name, facts.image_type, keyword):
            why = f"the scanner computed it from other images (ImageType), but {keyword} says {found.name.suffix}"
            return Held(why=f"{why}; add a rule to the study form if it is wanted")
        name = _with_component(found.name, facts.image_type)
        return Named(name=name, session=found.session, by=f"ReproIn in {keyword}")
    why = "no rule of the study form matches it, and neither SeriesDescription nor ProtocolName is a ReproIn name"
    return Held(why=why)


def _is_derived(name: BidsName, image_type: Sequence[str], keyword: str) -> bool:
    """Whether the scanner computed what it named as an acquired image.

    ProtocolName is that of the acquisition, whatever was computed from it; a structural image whose own description
    is a ReproIn name may be derived (a combined or distortion-corrected one).
    """
    acquired_only = name.suffix in _ACQUIRED_ONLY or keyword == "ProtocolName"
    return is_scanners_map(name, image_type) or (acquired_only and not _DERIVED.isdisjoint(image_type))


def is_scanners_map(name: BidsName, image_type: Iterable[str]) -> bool:
    """Whether ImageType says a map of diffusion (ADC, FA, trace …), but the name says something else."""
    return name.suffix not in _SCANNERS_MAPS and not _SAYS_MAP.isdisjoint(image_type)


def _with_component(name: BidsName, image_type: Sequence[str]) -> BidsName:
    """Say that a series holds phase, real or imaginary images, where its name leaves that open and BIDS has a word."""
    part = component(image_type)
    allowed = "part" in suffixes(name.datatype)[name.suffix].entities
    if part in {None, "mag"} or not allowed or "part" in name.entities:
        return name
    return evolve(name, entities=in_order({**name.entities, "part": str(part)}))


def _plans_a_scan(description: str) -> bool:
    """Whether a description says nothing but that the series is a localizer (``3-plane loc``, ``Survey_32ch``)."""
    words = set(re.findall(r"[a-z]+", re.sub(r"\d+(ch|plane|pl)?", " ", description.casefold())))
    return bool(words & _PLANNING) and words <= _PLANNING | _BESIDE


def _values(facts: SeriesFacts, keyword: str) -> Sequence[str]:
    """Give what a pattern for that keyword is held against; ImageType as a whole and value by value."""
    if keyword == "ImageType":
        return ("\\".join(facts.image_type), *facts.image_type) if facts.image_type else ()
    if keyword == "MRAcquisitionType":
        return (facts.acquisition_type,) if facts.acquisition_type else ()
    if keyword == "SeriesNumber":
        return () if facts.series_number is None else (str(facts.series_number),)
    text = facts.descriptions.reveal().get(keyword, "").strip()
    return (text,) if text else ()


def checked_rule(raw: Mapping[str, Any]) -> Rule:
    """Turn a rule as the form has it into a Rule.

    Keys: ``when`` (patterns by keyword), ``name`` (``datatype``, ``suffix`` and entities, or a ReproIn name as one
    text) or ``ignore = true``, ``deface`` (true, false).  Raises InvalidInput with the reason and an example.
    """
    fault = _fault_of_keys(raw) or _fault_of_patterns(raw.get("when"))
    if fault is None and "name" in raw:
        fault = _fault_of_name(raw["name"])
    if fault is not None:
        raise InvalidInput(fault, fix=_EXAMPLE)
    when = {str(keyword): str(pattern).strip() for keyword, pattern in raw["when"].items()}
    name = _written_name(raw["name"]) if "name" in raw else None
    return Rule(when=when, name=name, deface=raw.get("deface"))


def _fault_of_keys(raw: Mapping[str, Any]) -> str | None:
    if unknown := sorted(set(raw) - {"when", "name", "ignore", "deface"}):
        return f"a rule has no {', '.join(unknown)}; it has when, name or ignore, and deface"
    if not isinstance(raw.get("ignore", False), bool) or not isinstance(raw.get("deface", False), bool | None):
        return "ignore and deface are true or false"
    if raw.get("ignore", False) == ("name" in raw):
        return "a rule has either a name or ignore = true"
    if "name" not in raw and raw.get("deface") is not None:
        return "a series that is ignored can't be defaced: leave deface out"
    return None


def _fault_of_patterns(when: object) -> str | None:
    if not isinstance(when, Mapping) or not when:
        return "a rule needs at least one pattern in when"
    if unknown := sorted(str(key) for key in when if key not in MATCHABLE):
        return f"a rule can't ask for {', '.join(unknown)}; it can for {', '.join(MATCHABLE)}"
    for keyword, pattern in when.items():
        if isinstance(pattern, bool) or not isinstance(pattern, str | int) or not str(pattern).strip():
            return f"the pattern for {keyword} must be a text (or a whole number)"
    if all(set(str(pattern).strip()) <= set("*?") for pattern in when.values()):
        return "the patterns match every series"
    return None


def _fault_of_name(raw: object) -> str | None:
    if isinstance(raw, str):
        found = parse(raw)
        plain = found is not None and found.name is not None and found.session is None
        return None if plain else "a name in one text must be a ReproIn name without a session: func-bold_task-rest"
    if not isinstance(raw, Mapping) or not all(isinstance(value, str | int) for value in raw.values()):
        return "a name is a table of texts"
    if not raw.keys().isdisjoint({"sub", "ses"}):
        return "a rule can't set sub or ses: it names kinds of series, not people or visits"
    if not {"datatype", "suffix"} <= raw.keys():
        return "a name needs datatype and suffix"
    parts = {str(key): str(value) for key, value in raw.items() if key not in {"datatype", "suffix"}}
    return complaint(str(raw["datatype"]), str(raw["suffix"]), parts)


def _written_name(raw: str | Mapping[str, Any]) -> BidsName | None:
    if isinstance(raw, str):
        found = parse(raw)
        return found.name if found is not None else None
    parts = {str(key): str(value) for key, value in raw.items()}
    return bids_name(parts.pop("datatype"), parts.pop("suffix"), parts)
