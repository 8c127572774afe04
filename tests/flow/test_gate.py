"""The gate: consent by participant, sessions by study, and no two series with one name."""

from datetime import date
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.ids import Identifying, SeriesId, SubjectLabel
from fivesafes.data.model import SeriesFacts
from fivesafes.data.originals import InPlace
from fivesafes.flow.gate import Gated, gate
from fivesafes.flow.receive import ReceivedSeries
from fivesafes.flow.record import SeriesStatus
from fivesafes.project.model import Consent, DataUse, IntendedUse, Permission, Tier

TODAY = date(2026, 6, 1)
USE = IntendedUse(purpose="p", permission=Permission(use=DataUse.HMB))
AGREED = Consent(permissions=frozenset({Permission(use=DataUse.HMB)}), face=False, valid_from=date(2026, 1, 1))


def series(
    number: int, *, participant: str = "1", study: str = "s1", taken: str = "20260101", description: str = "anat-T1w"
) -> ReceivedSeries:
    """Make a received series."""
    return ReceivedSeries(
        id=SeriesId(f"{participant}{study}{number:04d}"),
        participant=Identifying(participant),
        subject=SubjectLabel(f"p{participant}"),
        study=study,
        facts=SeriesFacts(
            modality="MR", series_number=number, descriptions=Identifying({"SeriesDescription": description})
        ),
        originals=InPlace((Identifying(Path("x")),)),
        taken=Identifying(taken),
        texts=Identifying(frozenset()),
        bytes=1,
        digest="d",
    )


def through(*received: ReceivedSeries, consents: dict[str, Consent] | None = None) -> Gated:
    """Send series through the gate."""
    table = {"1": AGREED} if consents is None else consents
    by_name = {Identifying(name): consent for name, consent in table.items()}
    return gate(received, consents=by_name, use=USE, place=Tier.T1, rules=(), on=TODAY)


def test_who_is_not_on_the_table_is_refused_and_the_rest_goes_on() -> None:
    """One participant's series pass, the other's are refused with the reason; what was left out weighs nothing."""
    gated = through(series(1), series(1, participant="2"))
    assert [one.scan.subject for one in gated.admitted.values()] == ["p1"]
    assert [(one.subject, one.status) for one in gated.stopped] == [("p2", SeriesStatus.REFUSED)]
    assert (gated.participants_received, gated.participants_refused) == (2, 1)
    assert not gated.verdict.refuses


def test_when_nobody_may_go_on_the_gate_refuses() -> None:
    """A release of nobody is none."""
    assert through(series(1), consents={}).verdict.refuses


def test_several_studies_become_sessions_in_the_order_of_time() -> None:
    """The earlier study is 01 whatever its identity; one study alone needs no session."""
    gated = through(series(1, study="b", taken="20260105"), series(1, study="a", taken="20260301"))
    assert {one.scan.session: one.scan.id for one in gated.admitted.values()} == {"01": "1b0001", "02": "1a0001"}
    (alone,) = through(series(1)).admitted.values()
    assert alone.scan.session is None


def test_sessions_that_names_say_are_kept_unless_two_studies_say_the_same() -> None:
    """No two studies ever share a session."""
    said = through(
        series(1, study="a", description="anat-T1w_ses-pre"), series(1, study="b", description="anat-T1w_ses-post")
    )
    assert {one.scan.session for one in said.admitted.values()} == {"pre", "post"}
    same = through(
        series(1, study="a", description="anat-T1w_ses-pre"),
        series(1, study="b", taken="20260202", description="anat-T1w_ses-pre"),
    )
    assert {one.scan.session for one in same.admitted.values()} == {"01", "02"}


def test_what_no_rule_names_is_held_and_scouts_are_ignored() -> None:
    """Held is told; ignored is meant."""
    gated = through(series(1, description="t2_haste_xyz"), series(2, description="anat-scout"), series(3))
    assert {one.status for one in gated.stopped} == {SeriesStatus.HELD, SeriesStatus.IGNORED}
    assert "data.bids.series_held" in {finding.code for finding in gated.verdict.findings}


@given(
    made=st.lists(
        st.tuples(
            st.integers(1, 4),
            st.sampled_from(["1", "2"]),
            st.sampled_from(["s1", "s2"]),
            st.sampled_from(["anat-T1w", "func-bold_task-rest", "func-bold_task-rest_run-01", "anat-T1w_ses-x"]),
        ),
        unique_by=lambda one: (one[0], one[1], one[2]),
        max_size=12,
    )
)
def test_no_two_series_ever_get_one_name(made: list[tuple[int, str, str, str]]) -> None:
    """Whatever the mixture of people, studies, names and runs."""
    received = [series(n, participant=p, study=f"{p}{s}", description=d) for n, p, s, d in made]
    admitted = through(*received, consents={"1": AGREED, "2": AGREED}).admitted.values()
    names = [one.scan.name.stem(one.scan.subject, one.scan.session) for one in admitted]
    assert len(set(names)) == len(names) == len(made)
