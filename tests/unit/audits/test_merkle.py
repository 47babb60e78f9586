"""The tree against a plain reading of RFC 6962, and against the vectors of transparency-dev/merkle."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits import merkle

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "merkle-rfc6962"


def leaves_of(count: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(count)]


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + plain_root(leaves[:split]) + plain_root(leaves[split:])).digest()


class Stored:
    """Tiles kept the way the table keeps them: the newest state of each."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}

    def put(self, tiles: list[merkle.Tile]) -> None:
        for tile in tiles:
            before = self.tiles.get((tile.level, tile.index), b"")
            assert tile.hashes.startswith(before)
            self.tiles[tile.level, tile.index] = tile.hashes

    def read(self, level: int, index: int) -> bytes:
        return self.tiles[level, index]


def grown(*counts: int) -> tuple[Stored, list[bytes]]:
    stored, leaves = Stored(), leaves_of(sum(counts))
    size = 0
    for count in counts:
        builder = merkle.TreeBuilder.resume(size, stored.read)
        stored.put(builder.append(b"".join(leaves[size : size + count])))
        size += count
    return stored, leaves


def vectors(kind: str) -> list:
    if not VECTORS.is_dir():
        return [
            pytest.param({}, marks=pytest.mark.skip(reason="the RFC 6962 vectors are not on this machine"))
        ]
    paths = sorted((VECTORS / kind).rglob("*.json"))
    return [pytest.param(json.loads(path.read_text()), id=str(path.relative_to(VECTORS))) for path in paths]


def unpack(value: str | None) -> bytes:
    return base64.b64decode(value or "")


@pytest.mark.parametrize("vector", vectors("inclusion"))
def test_inclusion_vectors(vector):
    accepted = merkle.verify_inclusion(
        index=vector["leafIdx"],
        size=vector["treeSize"],
        leaf=unpack(vector["leafHash"]),
        proof=[unpack(part) for part in vector["proof"] or []],
        root=unpack(vector["root"]),
    )
    assert accepted is not vector["wantErr"]


@pytest.mark.parametrize("vector", vectors("consistency"))
def test_consistency_vectors(vector):
    accepted = merkle.verify_consistency(
        first=vector["size1"],
        second=vector["size2"],
        first_root=unpack(vector["root1"]),
        second_root=unpack(vector["root2"]),
        proof=[unpack(part) for part in vector["proof"] or []],
    )
    assert accepted is not vector["wantErr"]


def test_the_empty_tree_has_the_hash_of_nothing():
    assert merkle.tree_root([]) == hashlib.sha256(b"").digest()


@given(st.lists(st.integers(1, 400), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_growing_in_any_steps_gives_the_tree_of_the_standard(counts):
    stored, leaves = grown(*counts)
    assert merkle.TreeBuilder.resume(len(leaves), stored.read).root() == plain_root(leaves)
    assert merkle.TiledTree(len(leaves), stored.read).root() == plain_root(leaves)


def test_three_levels_of_tiles():
    stored, leaves = grown(65_536 + 300)
    assert {level for level, _ in stored.tiles} == {0, 1, 2}
    assert merkle.TiledTree(len(leaves), stored.read).root() == plain_root(leaves)


@given(st.integers(1, 700), st.data())
@settings(max_examples=40, deadline=None)
def test_every_leaf_is_proved_and_no_other(size, data):
    stored, leaves = grown(size)
    tree = merkle.TiledTree(size, stored.read)
    index = data.draw(st.integers(0, size - 1))
    until = data.draw(st.integers(index + 1, size))
    proof, root = tree.inclusion_proof(index, until), plain_root(leaves[:until])
    known = {"size": until, "proof": proof, "root": root}
    assert merkle.verify_inclusion(index=index, leaf=leaves[index], **known)
    assert not merkle.verify_inclusion(index=index, leaf=merkle.leaf_hash(b"forged"), **known)
    assert not merkle.verify_inclusion(index=index + 1, leaf=leaves[index], **known)


@given(st.integers(1, 700), st.data())
@settings(max_examples=40, deadline=None)
def test_an_older_tree_is_proved_a_beginning_of_a_newer(size, data):
    stored, leaves = grown(size)
    first = data.draw(st.integers(1, size))
    proof = merkle.TiledTree(size, stored.read).consistency_proof(first)
    known = {"first": first, "second": size, "second_root": plain_root(leaves), "proof": proof}
    assert merkle.verify_consistency(first_root=plain_root(leaves[:first]), **known)
    assert not merkle.verify_consistency(first_root=merkle.leaf_hash(b"forged"), **known)


@pytest.mark.parametrize(("index", "size"), [(5, 5), (-1, 5), (0, 6)])
def test_no_proof_of_a_leaf_that_is_not_there(index, size):
    stored, _ = grown(5)
    with pytest.raises(ValueError, match="no leaf"):
        merkle.TiledTree(5, stored.read).inclusion_proof(index, size)


def test_no_consistency_with_a_tree_that_is_larger():
    stored, _ = grown(5)
    with pytest.raises(ValueError, match="no consistency"):
        merkle.TiledTree(5, stored.read).consistency_proof(6)


def test_a_shortened_tile_is_noticed_when_the_tree_goes_on():
    stored, _ = grown(300)
    stored.tiles[0, 1] = stored.tiles[0, 1][:-32]
    with pytest.raises(ValueError, match="tile 0/1 holds 43 hashes instead of 44"):
        merkle.TreeBuilder.resume(300, stored.read)
