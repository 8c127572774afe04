"""The receipt of a withdrawal, for the participant and the committee: what was destroyed or ended.

It names nobody: the keyed id, the pseudonym, digests and counts.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from fivesafes.flow.haven.model import KeptAside, KeptParticipant, KeptProject, KeptRelease, KeptSeries, KeptWithdrawal
from fivesafes.flow.haven.recall import Document
from fivesafes.flow.haven.shredding import VERIFIED

_MEANS: Final = {
    "full": "Originals destroyed, work made of them removed, releases recalled.  Nothing more will be done.",
    "no-future-use": "Nothing new will be done.  What was released stays; work not released was removed.",
    "no-face": "The face will be neither kept nor shared.  What may have shown it was removed.",
    "no-public": "The data will not be shared publicly.  Public releases were recalled.",
}


@frozen(kw_only=True)
class Ended:
    """What a withdrawal ended: series whose originals are gone, releases recalled with their notices, files unknown.

    ``set_aside``: files that had been set aside and were known to be the participant's, gone too.
    ``unattributed``: how many files set aside in the project don't say whose they are.
    """

    series: Sequence[KeptSeries]
    releases: Sequence[KeptRelease]
    notices: Sequence[Document]
    set_aside: Sequence[KeptAside]
    unattributed: int


def make_receipt(
    kept: KeptProject, person: KeptParticipant, withdrawal: KeptWithdrawal, ended: Ended, *, by: str, at: datetime
) -> dict[str, object]:
    """Put the receipt together as plain data."""
    return {
        "schema": 1,
        "kind": withdrawal.kind.value,
        "means": _MEANS[withdrawal.kind.value],
        "project": kept.id,
        "title": kept.project.title,
        "participant": person.id,
        "subject": f"sub-{person.subject}" if person.subject else None,
        "asked_at": withdrawal.requested_at.isoformat(),
        "entered_by": withdrawal.by,
        "done_at": at.isoformat(),
        "done_by": by,
        "destroyed": {
            "key": bool(ended.series) or withdrawal.kind.value == "full",
            "name": withdrawal.kind.value == "full",
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
        "verified": VERIFIED,
    }


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
