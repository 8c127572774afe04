"""The data-protection statement that leaves with a release, in plain words: what a reader may rely on."""

from collections.abc import Sequence
from textwrap import fill

from attrs import frozen

from fivesafes.output.recode import Recoding


@frozen(kw_only=True)
class Statement:
    """What the statement tells; all of it may be public."""

    title: str
    investigator: str
    institution: str
    contact: str
    approval: str
    purpose: str
    data_use: str
    tier: str
    licence: str
    reasons: Sequence[str]
    recoding: Recoding
    eligible: int
    participants: int
    images: int
    defaced: int
    software: str
    policy_digest: str


def statement_text(said: Statement) -> str:
    """Write the README of a release: one page, no jargon without its meaning."""
    paragraphs = [
        f"{said.title}\n{'=' * len(said.title)}",
        fill(
            f"Brain images of {_people(said.participants)}, shared for: {said.purpose} "
            f"Data use: {said.data_use}. Approved by {said.approval}. "
            f"Answerable: {said.investigator}, {said.institution}. Questions: {said.contact}."
            + (f" Licence: {said.licence}." if said.licence else "")
        ),
        "How the people in these images are protected\n--------------------------------------------",
        "\n".join(fill(f"* {reason}", subsequent_indent="  ") for reason in said.reasons),
        fill(_faces(said) + " " + _linkage(said)),
        "What you must not do\n--------------------",
        fill(
            "Do not try to find out who a participant is, do not link these data with others in a way that could, "
            "and do not pass them on to a place that is less protected than this: " + said.tier + ". If you "
            "recognise somebody or find something that should not be here, stop and write to the contact above."
        ),
        fill(
            f"Made by {said.software}; policies {said.policy_digest[:16]}. The evidence is in derivatives/fivesafes: "
            "report.html, the signed record.json with the day of release, and a manifest for `sha256sum --check`."
        ),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _people(count: int) -> str:
    return "one participant" if count == 1 else f"{count} participants"


def _faces(said: Statement) -> str:
    if said.defaced:
        return f"Of {said.images} images {said.defaced} could show a face; it was removed and the removal verified."
    return f"None of the {said.images} images could show a face." if said.images else ""


def _linkage(said: Statement) -> str:
    told = said.recoding.columns
    what = " and ".join(column.replace("_", " ") for column in told) if told else "neither age nor sex"
    return (
        f"Of each person the data set tells {what}. Estimated chance to single a person out of the "
        f"{said.eligible:,} who could have taken part: {said.recoding.max_risk:.2%} "
        "(assuming ages and sexes spread evenly)."
    )
