"""What every command at a haven does at its end: witnesses get what it told, and never stop it."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tests.setting.vault.havens import SealedHaven, make_haven

from fivesafes.core.errors import Refused
from fivesafes.interfaces.cli import at_haven, consent, project, vault
from fivesafes.setting.trail.note import notes_in
from fivesafes.setting.vault.seal import Identity
from fivesafes.stores import trail
from fivesafes.wiring.haven import opened_haven

Run = Callable[..., Result]


@pytest.fixture
def sealed(tmp_path: Path) -> SealedHaven:
    """Make a haven of Ada and Ben with a witness that keeps a file on a share."""
    haven = make_haven(tmp_path)
    (tmp_path / "share").mkdir()
    with (haven.path / "haven.toml").open("a") as file:
        file.write(f'\n[[witness]]\nkind = "file"\npath = "{tmp_path / "share" / "notes.txt"}"\n')
    return haven


def witnessed(haven: SealedHaven) -> int:
    """Give the size of the trail that the witness has last; 0 when it has nothing."""
    kept = haven.path.parent / "share" / "notes.txt"
    if not kept.exists():
        return 0
    return int(list(notes_in(kept.read_text()))[-1].splitlines()[1])


def size(haven: SealedHaven) -> int:
    """Give the size of the trail."""
    with opened_haven(haven.path):
        return trail.head().size


def ran(haven: SealedHaven, group: click.Command, *words: str | Path) -> Result:
    """Run a command that must end well."""
    done = CliRunner().invoke(group, [*map(str, words), "--haven", str(haven.path)])
    assert done.exception is None, done.output
    return done


def test_each_weighty_deed_reaches_the_witness_with_the_command_that_did_it(
    sealed: SealedHaven, tmp_path: Path
) -> None:
    """A withdrawal, a change of custodians, originals handed back, a name opened, a disposal; one after another."""
    ada, ben = sealed.identities["Ada"], sealed.identities["Ben"]
    with opened_haven(sealed.path) as haven:
        person = haven.books.participants("p1")[0].id
        series = next(one.id for one in haven.books.series("p1") if one.participant != person)
    one = ("--identity", ada)
    deeds: list[tuple[click.Command, tuple[str | Path, ...]]] = [
        (consent.command, ("withdraw", "p1", person, "--kind", "full", "--by", "Dr C", "--yes")),
        (vault.command, ("add-custodian", "Cleo", Identity.made().recipient, *one)),
        (vault.command, ("rotate", "--worker")),
        (vault.command, ("get", "p1", series, "--to", tmp_path / "out", "--reason", "x", *one)),
        (project.command, ("dispose", "p1", "--by", "C", "--yes", "--reason", "x", *one, "--identity", ben)),
    ]
    for group, words in deeds:
        ran(sealed, group, *words)
        assert witnessed(sealed) == size(sealed), words[0]


def test_a_command_that_tells_nothing_makes_no_checkpoint_before_its_hour(sealed: SealedHaven) -> None:
    """The first is due at once; after it, looking does not fill the witness."""
    ran(sealed, vault.command, "stats")
    kept = sealed.path.parent / "share" / "notes.txt"
    before = kept.read_bytes() if kept.exists() else b""
    ran(sealed, consent.command, "show", "p1")
    ran(sealed, vault.command, "custodians")
    assert (kept.read_bytes() if kept.exists() else b"") == before


@pytest.mark.parametrize("trouble", ["away", "misspelt"])
def test_a_witness_never_fails_the_command(sealed: SealedHaven, trouble: str) -> None:
    """Away, or written wrongly into haven.toml: told on standard error, and the deed is done."""
    if trouble == "away":
        (sealed.path.parent / "share").rmdir()
    else:
        description = sealed.path / "haven.toml"
        description.write_text(description.read_text().replace('kind = "file"', 'kind = "flie"'))
    done = ran(sealed, vault.command, "rotate", "--worker", "--json")
    assert '"keys":' in done.stdout.replace(" ", "")
    assert "witness" in done.stderr


def test_what_was_told_before_a_command_was_refused_reaches_the_witness_too(sealed: SealedHaven) -> None:
    """A deed, then a no: the error stays the error, and the witness has the deed."""

    def told_then_refused() -> None:
        with at_haven.witnessed(sealed.path) as opened:
            with opened.books.deed():
                opened.books.tell(opened.author("test").event("test", "x", "done", project=""))
            message = "no"
            raise Refused(message, fix="none")

    with pytest.raises(Refused):
        told_then_refused()
    assert witnessed(sealed) == size(sealed) > 0
