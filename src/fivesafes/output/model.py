"""Nouns of the output: how far records hide among each other, who can be linked, what two releases tell together."""

from attrs import frozen


@frozen(kw_only=True)
class Measures:
    """How far the records of one table hide among each other (the words of ``fivesafes check --json``).

    ``k`` size of the smallest class of equal quasi-identifiers; ``classes`` their number; ``sample_unique`` records
    alone in their class.  ``l_distinct`` and ``l_entropy`` (exp of the entropy in nats) of the sensitive column in the
    worst class, ``t_equal_distance`` half the summed difference between a class and the whole, worst class; None
    without a sensitive column.  ``prosecutor_max`` 1/k; ``marketer`` classes per record; ``records_at_risk_…`` share of
    records whose risk 1/f exceeds 0.09 or 0.2.  All measure this sample, not the population.
    """

    k: int
    classes: int
    sample_unique: int
    l_distinct: int | None
    l_entropy: float | None
    t_equal_distance: float | None
    prosecutor_max: float
    marketer: float
    records_at_risk_0_09: float
    records_at_risk_0_2: float


@frozen(kw_only=True)
class Singling:
    """A smallest set of columns that together point at single records: ``rows`` are those records' positions."""

    columns: tuple[str, ...]
    rows: tuple[int, ...]


@frozen(kw_only=True)
class Difference:
    """A row of a table of results that two releases give for groups that differ by few people.

    ``value`` is what the difference tells: the mean of those who left or joined (one person's value when
    ``difference_n`` is 1), or None when only counts are given.  ``between``: the earlier and the later table.
    """

    row: str
    column: str
    difference_n: int
    value: float | None
    between: tuple[str, str]


@frozen(kw_only=True)
class Link:
    """One person whom auxiliary data leave as a candidate for one participant.

    ``probability`` is 1 / candidates; ``expected`` takes off what chance and people missing from the auxiliary data
    explain (see output.attack).
    """

    participant: str
    person: str
    probability: float
    expected: float


@frozen(kw_only=True)
class RiskPoint:
    """What an attacker gets who knows these fields.

    ``median_candidates`` over all participants; ``uniquely_and_rightly_linked`` needs the truth, else None;
    ``expected_right``: sum over participants of 1 / candidates where the right person is among them (with the truth),
    else the estimate under the stated coverage.
    """

    fields: tuple[str, ...]
    median_candidates: float
    uniquely_and_rightly_linked: int | None
    expected_right: float
    matched: int
    unique: int
