"""Describe a profile as a reference page: what the code does, from the data it does it by."""

from collections.abc import Iterable, Iterator
from typing import Final

from fivesafes.data.header.options import MEANINGS
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
    yield from _table(("code", "meaning (PS3.16 CID 7050)"), MEANINGS.items())
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
