"""Domain values survive their way through a JSON column, exactly."""

import json
import math

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput, Refused
from fivesafes.data.model import BidsName
from fivesafes.project.model import Consent, Project
from fivesafes.stores.books.wire import Form, digest, from_json, to_json


def as_a_column(value: object) -> object:
    """Do what the strictest database does with JSON: text, keys sorted."""
    return json.loads(json.dumps(value, sort_keys=True, allow_nan=False))


@given(st.one_of(st.from_type(Form), st.from_type(Consent), st.from_type(Project)))
def test_every_form_and_consent_comes_back_as_it_was(value: Form | Consent | Project) -> None:
    """Dates, enums, sets, tuples and missing values: what is read equals what was written, and so does its digest."""
    try:
        written = to_json(value)
    except InvalidInput:
        reject()  # a NUL in a text: the next test
    back = from_json(as_a_column(written), type(value))
    assert back == value
    assert digest(to_json(back)) == digest(written)


@given(st.dictionaries(st.text(min_size=1, alphabet="abcdefgh"), st.text(alphabet="xyz"), min_size=2))
def test_the_order_of_entities_is_kept(entities: dict[str, str]) -> None:
    """A BIDS name is its entities in order, and PostgreSQL sorts the keys of JSON."""
    name = BidsName(datatype="func", suffix="bold", entities=entities)
    back = from_json(as_a_column(to_json(name)), BidsName)
    assert list(back.entities.items()) == list(entities.items())


def test_what_no_database_keeps_is_refused_or_becomes_nothing() -> None:
    """A NUL is refused; a number that is not finite counts as not measured."""
    with pytest.raises(InvalidInput, match="NUL"):
        to_json({"title": "a\x00b"})
    assert to_json({"share": math.nan, "risks": [math.inf, 0.5]}) == {"share": None, "risks": [None, 0.5]}


def test_a_restriction_that_this_version_does_not_know_refuses() -> None:
    """A newer version's field is not dropped in silence: it may be what the participant asked for."""
    consent = {"permissions": [], "conditions": [], "face": True, "valid_from": "2026-01-01", "not_on_mondays": True}
    with pytest.raises(Refused, match="another version"):
        from_json(consent, Consent)
