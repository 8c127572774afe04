"""The signed record of a release: who let what out, on which day, on which evidence; and whether one still holds."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fivesafes.data.bids import dataset
from fivesafes.flow.assess import Assessed
from fivesafes.flow.ports import Signer
from fivesafes.flow.run import Runner, RunState
from fivesafes.output.manifest import digest_of, judge_manifest, manifest_of

EVIDENCE: Final = dataset.DERIVATIVES
MANIFEST: Final = str(EVIDENCE / "manifest-sha256.txt")
RECORD: Final = str(EVIDENCE / "record.json")
REPORTS: Final = (str(EVIDENCE / "report.html"), str(EVIDENCE / "report.json"))


def stands_already(release: Path, digest: str, signer: Signer) -> bool:
    """Tell whether this very candidate was released before and nobody has touched it since.

    The images are compared with the candidate just made, not with what the release says of itself.
    """
    try:
        record = json.loads((release / RECORD).read_text(encoding="utf-8"))
        manifest = (release / MANIFEST).read_text(encoding="utf-8")
        signed = signer.sign(signed_bytes(record)) == record["signature"]
        whole = signed and record["candidate"] == digest and record["manifest_sha256"] == digest_of(release / MANIFEST)
        data = manifest_of(release, leaving_out=[RECORD, MANIFEST, *REPORTS])
        same = hashlib.sha256(data.encode()).hexdigest() == digest
        return whole and same and not judge_manifest(release, manifest, leaving_out=[RECORD, MANIFEST]).findings
    except (OSError, ValueError, KeyError, TypeError):
        return False


def signed_record(runner: Runner, state: RunState, assessed: Assessed, digest: str, manifest: Path) -> dict[str, Any]:
    """Sign off: who let what out, on which day, on which evidence."""
    project = state.request.project
    record: dict[str, Any] = {
        "schema": 1,
        "project": project.id,
        "answerable": f"{project.investigator}, {project.institution}",
        "approval": f"{project.approval.committee}, {project.approval.number}",
        "released_on": state.today.isoformat(),
        "shared_with": project.shared_with.label,
        "tier_measured": assessed.decision.tier.label if assessed.decision.tier is not None else None,
        "reviewed_by": sorted(r.by for r in state.request.reviews if r.candidate == digest),
        "reviewers_known": sorted({r.known for r in state.request.reviews if r.candidate == digest}),
        "verdicts": {safe: verdict.gravity.word for safe, verdict in state.verdicts.items()},
        "candidate": digest,
        "manifest_sha256": digest_of(manifest),
        "policy_digest": state.plan.controls.policy_digest,
        "software": runner.engines.versions(),
        "public_key": runner.engines.signer.public_key(),
        "signature_of": "this object without its signature, as JSON with sorted keys and no spaces, UTF-8; Ed25519",
    }
    return {**record, "signature": runner.engines.signer.sign(signed_bytes(record))}


def signed_bytes(record: Mapping[str, Any]) -> bytes:
    """Give the bytes that a record's signature is over."""
    unsigned = {key: value for key, value in record.items() if key != "signature"}
    return json.dumps(unsigned, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
