"""How far records hide: exact on small tables, and never better when a column is added."""

from collections import Counter
from math import exp, isclose, log, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput
from fivesafes.output.linkage import bits, greedy_bits, measures, singled_out
from fivesafes.output.quasi import choose_quasi, choose_sensitive, with_values

COLUMNS = ("age", "sex", "site", "dx")
cells = st.sampled_from(["1", "2", "3", "n/a", ""])
tables = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, cells)), min_size=1, max_size=40)


def told(value: str) -> str:
    """Give a cell as the measures see it: all missing values alike."""
    return "" if value == "n/a" else value


@given(rows=tables, quasi=st.sets(st.sampled_from(COLUMNS[:3])))
def test_the_figures_are_those_of_their_definitions(rows: list[dict[str, str]], quasi: set[str]) -> None:
    """Written out here in the plainest way."""
    names = sorted(quasi)
    got = measures(rows, names, "dx")
    classes: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        classes.setdefault(tuple(told(row[name]) for name in names), []).append(told(row["dx"]))
    sizes = [len(members) for members in classes.values()]
    overall = Counter(told(row["dx"]) for row in rows)
    entropies, distances = [], []
    for members in classes.values():
        shares = {value: count / len(members) for value, count in Counter(members).items()}
        entropies.append(exp(-sum(share * log(share) for share in shares.values())))
        distances.append(sum(abs(shares.get(v, 0) - c / len(rows)) for v, c in overall.items()) / 2)
    assert got.k == min(sizes)
    assert got.classes == len(sizes)
    assert got.sample_unique == sizes.count(1)
    assert got.l_distinct == min(len(set(members)) for members in classes.values())
    assert isclose(got.l_entropy or 0, min(entropies), rel_tol=1e-9)
    assert isclose(got.t_equal_distance or 0, max(distances), abs_tol=1e-9)
    assert isclose(got.prosecutor_max, 1 / min(sizes))
    assert isclose(got.marketer, len(sizes) / len(rows))
    assert isclose(got.records_at_risk_0_09, sum(size for size in sizes if 1 / size > 0.09) / len(rows))
    assert isclose(got.records_at_risk_0_2, sum(size for size in sizes if 1 / size > 0.2) / len(rows))


@given(rows=tables, order=st.permutations(COLUMNS))
def test_risk_never_falls_when_a_column_is_added(rows: list[dict[str, str]], order: list[str]) -> None:
    """More is known: classes only split, and bits only grow."""
    before = measures(rows, [])
    joint = 0.0
    for count in range(1, len(order) + 1):
        after = measures(rows, order[:count])
        assert after.k <= before.k
        assert after.classes >= before.classes
        assert after.prosecutor_max >= before.prosecutor_max
        assert after.records_at_risk_0_2 >= before.records_at_risk_0_2
        before = after
    for _, bits_so_far in greedy_bits(rows, order):
        assert bits_so_far >= joint - 1e-9
        joint = bits_so_far
    assert joint <= log2(len(rows)) + 1e-9


def test_bits_are_those_of_the_values() -> None:
    """Two equally common values are one bit; the most telling column comes first."""
    rows = [{"a": str(i % 2), "b": str(i), "c": "x"} for i in range(8)]
    assert bits(rows, ["a", "b", "c"]) == {"a": 1.0, "b": 3.0, "c": 0.0}
    assert greedy_bits(rows, ["a", "b", "c"])[0] == ("b", 3.0)


@given(rows=tables)
def test_a_set_of_columns_that_singles_out_is_smallest(rows: list[dict[str, str]]) -> None:
    """Each row named is alone in those columns and in none of their subsets."""
    for one in singled_out(rows, COLUMNS):
        smaller = [one.columns[:i] + one.columns[i + 1 :] for i in range(len(one.columns)) if len(one.columns) > 1]
        for index in one.rows:
            assert alike(rows, index, one.columns) == 1
            assert all(alike(rows, index, columns) > 1 for columns in smaller)


def alike(rows: list[dict[str, str]], index: int, columns: tuple[str, ...]) -> int:
    """Count the rows that are like one row in some columns."""
    return sum(all(told(row[name]) == told(rows[index][name]) for name in columns) for row in rows)


def test_a_missing_value_is_a_category_and_singles_nobody_out() -> None:
    """But it does tell a record from others."""
    rows = [{"a": "1"}, {"a": "1"}, {"a": "n/a"}]
    assert measures(rows, ["a"]).k == 1
    assert singled_out(rows, ["a"]) == []


def test_an_empty_table_and_an_unknown_column_are_refused() -> None:
    """Nothing is measured that is not there."""
    with pytest.raises(InvalidInput):
        measures([], ["a"])
    with pytest.raises(InvalidInput):
        measures([{"a": "1"}], ["b"])


def test_many_columns_of_many_values_do_not_overflow() -> None:
    """Twenty columns of a thousand values make more combinations than an integer counts."""
    rows = [{f"c{column}": str((row * (column + 3)) % 997) for column in range(20)} for row in range(1000)]
    assert measures(rows, [f"c{column}" for column in range(20)]).classes == 997


def test_quasi_identifiers_are_chosen_by_name() -> None:
    """What others know of a person; labels, volumes and empty columns are left out."""
    columns = (
        "participant_id",
        "age_at_scan",
        "Sex",
        "handedness",
        "eTIV",
        "brain_age",
        "post code",
        "diagnosis",
        "iq",
    )
    assert choose_quasi(columns) == ("age_at_scan", "Sex", "handedness")
    assert choose_quasi(("Postcode", "site")) == ("Postcode", "site")
    assert choose_sensitive(columns, ("Sex",)) == "diagnosis"
    rows = [{"age": "1", "sex": "F", "x": "n/a"}, {"age": "2", "sex": "F", "x": "n/a"}]
    assert with_values(rows, ("age", "sex", "x")) == ("age", "sex")
