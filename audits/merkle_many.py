"""One proof for many leaves: the roots of the largest subtrees without any of them, from left to right.

Who has the leaves puts both together from left to right and reaches the root (`Folding` in verify.py does). For every leaf of the tree the proof is
empty, for one leaf it is the usual one in another order; between them it grows with the gaps, not with the leaves.
"""

from collections.abc import Iterator
from functools import lru_cache

from audits.merkle import TILE_HEIGHT, TILE_WIDTH, TileReader, node_hash, split_hashes

KEPT_TILES = 64


def blocks(low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield height and position of the fewest perfect subtrees that cover the leaves from ``low`` to below ``high``."""
    while low < high:
        widest = (high - low).bit_length() - 1
        height = min(widest, (low & -low).bit_length() - 1) if low else widest
        yield height, low >> height
        low += 1 << height


class Subtrees:
    """Roots of perfect subtrees out of stored tiles; asked from left to right, each tile is read once."""

    def __init__(self, read: TileReader) -> None:
        self._read = read
        self._rows = lru_cache(maxsize=KEPT_TILES)(self._rows_of)

    def cover(self, low: int, high: int) -> bytes:
        """Return the concatenated roots that stand for the leaves from ``low`` to below ``high``.

        Raises:
            ValueError: a tile does not hold what it must.
        """
        return b"".join(self.root(height, position) for height, position in blocks(low, high))

    def root(self, height: int, position: int) -> bytes:
        """Return one root."""
        level, rest = divmod(height, TILE_HEIGHT)
        index, offset = divmod(position << rest, TILE_WIDTH)
        row, place = self._rows(level, index)[rest], offset >> rest
        if place >= len(row):
            raise ValueError(f"tile {level}/{index} is too short")
        return row[place]

    def _rows_of(self, level: int, index: int) -> list[list[bytes]]:
        """Return the hashes of a tile and, above them, the roots of their pairs, up to half a tile."""
        rows = [split_hashes(self._read(level, index))]
        while len(rows) < TILE_HEIGHT:
            below = rows[-1]
            rows.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
        return rows
