"""Verdicts have three outcomes, and joining them loses nothing."""

from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.verdict import Finding, Gravity, Verdict, note, refuse, review

FINDINGS = st.builds(
    Finding,
    code=st.sampled_from(["a.b", "c.d", "e.f"]),
    gravity=st.sampled_from(Gravity),
    why=st.sampled_from(["x", "y"]),
    fix=st.just("f"),
    source=st.just("s"),
)
VERDICTS = st.builds(lambda findings: Verdict(tuple(findings)), st.lists(FINDINGS, max_size=5))


@given(one=VERDICTS, other=VERDICTS)
def test_the_heavier_verdict_decides_and_no_finding_is_lost(one: Verdict, other: Verdict) -> None:
    """A sum is as grave as its gravest part and holds every finding once."""
    both = one + other
    assert both.gravity is max(one.gravity, other.gravity)
    assert set(both.findings) == set(one.findings) | set(other.findings)
    assert len(set(both.findings)) == len(both.findings)


def test_each_outcome_has_its_word() -> None:
    """Note, review and refuse are what reports say."""
    made = [
        note("a", why="w", source="s"),
        review("b", why="w", fix="f", source="s"),
        refuse("c", why="w", fix="f", source="s"),
    ]
    assert [verdict.gravity.word for verdict in made] == ["note", "review", "refuse"]
    assert [verdict.refuses for verdict in made] == [False, False, True]
    assert Verdict.all_of(made).refuses


def test_an_empty_verdict_is_a_note() -> None:
    """Nothing found stops nothing."""
    assert Verdict().gravity is Gravity.NOTE
