"""Simulate the attack: somebody with a log of visits looks for the participants by place, time, sex and age.

A participant's candidates are the persons whose visit fits what the release tells.  One candidate is not yet the right
person: those who are missing from the log match others by chance.  How often chance alone makes a candidate is
measured on control days (the same weekday and hour in other weeks, when the participant was not scanned); from that and
from the participants without any candidate follows the share of participants the log covers.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from fivesafes.output.model import Link, RiskPoint

SUBSETS: Final = (
    ("site",),
    ("site", "sex", "age"),
    ("site", "date"),
    ("site", "date", "time"),
    ("site", "date", "time", "sex"),
    ("site", "date", "sex", "age"),
    ("site", "date", "time", "sex", "age"),
)
"""What the attacker may know, in the order of the published curve."""

_CONTROL_WEEKS: Final = (-4, -3, -2, -1, 1, 2, 3, 4)
_MOST_SHOWN: Final = 3
_STEPS: Final = 60
_LEAST_CHANCE: Final = 1e-3
_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
_YEAR: Final = 365.2425 * _DAY

Seconds = NDArray[np.int64]


@frozen(kw_only=True)
class Scan:
    """When a participant was scanned: seconds since 1970 of the day's start, and of the moment when it is told."""

    day: int
    moment: int | None = None


@frozen(kw_only=True)
class Target:
    """What the release tells of a participant; None where it tells nothing.  ``age``: lowest and highest, in years."""

    label: str
    site: str | None = None
    sex: str | None = None
    age: tuple[float, float] | None = None
    scans: tuple[Scan, ...] = ()


@frozen(kw_only=True)
class Log:
    """The auxiliary data: one entry per visit, and what is known of each person.

    ``person`` (v,) indexes ``people``; ``site`` (v,) indexes ``sites``; ``arrive``, ``leave`` (v,) in seconds since
    1970; ``sex`` (p,) as short words, ``born`` (p,) in seconds since 1970, NaN where unknown.
    """

    people: tuple[str, ...]
    sites: tuple[str, ...]
    person: NDArray[np.int64] = field(eq=False)
    site: NDArray[np.int64] = field(eq=False)
    arrive: Seconds = field(eq=False)
    leave: Seconds = field(eq=False)
    sex: NDArray[np.str_] = field(eq=False)
    born: NDArray[np.float64] = field(eq=False)


@frozen(kw_only=True)
class Attack:
    """What the simulation found: links, the curve, and the estimated share of participants in the log."""

    links: tuple[Link, ...]
    curve: tuple[RiskPoint, ...]
    coverage: float
    expected_precision: float | None


class _Search:
    """Holds the log sorted by site and arrival, so that a day's visits are a slice."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._order = np.lexsort((log.arrive, log.site))
        self._site = log.site[self._order]
        self._longest = int((log.leave - log.arrive).max(initial=0))
        self._first = int(log.arrive.min()) if len(log.arrive) else 0
        self._last = int(log.leave.max()) if len(log.leave) else 0
        self._numbers = {site: number for number, site in enumerate(log.sites)}
        self._cache: dict[object, frozenset[int]] = {}

    def covers(self, target: Target, weeks: int) -> bool:
        """Whether the log reaches to a participant's scans when they are moved by some weeks."""
        return all(self._first <= scan.day + weeks * _WEEK <= self._last - _DAY for scan in target.scans)

    def candidates(self, target: Target, fields: Sequence[str], weeks: int = 0) -> frozenset[int]:
        """Find the persons who fit on every scan; ``weeks`` moves the scans, for control."""
        if "date" not in fields or not target.scans:
            key = (
                target.site if "site" in fields else None,
                *(getattr(target, f) for f in fields if f in ("sex", "age")),
            )
            if (key, tuple(fields)) not in self._cache:
                self._cache[key, tuple(fields)] = self._fitting(target, fields, None)
            return self._cache[key, tuple(fields)]
        move = weeks * _WEEK
        each = [self._fitting(target, fields, _moved(scan, move)) for scan in target.scans]
        return frozenset.intersection(*each)

    def _fitting(self, target: Target, fields: Sequence[str], scan: Scan | None) -> frozenset[int]:
        rows = self._rows(target.site if "site" in fields else None, scan)
        log = self._log
        if scan is not None:
            start, end = scan.day, scan.day + _DAY
            if "time" in fields and scan.moment is not None:
                start, end = scan.moment, scan.moment + 1
            rows = rows[(log.arrive[rows] < end) & (log.leave[rows] >= start)]
        people = log.person[rows]
        fits = np.ones(len(rows), dtype=np.bool_)
        if "sex" in fields and target.sex is not None:
            fits &= log.sex[people] == target.sex
        if "age" in fields and target.age is not None:
            when = np.full(len(rows), scan.day, dtype=np.float64) if scan else log.arrive[rows].astype(np.float64)
            fits &= _of_age(log.born[people], when, target.age)
        return frozenset(np.unique(people[fits]).tolist())

    def _rows(self, site: str | None, scan: Scan | None) -> NDArray[np.int64]:
        if site is None:
            return np.arange(len(self._order), dtype=np.int64)
        number = self._numbers.get(site, -1)
        low, high = np.searchsorted(self._site, [number, number + 1])
        rows = self._order[low:high]
        if scan is None:
            return rows
        arrive = self._log.arrive[rows]
        first, last = np.searchsorted(arrive, [scan.day - self._longest, scan.day + _DAY])
        return rows[first:last]


