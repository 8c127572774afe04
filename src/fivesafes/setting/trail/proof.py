"""Proofs as JSON: that one entry is in the trail, or that the trail grew and was not made anew.

A proof carries the signed checkpoint that it leads to, so it says something only with the trail's public key; a
consistency proof also wants the earlier checkpoint, from the witness who kept it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fivesafes.core.errors import InvalidInput, Refused
from fivesafes.core.verdict import Verdict, note, refuse
from fivesafes.setting.trail.base64_strict import decoded, encoded
from fivesafes.setting.trail.checkpoint import Checkpoint, SignedCheckpoint, read_checkpoint
from fivesafes.setting.trail.merkle import (
    consistency_holds,
    consistency_proof,
    inclusion_holds,
    inclusion_proof,
    leaf_hash,
    root_of,
)
from fivesafes.setting.trail.note import VerifierKey

_SOURCE: Final = "RFC 9162 §2.1"
_FIX: Final = "ask for the proof again, and verify the whole trail: fivesafes trail verify"


def prove_entry(lines: Sequence[bytes], n: int, *, upto: SignedCheckpoint) -> dict[str, Any]:
    """Prove that entry ``n`` is in the trail that the checkpoint tells of; ``lines`` are at least its entries.

    Raises InvalidInput when the checkpoint does not reach so far, Refused when it tells of other lines than these.
    """
    size = upto.checkpoint.size
    if not 0 <= n < size:
        message = f"there is no entry {n} below the checkpoint, which covers entries 0 to {size - 1}"
        raise InvalidInput(message, fix="name one that it covers, or make another: fivesafes trail checkpoint")
    leaves = _leaves(lines, upto.checkpoint)
    return {
        "kind": "inclusion",
        "n": n,
        "line": lines[n].decode(),
        "proof": _encoded(inclusion_proof(leaves, n)),
        "checkpoint": upto.note,
    }


def prove_growth(lines: Sequence[bytes], since: int, *, upto: SignedCheckpoint) -> dict[str, Any]:
    """Prove that the checkpoint's trail grew from its first ``since`` entries.  Raises as above."""
    size = upto.checkpoint.size
    if not 0 < since <= size:
        message = f"the trail's newest checkpoint covers {size} entries; it can't have grown from {since}"
        raise InvalidInput(message, fix="name a size from 1 up to that, such as that of a witness's checkpoint")
    leaves = _leaves(lines, upto.checkpoint)
    return {
        "kind": "consistency",
        "since": since,
        "proof": _encoded(consistency_proof(leaves, since)),
        "checkpoint": upto.note,
    }


def _leaves(lines: Sequence[bytes], upto: Checkpoint) -> list[bytes]:
    leaves = [leaf_hash(line) for line in lines[: upto.size]]
    if len(leaves) != upto.size or root_of(leaves) != upto.root:
        raise other_lines(upto)
    return leaves


def other_lines(upto: Checkpoint) -> Refused:
    """Say that a trail's lines are not those that its checkpoint was signed over."""
    message = f"the trail's lines are not the {upto.size} that its checkpoint was signed over"
    return Refused(
        message, fix="fivesafes trail verify says which; restore the haven from a backup, ask who had access"
    )


def judge_proof(proof: Mapping[str, Any], key: VerifierKey, *, earlier: Sequence[str] = ()) -> Verdict:
    """Judge a proof with the trail's public key; ``earlier`` are checkpoint notes that a witness kept.

    Raises InvalidInput when it is no proof, or lacks the earlier checkpoint that it speaks of.
    """
    upto = read_checkpoint(_field(proof, "checkpoint", str), key).checkpoint
    path = _decoded(_field(proof, "proof", list))
    kind = _field(proof, "kind", str)
    if kind == "inclusion":
        return _judge_inclusion(proof, path, upto)
    if kind == "consistency":
        return _judge_growth(_field(proof, "since", int), path, upto, [read_checkpoint(one, key) for one in earlier])
    raise _no_proof()


def _judge_inclusion(proof: Mapping[str, Any], path: list[bytes], upto: Checkpoint) -> Verdict:
    n, line = _field(proof, "n", int), _field(proof, "line", str)
    leaf = leaf_hash(line.encode("utf-8", "surrogatepass"))
    if inclusion_holds(leaf, index=n, size=upto.size, proof=path, root=upto.root):
        why = f"this line is entry {n} of the {upto.size} that the signed checkpoint covers"
        return note("setting.trail.proof.holds", why=why, source=_SOURCE)
    return refuse(
        "setting.trail.proof.fails",
        why=f"this line is not entry {n} of the trail that the signed checkpoint covers",
        fix=_FIX,
        source=_SOURCE,
    )


def _judge_growth(since: int, path: list[bytes], upto: Checkpoint, earlier: Sequence[SignedCheckpoint]) -> Verdict:
    kept = [one.checkpoint for one in earlier if one.checkpoint.size == since]
    if not kept:
        message = f"a proof of growth needs the checkpoint over {since} entries that a witness kept"
        raise InvalidInput(message, fix="give it with --checkpoint FILE")
    holds = all(
        consistency_holds(earlier=since, earlier_root=one.root, size=upto.size, root=upto.root, proof=path)
        for one in kept
    )
    if holds:
        why = f"the trail of {upto.size} entries begins with the {since} that the witness knows, unaltered"
        return note("setting.trail.proof.holds", why=why, source=_SOURCE)
    return refuse(
        "setting.trail.proof.fails",
        why=f"the trail of {upto.size} entries does not begin with the {since} that the witness knows",
        fix=_FIX,
        source=_SOURCE,
    )


def _encoded(path: Sequence[bytes]) -> list[str]:
    return [encoded(one) for one in path]


def _decoded(path: Sequence[Any]) -> list[bytes]:
    try:
        return [decoded(one) for one in path]
    except (ValueError, TypeError):
        raise _no_proof() from None


def _field(proof: Mapping[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401 - of the kind that was asked for
    value = proof.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _no_proof()
    return value


def _no_proof() -> InvalidInput:
    message = "this is no proof of a trail"
    return InvalidInput(message, fix="give the JSON that fivesafes trail prove printed")
