"""``fivesafes profile list|show|diff``: what profiles there are, what one does, and how two differ."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

from fivesafes.interfaces.cli.output import emit_json

if TYPE_CHECKING:
    from fivesafes.data.header.profile import Profile, Rule

_WIDE: Final = 220
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")


@click.group()
def command() -> None:
    """Tell what a header profile does, and why; how two differ.

    A profile is named, or is the path of a .toml file; +OPTION adds an option of PS3.15 by code or name, as in
    basic+113107 or basic+retain-uids.
    """


@command.command("list")
@_JSON
def list_(*, as_json: bool) -> None:
    """List the profiles of this package, and the options that can be added to one."""
    from fivesafes.data.header.options import MEANINGS, NAMES, OF_HEADERS  # noqa: PLC0415 - help stays quick
    from fivesafes.data.header.profile import load_profile, profile_names  # noqa: PLC0415 - help stays quick

    profiles = {name: load_profile(name).title for name in profile_names()}
    if as_json:
        options = [{"code": code, "name": NAMES[code], "meaning": MEANINGS[code]} for code in OF_HEADERS]
        emit_json(
            {"profiles": [{"name": name, "title": title} for name, title in profiles.items()], "options": options}
        )
        return
    _print(("profile", "what it is"), profiles.items())
    click.echo()
    _print(("option", "name", "meaning"), ((code, NAMES[code], MEANINGS[code]) for code in OF_HEADERS))


@command.command()
@click.argument("name", metavar="PROFILE")
@_JSON
def show(name: str, *, as_json: bool) -> None:
    """Show each attribute that PROFILE names: action, grammar, option, the row and its reason.

    What is not shown is removed.
    """
    from fivesafes.data.header.profile import load_profile  # noqa: PLC0415 - help stays quick

    profile = load_profile(name)
    rules = every_rule(profile)
    if as_json:
        emit_json({**_head(profile), "attributes": [_object(rule) for rule in rules.values()]})
        return
    click.echo(f"{profile.name}: {profile.title or 'no title'}")
    click.echo(f"options: {', '.join(sorted(profile.options)) or 'none'}")
    click.echo(f"only where a row names them: {', '.join(sorted(profile.in_part)) or 'none'}")
    rows = (
        (rule.keyword, rule.action.value, rule.grammar, rule.option, rule.place, rule.why) for rule in rules.values()
    )
    _print(("attribute", "action", "grammar", "option", "row", "why"), rows)


@command.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@_JSON
def diff(first: str, second: str, *, as_json: bool) -> None:
    """Show the attributes that profiles A and B treat differently, each with action and reason."""
    from fivesafes.data.header.profile import load_profile  # noqa: PLC0415 - help stays quick

    profiles = load_profile(first), load_profile(second)
    rules = tuple(every_rule(profile) for profile in profiles)
    different = sorted(
        (key for key in rules[0].keys() | rules[1].keys() if _means(rules[0].get(key)) != _means(rules[1].get(key))),
    )
    pairs = [(rules[0].get(key), rules[1].get(key)) for key in different]
    if as_json:
        found = [{"attribute": _name(pair), "a": _side(pair[0]), "b": _side(pair[1])} for pair in pairs]
        emit_json({"a": _head(profiles[0]), "b": _head(profiles[1]), "different": found})
        return
    rows = ((_name(pair), *_cells(pair[0]), *_cells(pair[1])) for pair in pairs)
    names = profiles[0].name, profiles[1].name
    _print(("attribute", f"in {names[0]}", "because", f"in {names[1]}", "because"), rows)
    click.echo(f"{len(pairs)} attributes differ")


def every_rule(profile: "Profile") -> Mapping[tuple[int, int, str], "Rule"]:
    """Give all rules of a profile: the standard's attributes in order of tags, then private ones by creator."""
    rules = {(0, tag, ""): rule for tag, rule in profile.rules.items()}
    for creator, named in profile.private.items():
        rules |= {(1, place, creator.decode("ascii")): rule for place, rule in named.items()}
    return dict(sorted(rules.items(), key=lambda pair: (pair[0][0], pair[0][2], pair[0][1])))


def _means(rule: "Rule | None") -> tuple[str, str, str] | None:
    return (rule.action.value, rule.grammar, rule.option) if rule else None


def _name(pair: tuple["Rule | None", "Rule | None"]) -> str:
    return next(rule.keyword for rule in pair if rule)


def _cells(rule: "Rule | None") -> tuple[str, str]:
    if rule is None:
        return "X", "no row names it"
    said = " ".join(part for part in (rule.action.value, rule.grammar, rule.option) if part)
    return said, f"{rule.why} ({rule.place})"


def _side(rule: "Rule | None") -> dict[str, object]:
    return _object(rule) if rule else {"action": "X", "why": "no row names it"}


def _object(rule: "Rule") -> dict[str, object]:
    return {
        "attribute": rule.keyword,
        "action": rule.action.value,
        "grammar": rule.grammar,
        "option": rule.option,
        "row": rule.place,
        "why": rule.why,
        "source": rule.source,
    }


def _head(profile: "Profile") -> dict[str, object]:
    return {
        "profile": profile.name,
        "title": profile.title,
        "options": sorted(profile.options),
        "in_part": sorted(profile.in_part),
        "policy_digest": profile.digest,
    }


def _print(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table as wide as the terminal, or as a page where nobody looks."""
    from rich.console import Console  # noqa: PLC0415 - help stays quick
    from rich.table import Table  # noqa: PLC0415 - help stays quick
    from rich.text import Text  # noqa: PLC0415 - help stays quick

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in head:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)
