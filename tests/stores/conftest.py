"""What tests of stores share: open books of each kind of database, with a project and two people in them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from fivesafes.flow.haven.model import KeptParticipant, KeptProject
from fivesafes.people.model import Recipient
from fivesafes.project.model import (
    Approval,
    Cohort,
    Content,
    DataUse,
    IntendedUse,
    Permission,
    Project,
    Tier,
    UseCondition,
)

if TYPE_CHECKING:  # tests without a database do not pay for importing one
    from tests.databases import HavenDatabase

    from fivesafes.stores.books import DjangoBooks

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def make_project(id_: str = "p1") -> KeptProject:
    """Make a project with something in every field."""
    project = Project(
        id=id_,
        title="Ageing – étude",
        investigator="Ada Person",
        institution="Somewhere",
        contact="ada@example.org",
        approval=Approval(
            committee="HREC", number="2026/1", valid_from=date(2026, 1, 1), valid_until=date(2027, 12, 31)
        ),
        use=IntendedUse(
            purpose="Measure.",
            permission=Permission(use=DataUse.DS, disease="MONDO:0004975"),
            conditions_met=frozenset({UseCondition.NCU, UseCondition.IRB}),
        ),
        cohort=Cohort(participants=2, eligible=1000, content=Content.CLINICAL),
        shared_with=Tier.T2,
        notes={"b": "two", "a": "one"},
    )
    person = Recipient(
        name="Bo Other",
        institution="Elsewhere",
        account="bo@example.org",
        mfa=True,
        agreement_signed=date(2026, 2, 1),
        training_on=None,
    )
    return KeptProject(project=project, recipients=(person,), recipient="age1project")


def make_person(id_: str, project: str = "p1") -> KeptParticipant:
    """Make a participant with a sealed name."""
    return KeptParticipant(id=id_, project=project, recipient=f"age1{id_}", sealed_name=b"\x00sealed " + id_.encode())


@pytest.fixture
def books(haven_database: "HavenDatabase") -> "Iterator[DjangoBooks]":
    """Open fresh books of each kind with project ``p1`` and the participants ``ann`` and ``bob``."""
    from fivesafes.stores.books import DjangoBooks  # noqa: PLC0415
    from fivesafes.stores.database import current_database  # noqa: PLC0415

    with current_database(haven_database.config):
        books = DjangoBooks()
        with books.deed():
            books.save_project(make_project(), at=NOW)
            books.add_participants([make_person("ann"), make_person("bob")], at=NOW)
        yield books
