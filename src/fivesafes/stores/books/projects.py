"""Projects in the books, with the history of their approvals and of the people in them."""

from collections.abc import Sequence
from datetime import date, datetime

from fivesafes.flow.haven.model import KeptProject, ProjectState
from fivesafes.people.model import Recipient, Reviewer
from fivesafes.project.model import Approval as ApprovalValue
from fivesafes.stores.books.deed import Deeds, check_changed, check_deed
from fivesafes.stores.books.wire import Form, digest, from_json, to_json
from fivesafes.stores.models import Approval, Membership, Project


class Projects(Deeds):
    """Registers projects and replaces what their forms say."""

    def save_project(self, kept: KeptProject, *, at: datetime) -> None:
        """Add a project or replace what its form says; approvals and memberships keep their history.

        Of a project that is there, state, retention date and recipient stay: a form read again reopens nothing.
        """
        check_deed()
        form = to_json(
            Form(
                project=kept.project,
                recipients=kept.recipients,
                attestations=kept.attestations,
                reviews=kept.reviews,
                reviewers=kept.reviewers,
                rules=kept.rules,
            )
        )
        said = {"title": kept.project.title, "form": form, "form_digest": digest(form), "changed_at": at}
        if not Project.objects.filter(id=kept.id).update(**said):
            Project.objects.create(
                id=kept.id,
                state=kept.state.value,
                recipient=kept.recipient,
                retain_until=kept.retain_until,
                created_at=at,
                **said,
            )
        _keep_approval(kept.id, kept.project.approval, at)
        _keep_members(kept, at)

    def project(self, id_: str) -> KeptProject | None:
        """Give a project, or None."""
        row = Project.objects.filter(id=id_).first()
        return None if row is None else _project(row)

    def projects(self) -> Sequence[KeptProject]:
        """Give all projects, by id."""
        return [_project(row) for row in Project.objects.order_by("id")]

    def set_project_state(self, id_: str, state: ProjectState, *, at: datetime) -> None:
        """Close, reopen or mark as disposed; a disposed one stays so (LookupError)."""
        check_deed()
        rows = Project.objects.filter(id=id_)
        if state is not ProjectState.DISPOSED:
            rows = rows.exclude(state=ProjectState.DISPOSED.value)
        check_changed(rows.update(state=state.value, changed_at=at))

    def set_retention(self, id_: str, until: date | None, *, at: datetime) -> None:
        """Say until when the project's originals are kept."""
        check_deed()
        check_changed(Project.objects.filter(id=id_).update(retain_until=until, changed_at=at))


def _project(row: Project) -> KeptProject:
    form = from_json(row.form, Form)
    return KeptProject(
        project=form.project,
        recipients=form.recipients,
        attestations=form.attestations,
        reviews=form.reviews,
        reviewers=form.reviewers,
        rules=form.rules,
        state=ProjectState(row.state),
        recipient=row.recipient,
        retain_until=row.retain_until,
    )


def _keep_approval(project: str, approval: ApprovalValue, at: datetime) -> None:
    said = {
        "committee": approval.committee,
        "number": approval.number,
        "valid_from": approval.valid_from,
        "valid_until": approval.valid_until,
    }
    in_force = Approval.objects.filter(project_id=project, replaced_at=None)
    if not in_force.filter(**said).exists():
        in_force.update(replaced_at=at)
        Approval.objects.create(project_id=project, recorded_at=at, **said)


def _keep_members(kept: KeptProject, at: datetime) -> None:
    """End the memberships that the form no longer says, add those that are new."""
    wanted = [_member(kept.id, one, at) for one in kept.recipients]
    wanted += [_reviewer(kept.id, one, at) for one in kept.reviewers]
    investigator = {"name": kept.project.investigator, "institution": kept.project.institution}
    wanted.append(
        Membership(
            project_id=kept.id,
            name=kept.project.investigator,
            account="",
            role="investigator",
            details=investigator,
            recorded_at=at,
        )
    )
    there = {_key(row): row for row in Membership.objects.filter(project_id=kept.id, ended_at=None)}
    named = {_key(row): row for row in wanted}
    gone = [row.pk for key, row in there.items() if key not in named]
    Membership.objects.filter(pk__in=gone).update(ended_at=at)
    Membership.objects.bulk_create([row for key, row in named.items() if key not in there])


def _member(project: str, one: Recipient, at: datetime) -> Membership:
    return Membership(
        project_id=project,
        name=one.name,
        account=one.account,
        role="recipient",
        valid_from=one.agreement_signed,
        details=to_json(one),
        recorded_at=at,
    )


def _reviewer(project: str, one: Reviewer, at: datetime) -> Membership:
    return Membership(
        project_id=project,
        name=one.name,
        account=one.account,
        role="reviewer",
        valid_from=one.valid_from,
        valid_until=one.valid_until,
        details=to_json(one),
        recorded_at=at,
    )


def _key(row: Membership) -> tuple[str, str]:
    return row.role, digest([row.name, row.account, row.details])
