"""Which names BIDS allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput
from fivesafes.data.bids.names import DATATYPES, bids_name, complaint, entities, in_order, incomplete, suffixes


def test_entities_come_in_the_order_of_bids_file_names() -> None:
    """However they are given, the name has task before acq before run."""
    name = bids_name("func", "bold", {"run": "1", "acq": "fast", "task": "rest"})
    assert list(name.entities) == ["task", "acq", "run"]


@pytest.mark.parametrize(
    ("datatype", "suffix", "parts", "reason"),
    [
        ("perf", "asl", {}, "datatype"),
        ("anat", "bold", {}, "suffix"),
        ("anat", "defacemask", {}, "suffix"),
        ("anat", "T1w", {"dir": "AP"}, "entities"),
        ("func", "bold", {}, "needs task"),
        ("func", "bold", {"task": "re-st"}, "letters and digits"),
        ("func", "bold", {"task": "x" * 33}, "letters and digits"),
        ("anat", "T1w", {"run": "a"}, "number"),
        ("anat", "T1w", {"part": "left"}, "one of"),
        ("anat", "VFA", {}, "needs flip"),
    ],
)
def test_a_name_that_bids_does_not_have_is_refused_with_the_reason(
    datatype: str, suffix: str, parts: dict[str, str], reason: str
) -> None:
    """The reason says what to change."""
    with pytest.raises(InvalidInput, match=reason):
        bids_name(datatype, suffix, parts)


@pytest.mark.parametrize("label", ["19700101", "p123456", "700101"])
def test_a_label_that_looks_like_a_date_or_a_number_of_a_person_is_refused_without_repeating_it(label: str) -> None:
    """Six digits in a row have no place in a file name."""
    fault = complaint("anat", "T1w", {"acq": label})
    assert fault is not None
    assert label not in fault


def test_what_the_images_tell_later_may_be_missing_first() -> None:
    """A multi-echo series has no echo in its own name; its images must have one."""
    name = bids_name("anat", "MEGRE", {})
    assert incomplete(name) == ["echo"]


@given(
    datatype=st.sampled_from(DATATYPES),
    parts=st.dictionaries(st.sampled_from(list(entities())), st.just("1"), max_size=4),
)
def test_every_accepted_name_holds_only_what_the_schema_allows(datatype: str, parts: dict[str, str]) -> None:
    """No suffix gets an entity that BIDS does not give it."""
    for suffix, known in suffixes(datatype).items():
        if complaint(datatype, suffix, parts) is None:
            assert set(parts) <= set(known.entities)
            assert list(in_order(parts)) == [key for key in entities() if key in parts]
