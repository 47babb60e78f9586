"""The tree, its tiles, its checkpoints and the keys that signed them."""

from bisect import bisect_right

from audits.checkpoints import BadCheckpoint, SignedCheckpoint, VerificationKey, open_checkpoint
from audits.merkle import HASH_SIZE, TILE_BYTES, Tile, TreeBuilder
from audits.models import Checkpoint, LedgerTile, SigningKey
from audits.verification.report import Kind, Report

FETCH = 500
OUTER = 1 << 59  # tiles above the leaves are named after what they are made of


class TreeCheck:
    """Grows the tree again from the stored leaves and compares roots and tiles on the way."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.builder = TreeBuilder()
        self.checkpoints = list(Checkpoint.objects.order_by("size").values_list("size", "root"))
        self.sizes = [size for size, _ in self.checkpoints]
        self.tiles = 0

    def append(self, hashes: bytes) -> None:
        """Add the leaf hashes of the next range; stop at every checkpoint in it."""
        first, changed = self.builder.size, {}
        end = first + len(hashes) // HASH_SIZE
        low, high = bisect_right(self.sizes, first), bisect_right(self.sizes, end)
        at = first
        for size, root in [*self.checkpoints[low:high], (end, None)]:
            part = hashes[(at - first) * HASH_SIZE : (size - first) * HASH_SIZE]
            changed.update({(tile.level, tile.index): tile for tile in self.builder.append(part)})
            at = size
            if root is not None and self.builder.root() != bytes(root):
                message = f"the first {size} entries do not give the signed root"
                self.report.add(Kind.ALTERED, f"checkpoint {size}", message, size)
        self._compare([tile for tile in changed.values() if len(tile.hashes) == TILE_BYTES])

    def finish(self) -> None:
        """Compare the unfinished tiles, and look for tiles that do not belong to the tree."""
        tails = enumerate(self.builder.tails)
        self._compare(
            [Tile(level, self.builder.size >> (8 * level + 8), hashes) for level, hashes in tails if hashes]
        )
        stored = LedgerTile.objects.count()
        if stored > self.tiles:
            self.report.add(
                Kind.INSERTED, "tiles", f"{stored - self.tiles} tiles do not belong to the tree", 1 << 61
            )
        self.report.count("tiles", self.tiles)

    def _compare(self, tiles: list[Tile]) -> None:
        for start in range(0, len(tiles), FETCH):
            part = tiles[start : start + FETCH]
            for level in {tile.level for tile in part}:
                self._compare_level(level, [tile for tile in part if tile.level == level])

    def _compare_level(self, level: int, tiles: list[Tile]) -> None:
        rows = LedgerTile.objects.filter(level=level, index__in=[tile.index for tile in tiles])
        stored = {
            index: (width, bytes(hashes))
            for index, width, hashes in rows.values_list("index", "width", "hashes")
        }
        for tile in tiles:
            place, order = f"tile {level}/{tile.index}", tile.index << 8 if level == 0 else OUTER + tile.index
            if tile.index not in stored:
                self.report.add(Kind.MISSING, place, "the tile does not exist", order)
                continue
            self.tiles += 1
            width, hashes = stored[tile.index]
            if hashes != tile.hashes:
                self._name_difference(tile, hashes, place, order)
            elif width != tile.width:
                self.report.add(Kind.ALTERED, place, f"width {width} instead of {tile.width}", order)

    def _name_difference(self, tile: Tile, stored: bytes, place: str, order: int) -> None:
        """Say whether numbers changed places or a hash is another one."""
        ours, theirs = _hashes(tile.hashes), _hashes(stored)
        at = next(
            (number for number, (our, their) in enumerate(zip(ours, theirs, strict=False)) if our != their),
            len(ours),
        )
        where = order + at if tile.level == 0 else order
        if tile.level == 0 and len(ours) == len(theirs) and sorted(ours) == sorted(theirs):
            self.report.add(
                Kind.REORDERED, f"#{where}", f"the numbers in {place} are in another order", where
            )
        else:
            self.report.add(Kind.ALTERED, place, f"hash {at} is not that of the tree", where)


def _hashes(joined: bytes) -> list[bytes]:
    return [joined[start : start + HASH_SIZE] for start in range(0, len(joined), HASH_SIZE)]


def check_keys(report: Report) -> dict[str, VerificationKey]:
    """Return the keys whose fingerprint is that of their bytes."""
    keys = {}
    for row in SigningKey.objects.order_by("valid_from"):
        key = VerificationKey(row.name, bytes(row.public_key))
        if key.fingerprint == row.fingerprint:
            keys[row.fingerprint] = key
            report.key = row.fingerprint if row.valid_until is None else report.key
        else:
            report.add(
                Kind.ALTERED, f"key {row.fingerprint[:16]}", "the fingerprint is not that of the key", -1
            )
    return keys


def check_checkpoints(report: Report, keys: dict[str, VerificationKey]) -> None:
    """Verify every signature, and that note, columns and the key's validity agree."""
    validity = {key.pk: (key.valid_from, key.valid_until) for key in SigningKey.objects.all()}
    count = 0
    for row in Checkpoint.objects.order_by("size").iterator(chunk_size=2000):
        count += 1
        place = f"checkpoint {row.size}"
        key = keys.get(row.key_id)
        if key is None:
            report.add(Kind.ALTERED, place, "it was signed with an unknown key", row.size)
            continue
        try:
            opened = open_checkpoint(row.note, key)
        except BadCheckpoint as error:
            report.add(Kind.ALTERED, place, str(error), row.size)
            continue
        for message in _disagreements(row, opened, validity[row.key_id], key):
            report.add(Kind.ALTERED, place, message, row.size)
    report.count("checkpoints", count)


def _disagreements(
    row: Checkpoint, opened: SignedCheckpoint, valid: tuple, key: VerificationKey
) -> list[str]:
    result = []
    if opened.size != row.size or opened.root != bytes(row.root) or opened.origin != key.name:
        result.append("size, root or origin are not the signed ones")
    if opened.signed_at != row.created_at:
        result.append("the time is not the signed one")
    elif row.created_at < valid[0] or (valid[1] is not None and row.created_at > valid[1]):
        result.append("it was signed outside the validity of its key")
    return result
