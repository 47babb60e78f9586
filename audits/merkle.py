"""The Merkle tree of RFC 6962 over tiles (C2SP tlog-tiles): pure functions on bytes, no storage.

A tile of level 0 holds up to 256 leaf hashes; a tile of level n+1 holds the roots of full tiles of level n. Only the
right-most tile of a level ever grows, and only at its end.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

HASH_SIZE = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_SIZE
EMPTY_ROOT = hashlib.sha256(b"").digest()

TileReader = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """Hash an entry; the prefix keeps an entry from posing as a node."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into their parent."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split_hashes(hashes: bytes) -> list[bytes]:
    """Cut concatenated hashes apart."""
    return [hashes[start : start + HASH_SIZE] for start in range(0, len(hashes), HASH_SIZE)]


def perfect_root(hashes: bytes) -> bytes:
    """Return the root over a power of two of concatenated hashes."""
    sha256, pair = hashlib.sha256, 2 * HASH_SIZE
    while len(hashes) > HASH_SIZE:
        hashes = b"".join(
            [sha256(b"\x01" + hashes[start : start + pair]).digest() for start in range(0, len(hashes), pair)]
        )
    return hashes


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes held in memory."""
    builder = TreeBuilder()
    builder.append(b"".join(leaves))
    return builder.root()


@dataclass(frozen=True, slots=True)
class Tile:
    """A new state of one tile."""

    level: int
    index: int
    hashes: bytes

    @property
    def width(self) -> int:
        """How many hashes the tile holds."""
        return len(self.hashes) // HASH_SIZE


@dataclass
class TreeBuilder:
    """A tree that only grows: its size and, for each level, the hashes of the tile that is not full yet."""

    size: int = 0
    tails: list[bytes] = field(default_factory=list)

    @classmethod
    def resume(cls, size: int, read: TileReader) -> "TreeBuilder":
        """Continue a stored tree of ``size`` leaves.

        Raises:
            ValueError: a tile does not hold the hashes that this size needs.
        """
        tails = []
        for level, index, width in tail_places(size):
            hashes = read(level, index)[: width * HASH_SIZE] if width else b""
            if len(hashes) != width * HASH_SIZE:
                raise ValueError(
                    f"tile {level}/{index} holds {len(hashes) // HASH_SIZE} hashes instead of {width}"
                )
            tails.append(hashes)
        return cls(size, tails)

    def append(self, hashes: bytes) -> list[Tile]:
        """Add concatenated leaf hashes; return every tile that changed, lowest level first."""
        changed: list[Tile] = []
        level, first = 0, self.size
        self.size += len(hashes) // HASH_SIZE
        while hashes:
            if level == len(self.tails):
                self.tails.append(b"")
            index = first >> TILE_HEIGHT
            pending = self.tails[level] + hashes
            full, roots = len(pending) // TILE_BYTES, []
            for number in range(full):
                tile = pending[number * TILE_BYTES : (number + 1) * TILE_BYTES]
                changed.append(Tile(level, index + number, tile))
                roots.append(perfect_root(tile))
            self.tails[level] = pending[full * TILE_BYTES :]
            if self.tails[level]:
                changed.append(Tile(level, index + full, self.tails[level]))
            level, first, hashes = level + 1, index, b"".join(roots)
        return changed

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        root = b""
        for tail in self.tails:
            for part in _perfect_parts(tail):
                root = node_hash(part, root) if root else part
        return root or EMPTY_ROOT


def tail_places(size: int) -> list[tuple[int, int, int]]:
    """Return level, index and width of the right-most, unfinished tile of each level."""
    places, level = [], 0
    while size >> (TILE_HEIGHT * level):
        count = size >> (TILE_HEIGHT * level)
        places.append((level, count >> TILE_HEIGHT, count % TILE_WIDTH))
        level += 1
    return places


def _perfect_parts(hashes: bytes) -> list[bytes]:
    """Return the roots of the perfect subtrees in an unfinished tile, the right-most (smallest) first."""
    width, end, parts = len(hashes) // HASH_SIZE, len(hashes), []
    for bit in range(TILE_HEIGHT):
        if width >> bit & 1:
            start = end - (HASH_SIZE << bit)
            parts.append(perfect_root(hashes[start:end]))
            end = start
    return parts


class TiledTree:
    """Proofs out of stored tiles. ``read(level, index)`` returns a tile's hashes; each tile is read once."""

    def __init__(self, size: int, read: TileReader) -> None:
        self.size = size
        self._read = read
        self._tiles: dict[tuple[int, int], bytes] = {}

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first ``size`` leaves (default: all)."""
        size = self.size if size is None else size
        return self._range(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the hashes that lead from leaf ``index`` to the root of the first ``size`` leaves.

        Raises:
            ValueError: there is no such leaf in a tree of that size.
        """
        size = self.size if size is None else size
        if not 0 <= index < size <= self.size:
            raise ValueError(f"no leaf {index} in a tree of {size}")
        proof, low, high = [], 0, size
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                proof.append((middle, high))
                high = middle
            else:
                proof.append((low, middle))
                low = middle
        return [self._range(*part) for part in reversed(proof)]

    def consistency_proof(self, first: int, second: int | None = None) -> list[bytes]:
        """Return the hashes that show the first ``first`` leaves unchanged in the first ``second``.

        Raises:
            ValueError: the sizes are not in order.
        """
        second = self.size if second is None else second
        if not 0 < first <= second <= self.size:
            raise ValueError(f"no consistency from {first} to {second} in a tree of {self.size}")
        proof, low, high, whole = [], 0, second, True
        while first < high:
            middle = low + _split(high - low)
            if first <= middle:
                proof.append((middle, high))
                high = middle
            else:
                proof.append((low, middle))
                low, whole = middle, False
        if not whole:
            proof.append((low, high))
        return [self._range(*part) for part in reversed(proof)]

    def _range(self, low: int, high: int) -> bytes:
        count = high - low
        if count & (count - 1) == 0:
            return self._perfect(count.bit_length() - 1, low // count)
        middle = low + _split(count)
        return node_hash(self._range(low, middle), self._range(middle, high))

    def _perfect(self, height: int, position: int) -> bytes:
        level, rest = divmod(height, TILE_HEIGHT)
        index, offset = divmod(position << rest, TILE_WIDTH)
        if (level, index) not in self._tiles:
            self._tiles[level, index] = self._read(level, index)
        hashes = self._tiles[level, index][offset * HASH_SIZE : (offset + (1 << rest)) * HASH_SIZE]
        if len(hashes) != HASH_SIZE << rest:
            raise ValueError(f"tile {level}/{index} is too short")
        return perfect_root(hashes)


def _split(count: int) -> int:
    """Return the largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def verify_inclusion(*, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether ``leaf`` is number ``index`` in the tree of ``size`` leaves with this ``root`` (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size or any(len(part) != HASH_SIZE for part in (leaf, root, *proof)):
        return False
    position, last, result = index, size - 1, leaf
    for part in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            result = node_hash(part, result)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            result = node_hash(result, part)
        position, last = position >> 1, last >> 1
    return last == 0 and result == root


def verify_consistency(
    *, first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether the tree of ``second`` leaves begins with the one of ``first`` (RFC 9162 2.1.4.2)."""
    if not 0 <= first <= second or any(len(part) != HASH_SIZE for part in (first_root, second_root, *proof)):
        return False
    if first == second or first == 0:
        return not proof and (first_root == second_root if first == second else first_root == EMPTY_ROOT)
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    return bool(path) and _consistent(first - 1, second - 1, path) == (first_root, second_root)


def _consistent(position: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = path[0]
    for part in path[1:]:
        if last == 0:
            return None
        if position & 1 or position == last:
            old, new = node_hash(part, old), node_hash(part, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, part)
        position, last = position >> 1, last >> 1
    return (old, new) if last == 0 else None
