"""Describe a profile as a reference page: what the code does, from the data it does it by."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fivesafes.data.header.options import BASIC, MEANINGS, NAMES, OF_HEADERS
from fivesafes.data.header.profile import Action, Profile, Rule

ACTIONS: Final = {
    Action.D: "replaced by a stand-in",
    Action.Z: "emptied",
    Action.X: "removed",
    Action.K: "kept, if it fits its grammar",
    Action.C: "cleaned: moved in time, reduced to known words, or rewritten",
    Action.U: "UIDs replaced by keyed ones",
}


def describe_profile(profile: Profile) -> str:
    """Write the reference page of a profile in Markdown; the test of this function compares it with docs/reference."""
    return "\n".join(_lines(profile)) + "\n"


def _lines(profile: Profile) -> Iterator[str]:
    yield f"# Profile {profile.name}"
    yield ""
    if profile.title:
        yield f"{profile.title}."
        yield ""
    yield "Generated from `src/fivesafes/policies/allow/`; change the rules there, not here."
    yield ""
    yield "What no row names is removed, at every depth, in file meta information and in private groups."
    yield "A value that does not fit its grammar is blanked and counted."
    yield ""
    yield "## Actions"
    yield ""
    yield from _table(("action", "meaning"), ((action.value, said) for action, said in ACTIONS.items()))
    yield ""
    yield "## Options of PS3.15 that are used"
    yield ""
    yield from _table(("code", "meaning (PS3.16 CID 7050)", "kept of what the option lists"), _options(profile))
    yield ""
    yield "## Standard attributes"
    yield ""
    yield from _table(_HEAD, (_row(rule) for _, rule in sorted(profile.rules.items())))
    yield ""
    yield "## Private attributes"
    yield ""
    for creator, rules in profile.private.items():
        yield f"### {profile.creators[creator].decode('ascii')}"
        yield ""
        yield from _table(_HEAD, (_row(rule) for _, rule in sorted(rules.items())))
        yield ""
    yield "## Kinds of objects"
    yield ""
    yield "A kind that is not listed is refused."
    yield ""
    classes = (
        (kind.name, kind.uid, "accepted" if kind.accepted else "refused", kind.why)
        for kind in profile.sop_classes.values()
    )
    yield from _table(("name", "SOP class", "outcome", "why"), classes)


def describe_options(profiles: Sequence[Profile], *, basic: Profile) -> str:
    """Write the page of every attribute of PS3.15 Table E.1-1: its action by the table, and in each profile.

    Of profiles that add an option to ``basic``, only what the option changes is said.
    """
    return "\n".join(_matrix(profiles, basic)) + "\n"


def _matrix(profiles: Sequence[Profile], basic: Profile) -> Iterator[str]:
    yield "# Header profiles and the options of PS3.15"
    yield ""
    yield "Generated from `src/fivesafes/policies/allow/`; change the rules there, not here."
    yield ""
    yield "Each attribute of PS3.15 Table E.1-1 (edition 2026d), what the table says of it, and what is done with it."
    yield "A column with an option's code stands for `basic+CODE`; an empty cell is as in `basic`.  X: removed."
    yield "How to add options and to write a profile: [write a profile](../how-to/write-a-profile.md)."
    yield ""
    yield from _table(("code", "name", "option"), ((code, NAMES[code], MEANINGS[code]) for code in OF_HEADERS))
    yield ""
    heads = [_column(profile) for profile in profiles]
    yield from _table(("attribute", "table", "basic", *heads), _decided(profiles, basic))
    yield ""
    yield "Curves (50xx), overlays (60xx) and graphic annotations are removed by every profile; private attributes too,"
    yield "but for those that `private.csv` names where 113111 is an option.  File meta information is written anew;"
    yield "elements of commands and directories are removed.  113101 and 113102 are no options of a profile: they are"
    yield "said of objects whose pixels were cleaned, by what cleaned them."


def _decided(profiles: Sequence[Profile], basic: Profile) -> Iterator[tuple[str, ...]]:
    by_keyword = [{rule.keyword: rule for rule in profile.rules.values()} for profile in (basic, *profiles)]
    for keyword, (action, _) in basic.basic.items():
        if keyword == "MediaStorageSOPInstanceUID":
            continue  # file meta information repeats SOPInstanceUID
        first, *others = (rules[keyword].action.value if keyword in rules else "X" for rules in by_keyword)
        yield keyword, action, first, *("" if other == first else other for other in others)


def _column(profile: Profile) -> str:
    return profile.name.removeprefix("basic+")


def _options(profile: Profile) -> Iterator[tuple[str, str, str]]:
    yield BASIC, MEANINGS[BASIC], ""
    for code in sorted(profile.options | profile.in_part):
        yield code, MEANINGS[code], "everything" if code in profile.options else "what a row names"


_HEAD: Final = ("attribute", "action", "grammar", "option", "why", "source")


def _row(rule: Rule) -> tuple[str, ...]:
    attribute = rule.keyword.split(" ")[0]
    grammar = f"`{rule.grammar}`" if rule.grammar else ""
    return attribute, rule.action.value, grammar, rule.option, rule.why, rule.source


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
