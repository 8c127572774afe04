"""The tree: Certificate Transparency's published vectors, and every proof of every small tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.setting.trail.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_holds,
    consistency_proof,
    inclusion_holds,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
)

# The leaves, roots and proofs that Certificate Transparency's reference implementation publishes for RFC 6962, whose
# tree RFC 9162 keeps.
LEAVES = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
MOST = 40
MANY = [leaf_hash(bytes([n])) for n in range(MOST)]


@pytest.mark.parametrize("size", range(9))
def test_the_published_roots_come_out(size: int) -> None:
    """Of the empty tree and of each size up to eight."""
    assert root_of(HASHES[:size]).hex() == ROOTS[size]
    assert ROOTS[0] == EMPTY_ROOT.hex()


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_published_inclusion_proofs_come_out_and_hold(index: int, size: int) -> None:
    """Made as published, and verified against the published root."""
    proof = inclusion_proof(HASHES[:size], index)
    assert [one.hex() for one in proof] == INCLUSION[index, size]
    assert inclusion_holds(HASHES[index], index=index, size=size, proof=proof, root=bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("earlier", "size"), CONSISTENCY)
def test_the_published_consistency_proofs_come_out_and_hold(earlier: int, size: int) -> None:
    """Made as published, and verified against the published roots."""
    proof = consistency_proof(HASHES[:size], earlier)
    assert [one.hex() for one in proof] == CONSISTENCY[earlier, size]
    before, after = bytes.fromhex(ROOTS[earlier]), bytes.fromhex(ROOTS[size])
    assert consistency_holds(earlier=earlier, earlier_root=before, size=size, root=after, proof=proof)


def test_every_proof_of_every_small_tree_holds_and_its_neighbours_do_not() -> None:
    """Exhaustive over trees of up to forty leaves; a proof for another place, size, root or length fails."""
    for size in range(1, MOST + 1):
        root = root_of(MANY[:size])
        for index in range(size):
            proof = inclusion_proof(MANY[:size], index)
            leaf = MANY[index]
            assert inclusion_holds(leaf, index=index, size=size, proof=proof, root=root)
            assert not inclusion_holds(leaf, index=(index + 1) % size, size=size, proof=proof, root=root) or size == 1
            assert not inclusion_holds(leaf, index=index, size=size, proof=[*proof, leaf], root=root)
            assert not inclusion_holds(leaf, index=index, size=size, proof=proof[:-1], root=root) or size == 1
            assert not inclusion_holds(leaf, index=index, size=size, proof=proof, root=leaf) or size == 1
            assert not inclusion_holds(leaf, index=size, size=size, proof=proof, root=root)
            _check_growth(index + 1, size, root)


def _check_growth(earlier: int, size: int, root: bytes) -> None:
    proof, before = consistency_proof(MANY[:size], earlier), root_of(MANY[:earlier])

    def holds(*, earlier_root: bytes = before, root: bytes = root, proof: list[bytes] = proof) -> bool:
        return consistency_holds(earlier=earlier, earlier_root=earlier_root, size=size, root=root, proof=proof)

    assert holds()
    assert not holds(earlier_root=MANY[-1])
    assert not holds(root=MANY[-1])
    assert not holds(proof=[*proof, MANY[0]])
    if proof:
        assert not holds(proof=proof[:-1])
        for place in range(len(proof)):
            assert not holds(proof=[*proof[:place], EMPTY_ROOT, *proof[place + 1 :]])


@given(cuts=st.lists(st.integers(0, 70), max_size=8))
def test_a_frontier_grown_by_batches_and_put_away_between_is_the_whole_tree(cuts: list[int]) -> None:
    """Batches of any size, restored from bytes each time, end where one batch ends; the root is the recursive one."""
    tree, leaves = Frontier(), []
    for number, count in enumerate(cuts):
        batch = [leaf_hash(f"{number}/{one}".encode()) for one in range(count)]
        leaves += batch
        tree = Frontier.restored(tree.size, tree.peaks_as_bytes())
        tree.grow(list(batch))
    assert tree.size == len(leaves)
    assert tree.root() == root_of(list(leaves)) == _by_definition(leaves)
    assert len(tree.peaks_as_bytes()) == 32 * tree.size.bit_count()


def _by_definition(leaves: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1, word by word."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else EMPTY_ROOT
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(_by_definition(leaves[:k]), _by_definition(leaves[k:]))


def test_a_frontier_of_the_wrong_length_is_refused() -> None:
    """Size and hashes go together."""
    with pytest.raises(ValueError, match="one hash"):
        Frontier.restored(3, bytes(32))


def test_there_is_no_proof_of_what_is_not_there() -> None:
    """No leaf, no earlier tree, no proof."""
    for index in (-1, 3):
        with pytest.raises(IndexError):
            inclusion_proof(MANY[:3], index)
    for earlier in (0, 4):
        with pytest.raises(IndexError):
            consistency_proof(MANY[:3], earlier)
    assert not consistency_holds(earlier=4, earlier_root=MANY[0], size=3, root=MANY[0], proof=[MANY[0]])
    assert not consistency_holds(earlier=0, earlier_root=EMPTY_ROOT, size=3, root=MANY[0], proof=[MANY[0]])
