"""What converters read of the makers' own data is decided, one by one, and the page says how."""

import pytest
from attrs import evolve
from tools.vendor_science import PAGE, fate, listed, page

from fivesafes.data.header.profile import load_profile


def test_the_page_says_what_the_policies_do() -> None:
    """Write it anew with python tools/vendor_science.py when this fails."""
    assert PAGE.read_text(encoding="utf-8") == page(load_profile())


def test_everything_that_converters_read_has_a_row_or_a_reason() -> None:
    """Nothing is lost because nobody thought of it; a reason for what is kept would be a lie."""
    profile = load_profile()
    decided = [fate(read, profile)[0] for read in listed()]
    assert {"kept", "cleaned", "removed"} == set(decided)
    assert len(decided) > 200


def test_what_nobody_decided_is_noticed() -> None:
    """A row that goes from the policies, and a reason beside a row."""
    profile = load_profile()
    kept = next(read for read in listed() if not read.removed_because)
    with pytest.raises(ValueError, match="needs a row"):
        fate(kept, evolve(profile, private={}))
    with pytest.raises(ValueError, match="not both"):
        fate(evolve(kept, removed_because="why"), profile)


def test_every_row_that_is_there_for_a_converter_is_listed() -> None:
    """The list and the policies name the same elements."""
    profile = load_profile()
    named = {(read.creator.upper().encode(), read.place) for read in listed() if read.kind == "element"}
    for creator, rules in profile.private.items():
        for rule in rules.values():
            if rule.source.startswith("dcm2niix") and rule.grammar != "items":
                assert (creator, rule.keyword.split(" ")[0]) in named, rule.keyword
