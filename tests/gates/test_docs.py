"""Documents say what the code does: verbs, exit codes, decisions, links."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tools.command_reference import PAGE, page

from fivesafes.core import errors
from fivesafes.interfaces.cli import VERBS, fivesafes

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
GENERATED = {"src/fivesafes/stores/migrations/0001_initial.py"}
"""Django wrote it from stores/models.py, and a migration that havens have taken is never edited."""


def test_every_verb_is_documented() -> None:
    """Whatever a user can call is in the README or the documents."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for verb in VERBS:
        assert f"fivesafes {verb}" in text, verb


def test_the_command_line_is_described_as_it_is() -> None:
    """The page of commands and options is the one that the commands give now: python tools/command_reference.py."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_command_and_option_has_its_place_on_the_page() -> None:
    """The page tells of a command of the second level and of an option: the comparison compares something."""
    assert "### fivesafes consent withdraw" in page()
    assert "| `--kind [full\\|no-future-use\\|no-face\\|no-public]` |" in page()


def shown_commands(page: Path) -> Iterator[str]:
    """Give each command that a page's blocks show, with lines that go on joined."""
    blocks = re.findall(
        r"^ *```(?:sh|console|)\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        if found := re.match(r"\s*(?:\$ )?(?:sudo )?fivesafes (.*)", line):
            yield found[1]


def unknown_in(shown: str) -> str | None:
    """Name the first verb or option of a command that the command line does not have; None when it has all."""
    words = shlex.split(shown, comments=True)
    command: click.Command = fivesafes
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        inner = command.get_command(click.Context(command), name)
        if inner is None:
            return name
        command = inner
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h", "--version"}
    given = (word.strip("[]").partition("=")[0] for word in words if word.strip("[]").startswith("--"))
    return next((option for option in given if option not in known), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_pages_show_are_there(page: Path) -> None:
    """Whatever a reader copies from a page is a command, with options that it has."""
    for shown in shown_commands(page):
        assert unknown_in(shown) is None, shown


def test_a_command_that_is_not_there_is_noticed() -> None:
    """A verb of before, an option that nobody has: both are named."""
    assert unknown_in("backup-keys DIR") == "backup-keys"
    assert unknown_in("backup keys DIR --keys X") == "--keys"
    assert unknown_in("backup keys DIR --haven H") is None
    assert len(list(shown_commands(ROOT / "docs/tutorial/a-haven-on-your-laptop.md"))) > 10


def test_every_exit_code_has_its_row() -> None:
    """The table of exit codes is whole."""
    table = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", table, flags=re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")]
    assert {errors.EXIT_OK, errors.EXIT_BUG, *(kind.exit_code for kind in kinds)} <= rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A link to a file of the project names one that is there."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_decision_is_listed() -> None:
    """The index of decisions names each page."""
    index = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    pages = [page.name for page in (ROOT / "docs/decisions").glob("0*.md")]
    assert pages
    assert all(name in index for name in pages)


def test_no_file_is_longer_than_a_page_has_subjects() -> None:
    """No module over 400 lines: a longer one has two subjects."""
    long = {
        str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("*.py") if len(path.read_text().splitlines()) > 400
    }
    assert long - GENERATED == set()