def _moved(scan: Scan, seconds: int) -> Scan:
    return Scan(day=scan.day + seconds, moment=None if scan.moment is None else scan.moment + seconds)


def _of_age(born: NDArray[np.float64], when: NDArray[np.float64], age: tuple[float, float]) -> NDArray[np.bool_]:
    """Whether persons were of an age: completed years by the calendar where the bounds are whole years."""
    known = ~np.isnan(born)
    if age[0] != int(age[0]):
        years = (when - np.where(known, born, 0)) / _YEAR
        return np.asarray(known & (years >= age[0]) & (years < age[1]), dtype=np.bool_)
    completed = _completed_years(np.where(known, born, 0), when)
    return np.asarray(known & (completed >= age[0]) & (completed < age[1]), dtype=np.bool_)


def _completed_years(born: NDArray[np.float64], when: NDArray[np.float64]) -> NDArray[np.int64]:
    one, two = (
        seconds.astype("datetime64[s]").astype("datetime64[D]")
        for seconds in (born.astype(np.int64), when.astype(np.int64))
    )
    years = two.astype("datetime64[Y]").astype(np.int64) - one.astype("datetime64[Y]").astype(np.int64)
    month1, month2 = (day.astype("datetime64[M]") for day in (one, two))
    order1 = (month1 - one.astype("datetime64[Y]")).astype(np.int64) * 32 + (one - month1).astype(np.int64)
    order2 = (month2 - two.astype("datetime64[Y]")).astype(np.int64) * 32 + (two - month2).astype(np.int64)
    return np.asarray(years - (order2 < order1), dtype=np.int64)


def attack(targets: Sequence[Target], log: Log, truth: Mapping[str, str] | None = None) -> Attack:
    """Simulate the attack on every participant.

    ``truth`` maps labels to persons where it is known (a test); then the curve gives exact figures.
    """
    search = _Search(log)
    known = _known_fields(targets, log)
    subsets = list(dict.fromkeys(kept for some in SUBSETS if (kept := tuple(name for name in some if name in known))))
    full = max(subsets, key=len, default=())
    best = [search.candidates(target, full) for target in targets]
    chance = _chance(targets, search, full) if "date" in full else np.full(len(targets), _LEAST_CHANCE)
    coverage, sure = _coverage(np.array([len(found) for found in best], dtype=np.float64), chance)
    links = tuple(
        Link(
            participant=target.label,
            person=log.people[person],
            probability=1 / len(found),
            expected=float(right) / len(found),
        )
        for target, found, right in zip(targets, best, sure, strict=True)
        if 0 < len(found) <= _MOST_SHOWN
        for person in sorted(found)
    )
    unique = [float(right) for found, right in zip(best, sure, strict=True) if len(found) == 1]
    curve = []
    for some in subsets:
        candidates = best if some == full else [search.candidates(target, some) for target in targets]
        curve.append(
            _point(some, candidates, targets, log, (truth, _estimator(some, candidates, targets, search, coverage)))
        )
    return Attack(
        links=links,
        curve=tuple(curve),
        coverage=coverage,
        expected_precision=sum(unique) / len(unique) if unique else None,
    )


