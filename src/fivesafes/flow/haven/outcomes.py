"""What a series' steps left, as rows for the books: digests of what went in and came out, evidence, seconds."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from fivesafes.core.verdict import Gravity
from fivesafes.flow.haven.model import KeptStep
from fivesafes.flow.record import SeriesOutcome, plain


def steps_of(outcome: SeriesOutcome, engines: Mapping[str, str], *, at: datetime) -> tuple[KeptStep, ...]:
    """Write each step that was done: the output of one is the input of the next."""
    left: dict[str, object] = {
        "deidentify": outcome.header,
        "convert": [(image.name, sorted(image.files), image.sidecar_removed) for image in outcome.images],
        "deface": [(image.name, image.face) for image in outcome.images],
    }
    rows = []
    before = outcome.inputs
    for name, evidence in left.items():
        if name not in outcome.seconds:
            break  # the steps go in order: what follows was not reached
        told = plain(evidence)
        digest = _digest(outcome.digests if name == "deface" else told)
        row = KeptStep(
            series=outcome.id,
            name=name,
            status=outcome.status.value,
            input_digest=before,
            output_digest=digest,
            engines=engines,
            seconds=outcome.seconds[name],
            done_at=at,
            evidence={name: {"digest": _digest(told), "what": told}},
        )
        rows.append(row)
        before = digest
    return tuple(rows)


def output_digest(outcome: SeriesOutcome) -> str:
    """Digest all files that were kept of a series, with what they were made from.

    ``inputs`` takes part in the project's key: so the trails of two projects have no such digest in common, also where
    a picture, which names nobody, came out the same in both.
    """
    return _digest([outcome.inputs, outcome.digests])


def told_why(outcome: SeriesOutcome) -> str:
    """Say for the trail why, by the gravest finding's code: what was measured, such as voxels, stands in the books."""
    worst = max(outcome.verdict, key=lambda finding: finding.gravity, default=None)
    return outcome.why if worst is None or worst.gravity is Gravity.NOTE else worst.code


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
