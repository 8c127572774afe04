"""Errors say what to do next, keep their exit codes, and cross process borders whole."""

import copy

import pytest

from fivesafes.core import errors
from fivesafes.core.errors import EngineMissing, FiveSafesError, InvalidInput, Refused
from fivesafes.core.plugins import load, names


def test_exit_codes_are_the_contract() -> None:
    """Scripts rely on these numbers."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FiveSafesError)]
    codes = {kind.__name__: kind.exit_code for kind in kinds}
    assert codes == {
        "FiveSafesError": 70,
        "UsageMistake": 2,
        "Refused": 3,
        "InvalidInput": 4,
        "EngineFailed": 4,
        "PolicyInvalid": 4,
        "PartlyDone": 5,
        "NeedsReview": 6,
        "EngineMissing": 69,
        "TryAgain": 75,
        "WorkerDied": 75,
    }


def test_an_error_shows_its_fix_and_survives_copying() -> None:
    """What a worker raises is what the user reads."""
    error = copy.copy(Refused("no", fix="do that"))
    assert isinstance(error, Refused)
    assert str(error) == "no\n  fix: do that"
    assert error.fix == "do that"


def test_a_missing_engine_is_named_with_those_that_are_there() -> None:
    """The message says what was asked for and what could be used instead."""
    with pytest.raises(EngineMissing, match="embedded") as raised:
        load("defacer", "no-such")
    assert raised.value.exit_code == 69
    assert "embedded" in names("defacer")


def test_families_are_as_drawn() -> None:
    """A policy that is wrong is an invalid input; everything is a FiveSafesError."""
    assert issubclass(errors.PolicyInvalid, InvalidInput)
    assert issubclass(errors.TryAgain, FiveSafesError)
