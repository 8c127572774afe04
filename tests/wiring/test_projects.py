"""Registering a project that was registered by halves: pseudonyms never change unseen."""

import secrets
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner
from tests.journeys.studies import FORM
from tests.wiring.conftest import Place

from fivesafes.core.errors import InvalidInput, Refused
from fivesafes.core.progress import Silent
from fivesafes.interfaces.cli.project import command
from fivesafes.interfaces.forms.consent import HEADER, read_consent_table
from fivesafes.interfaces.forms.study import read_form
from fivesafes.output.airlock import Review
from fivesafes.people.model import Reviewer
from fivesafes.setting.vault.keys import add_secret, open_secret, pseudonym_key
from fivesafes.stores.identity_files import WORKER, read_identity
from fivesafes.wiring.custodians import clean_vault, verify
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.projects import Registration, add_project, record_stated

KEY = bytes(range(32))


def wish(folder: Path) -> Registration:
    """Read the form of the journeys."""
    (folder / "S.toml").write_text(FORM, encoding="utf-8")
    return Registration(project=read_form(folder / "S.toml").project)


def key_file(folder: Path, content: bytes = KEY) -> Path:
    """Write a key from before."""
    path = folder / f"{secrets.token_hex(4)}.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def interrupted(haven: OpenHaven, secret: bytes) -> None:
    """Leave what a registration leaves that was killed before its row."""
    add_secret(haven.keyring, pseudonym_key("journey"), secret, haven.openers)


def kept(haven: OpenHaven) -> bytes:
    """Open the key that the project has."""
    return open_secret(haven.keyring, pseudonym_key("journey"), read_identity(haven.keys / WORKER))


def test_the_same_key_again_goes_on(place: Place) -> None:
    """Killed and run again, the registration is what it would have been."""
    with place.open() as haven:
        interrupted(haven, KEY)
        assert add_project(haven, wish(place.folder), key=key_file(place.folder))
        assert kept(haven) == KEY


@pytest.mark.parametrize("with_worker", [True, False])
def test_another_key_than_the_one_left_over_is_refused(place: Place, with_worker: bool) -> None:
    """Told, with what to do; nothing is registered.  Where it can't be opened, nobody knows that it is the same."""
    with place.open() as haven:
        interrupted(haven, bytes(32) if with_worker else KEY)
        if not with_worker:
            (haven.keys / WORKER).unlink()
        with pytest.raises(Refused, match="another pseudonym key") as refusal:
            add_project(haven, wish(place.folder), key=key_file(place.folder))
        assert "vault verify --clean" in refusal.value.fix
        assert haven.books.projects() == []


def test_the_way_out_that_is_told_leads_out(place: Place) -> None:
    """Cleaning removes the key that no project has, and then the one that was given is adopted."""
    with place.open() as haven:
        interrupted(haven, bytes(32))
        found = verify(haven, identity=None, sample=0, progress=Silent())
        assert found.stray_keys == (pseudonym_key("journey"),)
        clean_vault(haven, found)
        assert add_project(haven, wish(place.folder), key=key_file(place.folder))
        assert kept(haven) == KEY
        found = verify(haven, identity=None, sample=0, progress=Silent())
        assert found.stray_keys == ()
        assert found.keys_missing == 0


def test_a_look_that_accepts_more_than_before_is_judged_anew(place: Place) -> None:
    """What was recorded stays when its reviewer has left; what is added to it is nobody's to say."""
    with place.open() as haven:
        reviewer = Reviewer(
            name="Dr A", institution="U", account="a", valid_from=date(2026, 1, 1), valid_until=date(2026, 12, 31)
        )
        looked = Review(by="Dr A", on=date(2026, 6, 1), candidate="c" * 64)
        form = wish(place.folder)
        add_project(haven, evolve(form, reviewers=(reviewer,), reviews=(looked,)), key=None)
        add_project(haven, evolve(form, reviews=(looked,)), key=None)
        more = evolve(looked, accepts=frozenset({"data.doubt"}))
        with pytest.raises(Refused):
            add_project(haven, evolve(form, reviews=(more,)), key=None)
        assert haven.project("journey").reviews == (looked,)


def test_a_form_added_again_takes_nothing_back_that_a_later_table_said(place: Place) -> None:
    """The form is taken over; of the older table beside it nothing is, which message and exit code say."""
    form, table = place.folder / "S.toml", place.folder / "consent.csv"
    form.write_text(FORM, encoding="utf-8")
    table.write_text(HEADER + "PAT-1,NRES,no,2026-01-01/..,\n", encoding="utf-8")
    line = ["add", str(form), "--haven", str(place.path)]
    assert CliRunner().invoke(command, line).exit_code == 0
    later = place.folder / "later.csv"
    later.write_text(HEADER + "PAT-1,NRES,no,2026-01-01/..,2998-12-24\n", encoding="utf-8")
    stated = read_consent_table(later)
    with place.open() as haven:
        record_stated(haven, "journey", stated, table=later.name)
    form.write_text(FORM.replace('title = "', 'title = "Anew: ', 1), encoding="utf-8")
    fault = CliRunner().invoke(command, line).exception
    assert isinstance(fault, InvalidInput)
    assert fault.what.startswith("the form was taken over, and of its consent table nothing was recorded:\n")
    assert "2998-12-24" in fault.what
    with place.open() as haven:
        assert haven.project("journey").project.title.startswith("Anew: ")
        (kept_,) = haven.books.consents("journey").values()
        assert kept_.consent.withdrawn_on == date(2998, 12, 24)
    table.write_text(later.read_text(encoding="utf-8"), encoding="utf-8")
    assert "0 consents recorded" in CliRunner().invoke(command, line).stdout
