"""Registering a project that was registered by halves: pseudonyms never change unseen."""

import secrets
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve
from tests.journeys.studies import FORM
from tests.wiring.conftest import Place

from fivesafes.core.errors import Refused
from fivesafes.core.progress import Silent
from fivesafes.interfaces.forms.study import read_form
from fivesafes.output.airlock import Review
from fivesafes.people.model import Reviewer
from fivesafes.setting.vault.keys import add_secret, open_secret, pseudonym_key
from fivesafes.stores.identity_files import WORKER, read_identity
from fivesafes.wiring.custodians import clean_vault, verify
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.projects import Registration, add_project

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
