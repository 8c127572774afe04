"""The simulated attack: exact with the truth, honest without it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from fivesafes.output.attack import Log, Scan, Target, attack

DAY = 86_400
MONDAY = 18_690 * DAY


def log_of(visits: list[tuple[int, int, int, int]], *, people: int, sexes: str = "", born: int = 0) -> Log:
    """Make a log of (person, site, arrive, leave)."""
    columns: NDArray[np.int64] = np.array(visits, dtype=np.int64).reshape(-1, 4).T
    return Log(
        people=tuple(f"p{i}" for i in range(people)),
        sites=("north", "south"),
        person=columns[0],
        site=columns[1],
        arrive=columns[2],
        leave=columns[3],
        sex=np.array(list(sexes) or [""] * people, dtype="U8"),
        born=np.full(people, float(born)) if born else np.full(people, np.nan),
    )


def test_one_candidate_is_a_link_of_probability_one_and_two_are_halves() -> None:
    """Who was there at that moment."""
    start = MONDAY + 10 * 3600
    log = log_of(
        [(0, 0, start, start + 3600), (1, 0, start + 1800, start + 5400), (2, 1, start, start + 3600)], people=3
    )
    early = Target(label="sub-1", site="north", scans=(Scan(day=MONDAY, moment=start + 600),))
    later = Target(label="sub-2", site="north", scans=(Scan(day=MONDAY, moment=start + 2400),))
    found = attack([early, later], log)
    assert [(link.participant, link.person, link.probability) for link in found.links] == [
        ("sub-1", "p0", 1.0),
        ("sub-2", "p0", 0.5),
        ("sub-2", "p1", 0.5),
    ]


def test_the_curve_names_what_was_known_and_counts_exactly_with_the_truth() -> None:
    """A day leaves two, the hour one; the right one is among them."""
    start = MONDAY + 10 * 3600
    log = log_of([(0, 0, start, start + 60), (1, 0, start + 7200, start + 7260)], people=2, sexes="fm")
    target = Target(label="sub-1", site="north", sex="f", scans=(Scan(day=MONDAY, moment=start + 30),))
    curve = {"+".join(point.fields): point for point in attack([target], log, {"sub-1": "p0"}).curve}
    assert curve["site+date"].median_candidates == 2
    assert curve["site+date"].expected_right == 0.5
    assert curve["site+date"].uniquely_and_rightly_linked == 0
    assert curve["site+date+time"].uniquely_and_rightly_linked == 1
    assert curve["site+date+time+sex"].expected_right == 1.0
    assert attack([target], log).curve[0].uniquely_and_rightly_linked is None
    assert not any("age" in point.fields for point in attack([target], log).curve)


@pytest.mark.parametrize(("age", "fits"), [((50, 51), True), ((51, 52), False), ((45, 50), False), ((50, 130), True)])
def test_ages_are_completed_years_on_the_day_of_the_scan(age: tuple[float, float], fits: bool) -> None:
    """The birthday counts, not the quotient of days."""
    born = int(np.datetime64("1970-03-04", "s").astype(int))
    day = int(np.datetime64("2021-03-03", "s").astype(int))
    log = log_of([(0, 0, day + 100, day + 200)], people=1, born=born + 1)
    target = Target(label="sub-1", site="north", age=age, scans=(Scan(day=day),))
    assert bool(attack([target], log).links) is fits


def simulated(*, covered: float, seed: int = 3) -> tuple[list[Target], Log, dict[str, str]]:
    """Simulate people who come and go, and participants of whom a share is in the log."""
    rng = np.random.default_rng(seed)
    people, participants = 4_000, 150
    visits = [
        (int(rng.integers(people)), int(rng.integers(2)), start := MONDAY + int(rng.integers(60 * DAY)), start + 4000)
        for _ in range(12_000)
    ]
    sexes = rng.choice(["f", "m"], people)
    targets, truth = [], {}
    for number in range(participants):
        moment = MONDAY + int(rng.integers(5, 55)) * DAY + int(rng.integers(9, 17)) * 3600
        person = int(rng.integers(people))
        targets.append(
            Target(
                label=f"sub-{number}",
                site="north",
                sex=str(sexes[person]),
                scans=(Scan(day=moment // DAY * DAY, moment=moment),),
            )
        )
        truth[f"sub-{number}"] = f"p{person}"
        if rng.random() < covered:
            visits.append((person, 0, moment - 900, moment + 2700))
    return targets, log_of(visits, people=people, sexes="".join(sexes)), truth


@pytest.mark.parametrize("covered", [0.5, 0.9])
def test_coverage_and_precision_are_estimated_without_the_truth(covered: float) -> None:
    """From control weeks and from those without a candidate; within the noise of 150 participants."""
    targets, log, truth = simulated(covered=covered)
    blind, known = attack(targets, log), attack(targets, log, truth)
    assert blind.coverage == pytest.approx(covered, abs=0.12)
    unique = [link for link in blind.links if link.probability == 1]
    right = sum(truth[link.participant] == link.person for link in unique) / len(unique)
    assert blind.expected_precision == pytest.approx(right, abs=0.12)
    assert blind.curve[-1].expected_right == pytest.approx(known.curve[-1].expected_right, rel=0.2)


def test_nothing_known_links_nobody() -> None:
    """No site, no date, no register: no claim."""
    log = log_of([(0, 0, MONDAY, MONDAY + 60)], people=1)
    found = attack([Target(label="sub-1")], log)
    assert found.curve == ()
    assert attack([], log).links == ()
