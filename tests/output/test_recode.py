"""How finely age and sex are told."""

from hypothesis import given
from hypothesis import strategies as st

from fivesafes.output.recode import AGE_WIDTHS, MAX_MEAN_RISK, Person, finest, measure, told_age

PEOPLE = st.lists(
    st.builds(
        Person,
        label=st.just("x"),
        age=st.none() | st.integers(0, 110),
        sex=st.none() | st.sampled_from(["F", "M", "O"]),
    ),
    min_size=1,
    max_size=30,
)


@given(age=st.integers(0, 120), width=st.sampled_from([1, 5, 10, 20]))
def test_an_age_lies_in_its_class_and_none_above_88_is_told(age: int, width: int) -> None:
    """Classes hold their ages; from 89 on there is one."""
    told = told_age(age, width)
    if age >= 89:
        assert told == "89+"
    else:
        low, _, high = told.partition("-")
        assert int(low) <= age <= int(high or low) <= 88


@given(people=PEOPLE, eligible=st.integers(1, 10**7))
def test_coarser_is_never_riskier(people: list[Person], eligible: int) -> None:
    """Along each way to the coarsest, risk never grows and the smallest class never shrinks."""
    for sex in (True, False):
        steps = [measure(people, eligible=eligible, age_width=w, sex=sex) for w in AGE_WIDTHS]
        assert [s.max_risk for s in steps] == sorted((s.max_risk for s in steps), reverse=True)
    both = measure(people, eligible=eligible, age_width=5, sex=True)
    one = measure(people, eligible=eligible, age_width=5, sex=False)
    assert one.max_risk <= both.max_risk
    assert one.k >= both.k


@given(people=PEOPLE, eligible=st.integers(1, 10**7))
def test_what_is_chosen_is_within_bounds_or_the_coarsest(people: list[Person], eligible: int) -> None:
    """No finer telling slips through."""
    chosen = finest(people, eligible=eligible, max_risk=0.09, min_k=11)
    coarsest = chosen.age_width is None and not chosen.sex
    assert coarsest or ((chosen.max_risk <= 0.09 or chosen.k >= 11) and chosen.mean_risk <= MAX_MEAN_RISK)


def test_a_small_town_gets_nothing_and_a_city_gets_ages() -> None:
    """One person out of five hundred is told without age and sex; out of a million with both."""
    person = [Person(label="x", age=34, sex="F")]
    small = finest(person, eligible=20, max_risk=0.09, min_k=11)
    city = finest(person, eligible=1_000_000, max_risk=0.09, min_k=11)
    assert small.columns == ()
    assert city.columns == ("age", "sex")