def _estimator(
    fields: Sequence[str],
    candidates: Sequence[frozenset[int]],
    targets: Sequence[Target],
    search: _Search,
    coverage: float,
) -> Callable[[], NDArray[np.float64]]:
    """Give the computation of how likely the right person is among the candidates, to be done where it is needed."""

    def estimated() -> NDArray[np.float64]:
        sizes = np.array([len(some) for some in candidates], dtype=np.float64)
        # Without a date everybody fits some day: candidates are as many by chance as they are.
        chance = _chance(targets, search, fields) if "date" in fields else np.maximum(sizes, _LEAST_CHANCE)
        return _right(sizes, chance, coverage)

    return estimated


def _known_fields(targets: Sequence[Target], log: Log) -> frozenset[str]:
    """Name the fields that both sides tell of somebody."""
    ours = {
        "site": any(target.site in log.sites for target in targets),
        "date": any(target.scans for target in targets),
        "time": any(scan.moment is not None for target in targets for scan in target.scans),
        "sex": any(target.sex for target in targets) and bool((log.sex != "").any()),
        "age": any(target.age for target in targets) and bool((~np.isnan(log.born)).any()),
    }
    return frozenset(name for name, there in ours.items() if there)


def _chance(targets: Sequence[Target], search: _Search, fields: Sequence[str]) -> NDArray[np.float64]:
    """Estimate how many candidates chance gives each participant, (n,): the mean over control weeks, smoothed.

    Weeks before the log begins or after it ends say nothing and are left out.
    """
    counts = [
        [len(search.candidates(target, fields, weeks)) for weeks in _CONTROL_WEEKS if search.covers(target, weeks)]
        for target in targets
    ]
    told = [count for some in counts for count in some]
    usual = sum(told) / len(told) if told else 0.0
    smoothed = np.array([(sum(some) + usual) / (len(some) + 1) for some in counts], dtype=np.float64)
    return np.asarray(np.maximum(smoothed, _LEAST_CHANCE), dtype=np.float64)


def _coverage(found: NDArray[np.float64], chance: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Estimate the share of participants in the log, and for each the chance that the right person is found, (n,).

    With m candidates and chance rate λ, the right one is among them with c·m / (c·m + (1 − c)·λ), for m then follows a
    Poisson distribution shifted by one or not; c is the fixed point of its own mean (expectation–maximisation).
    """
    if not len(found):
        return 0.0, found
    share = 0.5
    right = np.zeros(len(found))
    for _ in range(_STEPS):
        right = _right(found, chance, share)
        share = float(np.clip(right.mean(), 1e-6, 1 - 1e-6))
    return share, right


def _point(
    fields: tuple[str, ...],
    found: Sequence[frozenset[int]],
    targets: Sequence[Target],
    log: Log,
    right: tuple[Mapping[str, str] | None, Callable[[], NDArray[np.float64]]],
) -> RiskPoint:
    """Compute one point of the curve: exactly with the truth, else from the chance that the right one is there."""
    truth, estimated = right
    sizes = np.array([len(some) for some in found], dtype=np.float64)
    rightly = None
    if truth is None:
        share = estimated()
    else:
        number = {person: index for index, person in enumerate(log.people)}
        hits = [number.get(truth.get(t.label, ""), -1) in some for t, some in zip(targets, found, strict=True)]
        share = np.array(hits, dtype=np.float64)
        rightly = int((share * (sizes == 1)).sum())
    return RiskPoint(
        fields=fields,
        median_candidates=float(np.median(sizes)) if len(sizes) else 0.0,
        uniquely_and_rightly_linked=rightly,
        expected_right=float((share / np.maximum(sizes, 1)).sum()),
        matched=int((sizes > 0).sum()),
        unique=int((sizes == 1).sum()),
    )


def _right(found: NDArray[np.float64], chance: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Give for each participant the chance that the right person is among the candidates, for a coverage ``share``."""
    return np.where(found > 0, share * found / np.maximum(share * found + (1 - share) * chance, 1e-12), 0.0)


def seconds(moment: datetime) -> int:
    """Count seconds since 1970 of a moment, its clock time taken as it stands."""
    return int((moment.replace(tzinfo=None) - datetime(1970, 1, 1)) / timedelta(seconds=1))  # noqa: DTZ001 - clock times of one place
