"""The change log as a pack that verifies offline: the CSV, the entries behind its lines, and one proof for all of them.

Lines and entries are read side by side, a part of the ledger at a time. The digests of both are entered before the
pack is closed, so that what no entry holds (names of today) is proved as well: as what the portal wrote.
"""

import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from types import TracebackType
from typing import IO, Any

from django.db import connection

from audits.exports import change_log
from audits.exports.change_log import CHUNK, COPIED, PART, Progress, Span
from audits.exports.scopes import Scope, What, about, told
from audits.exports.text_files import csv_line
from audits.merkle_many import Subtrees
from audits.packs import Enter, PackWriter, last_checkpoint
from audits.services.sequencing import read_tile
from mlops_portal.foundation.people.models import User

NAME = "change-log.csv"
LINES, PROOF = "log.jsonl", "proof.bin"
FIRST = len(b'{"index":')

README = """{title}

change-log.csv   one line per entry, as the portal showed it when this was made
log.jsonl        the entries behind the lines: number, and the envelope that the ledger's tree covers{content}
proof.bin        the hashes of everything between those entries: with them they lead to the signed root
entries.jsonl    the entry in which the portal recorded the digests of the files, with its proof
checkpoint.txt   the signed state of the ledger
public_key.pem   the key it was signed with: compare it with one from another source
manifest.json    the digest of every file
verify.py        checks all of this without the portal: python3 verify.py PACK.zip --key FINGERPRINT

Every line is compared with its entry. Actor, What, Unit and Model are words and names of the day of the export{payload}:
no entry holds them; that the portal wrote them so is proved by the recorded digest of change-log.csv.

All times are UTC. Signed by this portal, not witnessed.
"""
WITH_CONTENT = ";\n                 payload and salt, which the envelope commits to"
WITHOUT_CONTENT = ",\nRecord name, Reason and Payload are taken from the content, which was not asked for"


class Lines:
    """The JSON lines of the entries and the proof of them, both waiting in files until the CSV is written."""

    def __init__(self) -> None:
        self.lines: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed on exit)
        self.proof: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed on exit)
        self.count = 0
        self._next = 0
        self._subtrees = Subtrees(read_tile)

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.lines.close()
        self.proof.close()

    def take(self, lines: Iterable[bytes]) -> None:
        """Keep lines in the order of the ledger; the proof grows by what lies between them."""
        gaps = []
        for line in lines:
            index = int(line[FIRST : line.index(b",", FIRST)])
            if index != self._next:
                gaps.append((self._next, index))
            self._next = index + 1
            self.count += 1
            self.lines.write(line)
        for gap in gaps:  # the lines are read: COPY no longer holds the connection
            self.proof.write(self._subtrees.cover(*gap))

    def written(self) -> Iterator[bytes]:
        """Yield the lines in parts."""
        self.lines.seek(0)
        return parts_of(self.lines)

    def proved(self, size: int) -> Iterator[bytes]:
        """Yield the proof in parts, up to the size of the tree that is signed."""
        self.proof.write(Subtrees(read_tile).cover(self._next, size))  # the last tile has grown meanwhile
        self.proof.seek(0)
        return parts_of(self.proof)


def parts_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield a file in parts."""
    return iter(lambda: file.read(PART), b"")


def write(
    target: IO[bytes], scope: Scope, user: User, *, now: datetime, progress: Progress, enter: Enter
) -> None:
    """Write the pack into ``target``; memory stays flat.

    Raises:
        NotNumbered: the entry of the digests has no number yet.
    """
    pack = PackWriter(target, now)
    with Lines() as lines:
        pack.add(NAME, _csv(scope, user, lines, progress))
        pack.add(LINES, lines.written())
        pack.add("README.txt", [_readme(scope).encode()])
        pack.enter(enter, kind=What.CHANGE_LOG, about=about(scope, user, now))
        checkpoint = last_checkpoint()
        progress(0, 0, "Proving the entries")
        pack.add(PROOF, lines.proved(checkpoint.size if checkpoint else 0))
        pack.finish(checkpoint)


def _csv(scope: Scope, user: User, lines: Lines, progress: Progress) -> Iterator[bytes]:
    """Yield the CSV; the entries behind each part are kept beside it, seen in the same moment."""
    entries = change_log.entries_of(scope, user)
    bounds = change_log.bounds_of(entries)
    columns = change_log.columns_of(scope)
    copies = connection.vendor == "postgresql"
    yield csv_line(column.label for column in columns).encode()
    for span in change_log.spans(bounds, progress, COPIED if copies else CHUNK):
        with change_log.one_sight():
            yield from (_copied if copies else _read)(entries, span, columns, lines, scope.with_content)


def _copied(
    entries: Any, span: Span, columns: tuple[change_log.LogColumn, ...], lines: Lines, with_content: bool
) -> Iterator[bytes]:
    yield from change_log.copied(entries, span, columns)
    lines.take(change_log.copied_lines(entries, span, with_content=with_content))


def _read(
    entries: Any, span: Span, columns: tuple[change_log.LogColumn, ...], lines: Lines, with_content: bool
) -> Iterator[bytes]:
    found = change_log.found_in(entries, span)
    yield change_log.csv_of(found, columns)
    lines.take(change_log.lines_of(found, with_content=with_content))


def _readme(scope: Scope) -> str:
    return README.format(
        title=told(scope),
        content=WITH_CONTENT if scope.with_content else "",
        payload="" if scope.with_content else WITHOUT_CONTENT,
    )
