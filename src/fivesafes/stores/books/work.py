"""Steps with their evidence, findings and releases in the books."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from fivesafes.core.errors import Refused
from fivesafes.core.verdict import Finding as FindingValue
from fivesafes.core.verdict import Gravity, Verdict
from fivesafes.flow.haven.model import KeptRelease, KeptStep, ParticipantState, ReleaseState
from fivesafes.stores.books.deed import Deeds, check_changed, check_deed
from fivesafes.stores.books.measured import forget_measured
from fivesafes.stores.books.rows import groups
from fivesafes.stores.books.wire import to_json
from fivesafes.stores.models import Evidence, Finding, Release, ReleaseMember, Series, Step

_DONE: Final = ("status", "input_digest", "output_digest", "engines", "seconds", "done_at")
_RELEASE: Final = (
    "id", "project_id", "digest", "destination", "recipients", "state", "released_at", "compare", "part", "faces",
    "public",
)  # fmt: skip


class Work(Deeds):
    """Keeps what was done, what was found, and what went out."""

    def save_steps(self, steps: Iterable[KeptStep]) -> None:
        """Write steps as last done, with their evidence.

        Raises Refused when one is of a participant who takes part no more: what was done since is not kept.
        """
        check_deed()
        for group in groups({(one.series, one.name): one for one in steps}.values()):
            _check_take_part({one.series for one in group})
            rows = Step.objects.bulk_create(
                [_step_row(one) for one in group],
                update_conflicts=True,
                unique_fields=["series", "name"],
                update_fields=list(_DONE),
            )
            Evidence.objects.filter(step_id__in=[row.pk for row in rows]).delete()
            Evidence.objects.bulk_create(
                [
                    _evidence_row(row.pk, kind, measured)
                    for row, one in zip(rows, group, strict=True)
                    for kind, measured in one.evidence.items()
                ]
            )

    def steps(self, series: str) -> Sequence[KeptStep]:
        """Give a series' steps, in the order in which they were first done."""
        rows = (
            Step.objects.filter(series_id=series)
            .order_by("id", "evidence__id")
            .values("name", *_DONE, "evidence__kind", "evidence__digest", "evidence__details")
        )
        steps: dict[str, KeptStep] = {}
        evidence: dict[str, dict[str, Mapping[str, object]]] = {}
        for row in rows:
            found = evidence.setdefault(row["name"], {})
            if row["evidence__kind"] is not None:
                digest = {"digest": row["evidence__digest"]} if row["evidence__digest"] else {}
                found[row["evidence__kind"]] = {**digest, **row["evidence__details"]}
            steps[row["name"]] = KeptStep(
                series=series, name=row["name"], evidence=found, **{name: row[name] for name in _DONE}
            )
        return list(steps.values())

    def save_findings(self, project: str, verdicts: Mapping[str, Verdict], *, series: str | None, at: datetime) -> None:
        """Replace the findings about a project (``series=None``) or one of its series, for the safes given."""
        check_deed()
        Finding.objects.filter(project_id=project, series_id=series, safe__in=list(verdicts)).delete()
        Finding.objects.bulk_create(
            [
                Finding(
                    project_id=project,
                    series_id=series,
                    safe=safe,
                    code=one.code,
                    gravity=one.gravity.word,
                    why=one.why,
                    fix=one.fix,
                    source=one.source,
                    about=one.about,
                    found_at=at,
                )
                for safe, verdict in verdicts.items()
                for one in verdict.findings
            ]
        )

    def findings(self, project: str, *, series: str | None = None) -> Mapping[str, Verdict]:
        """Give the findings about a project or one of its series, by safe; a safe without one is not named."""
        by_safe: dict[str, Verdict] = {}
        for row in Finding.objects.filter(project_id=project, series_id=series).order_by("id"):
            by_safe[row.safe] = by_safe.get(row.safe, Verdict()) + Verdict((_finding(row),))
        return by_safe

    def forget_measured(self, project: str, series: Iterable[str]) -> int:
        """Remove steps, evidence and findings of these series, and what was found of the project with them in it.

        Gives how many rows those were.
        """
        check_deed()
        return forget_measured(series) + Finding.objects.filter(project_id=project, series=None).delete()[0]

    def add_release(self, release: KeptRelease) -> None:
        """Record a release with whose data it holds."""
        check_deed()
        Release.objects.create(
            id=release.id,
            project_id=release.project,
            digest=release.digest,
            destination=release.destination,
            recipients=list(release.recipients),
            state=release.state.value,
            compare=list(release.compare),
            part=release.part,
            faces=release.faces,
            public=release.public,
            released_at=release.released_at,
        )
        ReleaseMember.objects.bulk_create(
            [ReleaseMember(release_id=release.id, participant_id=one) for one in release.participants]
        )

    def releases(self, project: str | None = None, *, participant: str | None = None) -> Sequence[KeptRelease]:
        """Give releases, oldest first; of one project, or those that hold one participant."""
        rows = Release.objects.all()
        if project is not None:
            rows = rows.filter(project_id=project)
        if participant is not None:
            rows = rows.filter(id__in=ReleaseMember.objects.filter(participant_id=participant).values("release_id"))
        return _releases(rows)

    def deliveries(self) -> Sequence[KeptRelease]:
        """Give the releases of which an unfinished part may lie outside, oldest first."""
        return _releases(Release.objects.exclude(part=""))

    def set_release_state(self, id_: str, state: ReleaseState) -> None:
        """Mark a release as out or recalled."""
        check_deed()
        check_changed(Release.objects.filter(id=id_).update(state=state.value))

    def set_release_part(self, id_: str, part: str) -> None:
        """Say in which folder an unfinished part may lie; empty: in none any more."""
        check_deed()
        check_changed(Release.objects.filter(id=id_).update(part=part))

    def drop_release(self, id_: str) -> None:
        """Remove a release that never left.  Raises LookupError for one that did."""
        check_deed()
        going = Release.objects.filter(id=id_, state=ReleaseState.GOING.value)
        check_changed(going.count())
        going.delete()


