"""What the trail is told of a series' result: nothing that the same scans would leave in another project, too."""

from attrs import evolve

from fivesafes.core.ids import SeriesId, SubjectLabel
from fivesafes.core.verdict import note, review
from fivesafes.flow.haven.outcomes import output_digest, told_why
from fivesafes.flow.record import SeriesOutcome, SeriesStatus

OUTCOME = SeriesOutcome(
    id=SeriesId("s"),
    subject=SubjectLabel("aaaaaaaa"),
    session=None,
    name=None,
    status=SeriesStatus.NEEDS_REVIEW,
    why="too much skin is left: face 12%",
    inputs="made with one project's key",
    digests={"pictures/1-after.png": "d" * 64},
)


def test_the_same_files_made_in_two_projects_have_two_digests() -> None:
    """A picture names nobody, so its digest alone would be the same in both."""
    assert output_digest(OUTCOME) == output_digest(evolve(OUTCOME))
    assert output_digest(OUTCOME) != output_digest(evolve(OUTCOME, inputs="made with another's"))


def test_what_was_measured_is_not_told_but_the_findings_code_is() -> None:
    """The books have the measure; a share or a number of voxels would join two projects' trails."""
    saying = review("data.face.residue", why=OUTCOME.why, fix="look", source="a test")
    assert told_why(OUTCOME.with_verdict(saying)) == "data.face.residue"
    ready = evolve(OUTCOME, why="passed every step").with_verdict(
        note("data.face.seen", why="7 voxels", source="a test")
    )
    assert told_why(ready) == "passed every step"
