"""The Merkle tree over the trail's lines (RFC 9162 §2.1), its frontier, and its proofs.

A leaf is SHA-256(0x00 ‖ line), a node SHA-256(0x01 ‖ left ‖ right); all hashes are 32 bytes.
"""

import hashlib
from collections.abc import Sequence
from typing import Final, Self

_sha256: Final = hashlib.sha256
HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(line: bytes) -> bytes:
    """Hash one line (without newline) as a leaf."""
    return _sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees as their parent."""
    return _sha256(b"\x01" + left + right).digest()


class Frontier:
    """The tree's right edge: one root for each one-bit of its size, all that growing on needs (log₂ n hashes)."""

    def __init__(self) -> None:
        """Begin with the empty tree."""
        self.size = 0
        self._peaks: list[bytes | None] = []

    @classmethod
    def restored(cls, size: int, peaks: bytes) -> Self:
        """Take up a frontier where ``peaks_as_bytes`` left it.  Raises ValueError when size and peaks don't fit."""
        if len(peaks) != size.bit_count() * HASH_BYTES:
            message = "a frontier has one hash for each one-bit of its size"
            raise ValueError(message)
        whole = cls()
        whole.size = size
        at = len(peaks)
        for level in range(size.bit_length()):
            if size >> level & 1:
                at -= HASH_BYTES
                whole._peaks.append(peaks[at : at + HASH_BYTES])
            else:
                whole._peaks.append(None)
        return whole

    def peaks_as_bytes(self) -> bytes:
        """Give the roots of its perfect subtrees, the largest first, end to end."""
        return b"".join(peak for peak in reversed(self._peaks) if peak is not None)

    def grow(self, leaves: list[bytes]) -> None:
        """Take in leaf hashes in order; a whole batch costs one pass per level instead of one per leaf."""
        self.size += len(leaves)
        level, rest = 0, leaves
        while rest:
            if level == len(self._peaks):
                self._peaks.append(None)
            peak = self._peaks[level]
            if peak is not None:
                rest = [peak, *rest]
            self._peaks[level] = rest[-1] if len(rest) % 2 else None
            # Of an odd number the last one waits as this level's peak.
            pairs = zip(rest[0::2], rest[1::2], strict=False)
            rest = [_sha256(b"\x01" + left + right).digest() for left, right in pairs]
            level += 1

    def root(self) -> bytes:
        """Give the tree's root; of no leaf, SHA-256 of nothing."""
        root: bytes | None = None
        for peak in self._peaks:
            if peak is not None:
                root = peak if root is None else node_hash(peak, root)
        return EMPTY_ROOT if root is None else root


def root_of(leaves: list[bytes]) -> bytes:
    """Give the root over these leaf hashes."""
    tree = Frontier()
    tree.grow(leaves)
    return tree.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Prove that leaf ``index`` is in the tree over these leaf hashes (RFC 9162 §2.1.3.1).

    Raises IndexError when there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        message = "no such leaf"
        raise IndexError(message)
    path: list[bytes] = []
    low, high = 0, len(leaves)
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(root_of(list(leaves[middle:high])))
            high = middle
        else:
            path.append(root_of(list(leaves[low:middle])))
            low = middle
    return path[::-1]


def consistency_proof(leaves: Sequence[bytes], earlier: int) -> list[bytes]:
    """Prove that the tree over these leaf hashes grew from its first ``earlier`` leaves (RFC 9162 §2.1.4.1).

    Raises IndexError unless 0 < earlier ≤ size.
    """
    if not 0 < earlier <= len(leaves):
        message = "no such earlier tree"
        raise IndexError(message)
    path: list[bytes] = []
    low, high = 0, len(leaves)
    while earlier < high:
        middle = low + _split(high - low)
        if earlier <= middle:
            path.append(root_of(list(leaves[middle:high])))
            high = middle
        else:
            path.append(root_of(list(leaves[low:middle])))
            low = middle
    if low:  # the earlier tree is not the left edge itself: its last subtree opens the proof
        path.append(root_of(list(leaves[low:high])))
    return path[::-1]


def _split(size: int) -> int:
    """Give the largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_holds(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether the proof shows the leaf hash at that index of the tree of that size and root (§2.1.3.2)."""
    if not 0 <= index < size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistency_holds(*, earlier: int, earlier_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether the proof shows that the tree of that size grew from the earlier one (§2.1.4.2)."""
    if earlier == size:
        return not proof and earlier_root == root
    if not 0 < earlier < size or not proof:
        return False
    path = list(proof)
    if earlier.bit_count() == 1:  # an exact power of two is a subtree of the later tree, and is left out of the proof
        path.insert(0, earlier_root)
    fn, sn = earlier - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == earlier_root and sr == root