def _check_take_part(series: set[str]) -> None:
    active = Series.objects.filter(id__in=series, participant__state=ParticipantState.ACTIVE.value)
    if active.count() != len(series):
        message = "a participant takes part no more: what was done with their data is not kept"
        raise Refused(message, fix="nothing to do: the work is dropped")


def _step_row(one: KeptStep) -> Step:
    return Step(
        series_id=one.series,
        name=one.name,
        status=one.status,
        input_digest=one.input_digest,
        output_digest=one.output_digest,
        engines=to_json(one.engines),
        seconds=one.seconds,
        done_at=one.done_at,
    )


def _evidence_row(step: int, kind: str, measured: Mapping[str, object]) -> Evidence:
    details = dict(measured)
    digest = details.pop("digest", "")
    return Evidence(step_id=step, kind=kind, digest=str(digest), details=to_json(details))


def _finding(row: Finding) -> FindingValue:
    return FindingValue(
        code=row.code,
        gravity=Gravity[row.gravity.upper()],
        why=row.why,
        fix=row.fix,
        source=row.source,
        about=row.about,
    )


def _releases(rows: QuerySet[Release]) -> list[KeptRelease]:
    """Read releases with their members, oldest first."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows.order_by("released_at", "id", "members__id").values(*_RELEASE, "members__participant_id"):
        members = found.setdefault(row["id"], {**row, "participants": []})["participants"]
        if row["members__participant_id"] is not None:
            members.append(row["members__participant_id"])
    return [_release(row) for row in found.values()]


def _release(row: Mapping[str, Any]) -> KeptRelease:
    return KeptRelease(
        id=row["id"],
        project=row["project_id"],
        digest=row["digest"],
        destination=row["destination"],
        recipients=tuple(row["recipients"]),
        participants=tuple(row["participants"]),
        state=ReleaseState(row["state"]),
        released_at=row["released_at"],
        compare=tuple(row["compare"]),
        part=row["part"],
        faces=row["faces"],
        public=row["public"],
    )
