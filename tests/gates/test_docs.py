"""Documents say what the code does: verbs, exit codes, decisions, links."""

import re
from pathlib import Path

import pytest
from tools.command_reference import PAGE, page

from fivesafes.core import errors
from fivesafes.interfaces.cli import VERBS

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
