"""Write docs/reference/command-line.md from the commands themselves.

Usage: python tools/command_reference.py          (tests/gates/test_docs.py compares the page with the commands)
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import click

from fivesafes.interfaces.cli import fivesafes

EVERYWHERE: Final = ("Show this message", "The haven's folder")
"""How the words begin of options that the head tells of once."""
PAGE: Final = Path(__file__).resolve().parents[1] / "docs/reference/command-line.md"

HEAD: Final = """\
# The command line

Written from the commands by `tools/command_reference.py`; a test compares. Every command has `--help`.

* Messages and progress go to standard error, the answer to standard output; `--json` makes it [one object](json.md).
* [Exit codes](exit-codes.md) are the same everywhere; where a command gives one a narrower meaning, it says so.
* `--haven DIR` names the haven, else `FIVESAFES_HAVEN` does, else it is the one around the present folder. Keys in
  clear lie in the folder that `FIVESAFES_KEYS` names, else in `fivesafes/keys` of the user's data folder.
* `--dry-run` checks the words and the files, and writes nothing.
* No command takes an identifier, a password or a key as a word: identifiers are asked for or read from a file,
  passwords and keys stand in files of mode 0600.
* Interrupted anywhere, a command is run again in the same way: it goes on, or finds that all is done.
"""


def page() -> str:
    """Compose the page."""
    context = click.Context(fivesafes, info_name="fivesafes")
    sections = [section for name in fivesafes.list_commands(context) for section in _sections(context, name)]
    return "\n".join([HEAD, *sections])


def _sections(parent: click.Context, name: str) -> Iterator[str]:
    command = cast("click.Group", parent.command).get_command(parent, name)
    if command is None:
        return
    context = click.Context(command, info_name=name, parent=parent)
    level = "##" if parent.parent is None else "###"
    if isinstance(command, click.Group):
        yield f"{level} fivesafes {name}\n\n{_help(command)}\n"
        for inner in command.list_commands(context):
            yield from _sections(context, inner)
    else:
        yield f"{level} {context.command_path}\n\n{_usage(context)}\n\n{_help(command)}\n{_options(context)}"


def _usage(context: click.Context) -> str:
    return "`" + " ".join([context.command_path, *context.command.collect_usage_pieces(context)]) + "`"


def _help(command: click.Command) -> str:
    text = re.sub(r"[ ]+", " ", (command.help or "").replace("``", "`"))
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _options(context: click.Context) -> str:
    rows = [
        row
        for option in context.command.get_params(context)
        if isinstance(option, click.Option)
        and not (option.help or "").startswith(EVERYWHERE)
        and (row := option.get_help_record(context))
    ]
    if not rows:
        return ""
    lines = [f"| `{_cell(names)}` | {_cell(text)} |" for names, text in rows]
    return "\n".join(["", "| option | |", "| --- | --- |", *lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
