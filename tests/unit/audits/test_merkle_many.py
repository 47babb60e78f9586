"""One proof for many leaves leads the verifier to the root, and to no other."""

import hashlib
import io
import random

import pytest

from audits.merkle import HASH_SIZE, TreeBuilder
from audits.merkle_many import Subtrees, blocks
from audits.packfiles.verify import Folding


class Tree:
    """A tree whose tiles are kept in memory."""

    def __init__(self, size: int) -> None:
        self.leaves = [hashlib.sha256(str(number).encode()).digest() for number in range(size)]
        builder, self.tiles = TreeBuilder(), {}
        for tile in builder.append(b"".join(self.leaves)):
            self.tiles[tile.level, tile.index] = tile.hashes
        self.root = builder.root()
        self.reads = 0

    def read(self, level: int, index: int) -> bytes:
        self.reads += 1
        return self.tiles.get((level, index), b"")

    def proof(self, chosen: list[int]) -> bytes:
        subtrees, parts, place = Subtrees(self.read), [], 0
        for index in chosen:
            parts.append(subtrees.cover(place, index))
            place = index + 1
        return b"".join([*parts, subtrees.cover(place, len(self.leaves))])

    def reached(self, chosen: list[int], proof: bytes) -> bytes:
        folding, given = Folding(), io.BytesIO(proof)
        for index in chosen:
            folding.skip(index, given)
            folding.add(self.leaves[index])
        folding.skip(len(self.leaves), given)
        assert not given.read()
        return folding.root()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 255, 256, 257, 1000, 66_000])
def test_any_choice_of_leaves_leads_to_the_root(size):
    tree, chance = Tree(size), random.Random(size)
    for count in {0, 1, min(3, size), size // 2, size}:
        chosen = sorted(chance.sample(range(size), count))
        assert tree.reached(chosen, tree.proof(chosen)) == tree.root


def test_all_leaves_need_no_proof_and_few_leaves_a_short_one():
    tree = Tree(66_000)
    assert tree.proof(list(range(66_000))) == b""
    assert len(tree.proof([5, 40_000, 65_999])) // HASH_SIZE < 3 * 17


def test_left_to_right_every_tile_is_read_once():
    tree = Tree(66_000)
    tree.proof(list(range(0, 66_000, 3)))
    assert tree.reads == len([key for key in tree.tiles if key[0] == 0])


def test_another_leaf_leads_elsewhere():
    tree = Tree(300)
    proof = tree.proof([7, 200])
    tree.leaves[200] = tree.leaves[201]
    assert tree.reached([7, 200], proof) != tree.root


def test_what_the_tiles_do_not_hold_is_refused():
    tree = Tree(300)
    with pytest.raises(ValueError, match="too short"):
        Subtrees(tree.read).cover(290, 310)


def test_blocks_are_the_fewest():
    assert list(blocks(0, 8)) == [(3, 0)]
    assert list(blocks(1, 8)) == [(0, 1), (1, 1), (2, 1)]
    assert list(blocks(5, 5)) == []
