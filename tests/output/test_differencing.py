"""What two releases tell together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.output.differencing import ResultTable, differences, gone, rekeyed


def table(path: str, *rows: dict[str, str]) -> ResultTable:
    """Make a table of results."""
    return ResultTable(path=path, columns=tuple(rows[0]), rows=rows)


def test_the_value_of_the_one_who_left_follows_from_two_means() -> None:
    """24 people of mean 33, then 23 of mean 32.5: the one who left was 44.5."""
    before = table("r1/m.tsv", {"group": "a", "n": "24", "mean_age": "33"}, {"group": "b", "n": "30", "mean_age": "40"})
    after = table(
        "r2/m.tsv", {"group": "a", "n": "23", "mean_age": "32.5"}, {"group": "b", "n": "30", "mean_age": "40"}
    )
    (found,) = differences([before], [after])
    assert (found.row, found.column, found.difference_n, found.value) == ("a", "mean_age", 1, 44.5)
    assert found.between == ("r1/m.tsv", "r2/m.tsv")


@given(values=st.lists(st.integers(1, 99), min_size=12, max_size=40), left=st.integers(0, 11))
def test_whoever_leaves_is_told_by_the_difference(values: list[int], left: int) -> None:
    """Up to the rounding of the means, which are given in full here."""
    rest = values[:left] + values[left + 1 :]
    before = table("a/t.tsv", {"g": "all", "n": str(len(values)), "mean": repr(sum(values) / len(values))})
    after = table("b/t.tsv", {"g": "all", "n": str(len(rest)), "mean": repr(sum(rest) / len(rest))})
    (found,) = differences([before], [after])
    assert found.value == pytest.approx(values[left], abs=1e-5)


def test_counts_that_change_by_a_few_are_told_without_a_value() -> None:
    """In a table of counts every cell is a number of people."""
    before = table("a/c.tsv", {"dx": "x", "A": "12", "B": "30"})
    after = table("b/c.tsv", {"dx": "x", "A": "11", "B": "45"})
    (found,) = differences([before], [after])
    assert (found.column, found.difference_n, found.value) == ("A", 1, None)


def test_tables_of_other_columns_or_equal_groups_tell_nothing() -> None:
    """Fifteen people more hide each other."""
    one = table("a/t.tsv", {"g": "all", "n": "24", "mean": "3"})
    assert not list(differences([one], [table("b/t.tsv", {"g": "all", "n": "39", "mean": "4"})]))
    assert not list(differences([one], [table("b/t.tsv", {"g": "all", "n": "24", "mean": "3"})]))
    assert not list(differences([one], [table("b/u.tsv", {"region": "x", "voxels": "3", "peak": "4"})]))


def people(labels: list[str], shift: int = 0) -> list[dict[str, str]]:
    """Make participants whose attributes differ."""
    return [
        {"participant_id": label, "age": str(20 + i + shift), "sex": "FM"[i % 2], "iq": str(90 + 3 * i), "ehi": str(i)}
        for i, label in enumerate(labels)
    ]


def test_participants_under_new_labels_are_recognised_one_to_one() -> None:
    """In the order of the earlier release, also when one attribute of theirs has changed."""
    old, new = [f"sub-{i:03d}" for i in range(1, 31)], [f"sub-{i:03d}" for i in range(30, 0, -1)]
    key = ("participant_id", "participant_id")
    assert rekeyed(people(old), people(new), key) == dict(zip(old, new, strict=True))
    assert rekeyed(people(old), people(new, shift=1), key) == dict(zip(old, new, strict=True))


def test_kept_labels_and_other_people_give_no_links() -> None:
    """Few matches between strangers are chance."""
    labels = [f"sub-{i:03d}" for i in range(1, 31)]
    key = ("participant_id", "participant_id")
    assert rekeyed(people(labels), people(labels[:-1]), key) == {}
    strangers = [
        {**row, "iq": str(200 + i), "ehi": "-9"} for i, row in enumerate(people([f"sub-X{i}" for i in range(30)]))
    ]
    assert rekeyed(people(labels), strangers, key) == {}
    assert rekeyed([], people(labels), key) == {}


def test_who_left_is_told_by_label_or_by_link() -> None:
    """A withdrawn participant can be named by whoever holds both releases."""
    assert gone(["a", "b", "c"], ["a", "c"], {}) == ("b",)
    assert gone(["a", "b", "c"], ["x", "y"], {"a": "x", "c": "y"}) == ("b",)
