"""The receipt of a withdrawal, for the participant and the committee: what was destroyed or ended.

It names nobody: the keyed id, the pseudonym, digests and counts.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from fivesafes.flow.haven.model import (
    KeptAside,
    KeptParticipant,
    KeptProject,
    KeptRelease,
    KeptSeries,
    KeptWithdrawal,
    ProjectState,
    WithdrawalKind,
)
from fivesafes.flow.haven.recall import Document
from fivesafes.flow.haven.shredding import DERIVED, VERIFIED

_FROM_NOW_ON: Final = {
    WithdrawalKind.FULL: "Nothing more will be done with the data",
    WithdrawalKind.NO_FUTURE_USE: "Nothing new will be done with the data; what was released stays",
    WithdrawalKind.NO_FACE: "The face will be neither kept nor shared",
    WithdrawalKind.NO_PUBLIC: "The data will not be shared publicly",
}
_CONCERNED: Final = {
    WithdrawalKind.FULL: "with the data",
    WithdrawalKind.NO_FACE: "that may show the face",
    WithdrawalKind.NO_PUBLIC: "for the public",
}
_DISPOSED: Final = "The key, the name and the originals were destroyed before, when the project was disposed of"
_NOT_SWEPT: Final = "nothing had to be removed from the haven, so no place was swept"
_STAYS: Final = {
    WithdrawalKind.NO_FACE: "Work made of the scans stays: the participant had never agreed to the face",
    WithdrawalKind.NO_PUBLIC: "Work made of the scans stays: the project does not share publicly",
}


@frozen(kw_only=True)
class Ended:
    """What a withdrawal ended: places swept, series whose originals are gone, releases recalled with their notices.

    ``set_aside``: files that had been set aside and were known to be the participant's, gone too.
    ``unattributed``: how many files set aside in the project don't say whose they are.
    """

    swept: Sequence[str]
    releases: Sequence[KeptRelease]
    notices: Sequence[Document]
    series: Sequence[KeptSeries] = ()
    set_aside: Sequence[KeptAside] = ()
    unattributed: int = 0


def make_receipt(
    kept: KeptProject, person: KeptParticipant, withdrawal: KeptWithdrawal, ended: Ended, *, by: str, at: datetime
) -> dict[str, object]:
    """Put the receipt together as plain data."""
    full, before = withdrawal.kind is WithdrawalKind.FULL, _gone_before(kept, person, withdrawal.kind, ended)
    return {
        "schema": 1,
        "kind": withdrawal.kind.value,
        "means": _means(withdrawal.kind, ended, before),
        "project": kept.id,
        "title": kept.project.title,
        "participant": person.id,
        "subject": f"sub-{person.subject}" if person.subject else None,
        "asked_at": withdrawal.requested_at.isoformat(),
        "entered_by": withdrawal.by,
        "done_at": at.isoformat(),
        "done_by": by,
        "destroyed": {
            "key": full and not before,
            "name": full and not before,
            "series": len(ended.series),
            "files": sum(one.files for one in ended.series),
            "bytes": sum(one.bytes for one in ended.series),
            "series_digests": sorted(one.digest for one in ended.series),
            "files_set_aside": len(ended.set_aside),
        },
        "recalled": [
            {
                "release": one.id,
                "manifest_sha256": one.digest,
                "destination": one.destination,
                "recipients": list(one.recipients),
            }
            for one in ended.releases
        ],
        "notices": [{"name": one.name, "sha256": one.digest} for one in ended.notices],
        "files_set_aside_of_unknown_people": ended.unattributed,
        "verified": f"{', '.join(ended.swept)}: {VERIFIED}" if ended.swept else _NOT_SWEPT,
    }


def _gone_before(kept: KeptProject, person: KeptParticipant, kind: WithdrawalKind, ended: Ended) -> str:
    """Say why a full withdrawal found nothing left to destroy; empty when it destroyed something."""
    if kind is not WithdrawalKind.FULL or ended.series or ended.set_aside:
        return ""
    if not person.recipient:
        return "Nothing of the participant was ever held"
    return _DISPOSED if kept.state is ProjectState.DISPOSED else ""


def _means(kind: WithdrawalKind, ended: Ended, before: str) -> str:
    """Say what the withdrawal came to, and nothing that was not done."""
    said = [_FROM_NOW_ON[kind]]
    if before:
        said.append(before)
    elif kind is WithdrawalKind.FULL:
        said.append(f"The originals of {len(ended.series)} series were destroyed")
    if DERIVED in ended.swept:
        said.append("No work made of the scans that was not released is left in the haven")
    else:
        said.append(_STAYS[kind])
    if kind in _CONCERNED:
        said.append(_recalled(len(ended.releases), _CONCERNED[kind]))
    return ".  ".join(said) + "."


def _recalled(releases: int, what: str) -> str:
    if not releases:
        return f"No release {what} was there to be recalled"
    return f"1 release {what} was recalled" if releases == 1 else f"{releases} releases {what} were recalled"


def digest_of(digests: Iterable[str]) -> str:
    """Digest many digests into one: SHA-256 over them, sorted, one to a line."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def receipt_text(receipt: Mapping[str, Any]) -> str:
    """Write a receipt for people."""
    gone = receipt["destroyed"]
    lines = [
        "RECEIPT OF A WITHDRAWAL",
        "",
        f"Project:      {receipt['title']} ({receipt['project']})",
        f"Participant:  {receipt['subject'] or 'no pseudonym was given yet'}",
        f"              keyed id {receipt['participant']}",
        f"Kind:         {receipt['kind']}",
        f"Asked for:    {receipt['asked_at']}, entered by {receipt['entered_by'] or 'nobody who was noted'}",
        f"Done:         {receipt['done_at']} by {receipt['done_by']}",
        "",
        receipt["means"],
        "",
    ]
    if gone["key"]:
        lines += [
            "Destroyed: the key that opened the originals, in every place that held it; the name;",
            f"  the originals of {gone['series']} series ({gone['files']} files, {gone['bytes']} bytes), by digest:",
            *(f"  {digest}" for digest in gone["series_digests"]),
        ]
    if gone["files_set_aside"]:
        lines.append(f"  and {gone['files_set_aside']} files that had been set aside.")
    lines += [f"Recalled: {one['release']}, sent to {one['destination']}" for one in receipt["recalled"]]
    lines += [f"  told by {one['name']} (SHA-256 {one['sha256']})" for one in receipt["notices"]]
    if receipt["files_set_aside_of_unknown_people"]:
        lines.append(
            f"Not attributed: {receipt['files_set_aside_of_unknown_people']} files of the project were set aside and "
            "don't say whose they are: a custodian must look (fivesafes vault asides)."
        )
    lines += ["", f"Verified: {receipt['verified']}.", ""]
    return "\n".join(lines)
