"""How finely age and sex may be told: the finest of a small lattice that the tier's bounds allow.

An attacker who knows age and sex of somebody searches the population that could have taken part.  The estimate of the
class that a record hides in is ``eligible × share``, with sexes taken as halves and ages as spread evenly over
``AGE_SPAN`` years.  Uniform shares are an assumption, and the report says so.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from attrs import frozen

AGE_SPAN: Final = 72
"""Years from 18 to 89, over which ages of adults are taken as evenly spread."""

MAX_MEAN_RISK: Final = 0.01
"""The expected share of right links up to which a tier's row says *low* (tiers.toml: linkage)."""

TOP_AGE: Final = 89
"""From here on ages are told as one class (HIPAA safe harbour; BIDS privacy rule)."""

AGE_WIDTHS: Final[tuple[int | None, ...]] = (1, 5, 10, 20, None)
"""Finest first; None leaves the age out."""


@frozen(kw_only=True)
class Person:
    """What could be told of one participant; None where the scans do not say."""

    label: str
    age: int | None
    sex: str | None


@frozen(kw_only=True)
class Recoding:
    """How age and sex are told, and what that means.

    ``age_width``: years per class, None left out; ``k``: size of the smallest class in this sample;
    ``max_risk``, ``mean_risk``: largest and mean estimated chance to single out a person in the population, 0 to 1;
    ``unique_share``: share of records estimated as alone in the population.
    """

    age_width: int | None
    sex: bool
    k: int
    max_risk: float
    mean_risk: float
    unique_share: float

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns that the participants table gets."""
        age = {None: (), 1: ("age",)}.get(self.age_width, ("age_band",))
        return (*age, *(("sex",) if self.sex else ()))


def told_age(age: int | None, width: int | None) -> str:
    """Write an age as its class: ``34``, ``30-34``, ``89+``; ``n/a`` when it is not known."""
    if age is None or width is None:
        return "n/a"
    if age >= TOP_AGE:
        return f"{TOP_AGE}+"
    if width == 1:
        return str(age)
    low = age - age % width
    return f"{low}-{min(low + width, TOP_AGE) - 1}"


def finest(people: Sequence[Person], *, eligible: int, max_risk: float, min_k: int) -> Recoding:
    """Choose the finest recoding whose smallest class or largest population risk is within bounds.

    The mean risk, which is the expected share of right links for somebody who holds a register of ages and sexes,
    must be within MAX_MEAN_RISK too.  When even the coarsest is not, it is returned all the same with its figures: the
    tier is judged from them.
    """
    options = [
        measure(people, eligible=eligible, age_width=width, sex=sex)
        for width in AGE_WIDTHS
        for sex in (True, False)
        if _tells(people, width, sex=sex)
    ]
    fitting = (o for o in options if (o.max_risk <= max_risk or o.k >= min_k) and o.mean_risk <= MAX_MEAN_RISK)
    return next(fitting, options[-1])


def _tells(people: Sequence[Person], width: int | None, *, sex: bool) -> bool:
    """Leave out options that promise a column in which nobody has a value."""
    has_age = any(person.age is not None for person in people)
    has_sex = any(person.sex for person in people)
    return (width is None or has_age) and (has_sex or not sex)


def measure(people: Sequence[Person], *, eligible: int, age_width: int | None, sex: bool) -> Recoding:
    """Measure one recoding on these people."""
    classes = Counter(_key(person, age_width, sex=sex) for person in people)
    share = (1.0 if age_width is None else min(1.0, age_width / AGE_SPAN)) * (0.5 if sex else 1.0)
    crowd = max(eligible * share, 1.0)
    risk = 1.0 / crowd
    return Recoding(
        age_width=age_width,
        sex=sex,
        k=min(classes.values(), default=0),
        max_risk=risk,
        mean_risk=risk,
        unique_share=1.0 if crowd <= 1.0 else 0.0,
    )


def _key(person: Person, age_width: int | None, *, sex: bool) -> tuple[str, str]:
    return told_age(person.age, age_width), (person.sex or "n/a") if sex else ""
