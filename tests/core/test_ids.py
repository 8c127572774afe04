"""Identifying values do not spill."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.ids import Identifying


@given(value=st.text(min_size=6))
def test_no_way_of_printing_shows_the_value(value: str) -> None:
    """Whatever is held, str, repr, format, logging and exceptions show the same ten characters."""
    held = Identifying(value)
    record = logging.LogRecord("n", 10, "p", 1, "%s %r", (held, held), None)
    shown = [str(held), repr(held), f"{held:>40}", f"{held}", record.getMessage(), str(ValueError(held))]
    assert {text.replace("Identifying(…)", "").strip() for text in shown} == {""}


def test_it_is_equal_and_hashable_by_what_it_holds() -> None:
    """Two wrappers of one value are one key."""
    assert len({Identifying("a"), Identifying("a"), Identifying("b")}) == 2
    assert Identifying("a") != "a"


def test_it_can_be_neither_iterated_nor_written_as_json() -> None:
    """Joining and serialising by accident fail loudly."""
    with pytest.raises(TypeError, match="not iterable"):
        list(Identifying("ab"))
    with pytest.raises(TypeError):
        json.dumps({"x": Identifying("ab")})
