"""The change log: one line per ledger entry, in the order of the ledger, never later than the last checkpoint.

On PostgreSQL the columns are rendered and made safe in SQL and come by COPY; elsewhere Python writes the same bytes.
"""

import base64
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.apps import apps
from django.db import DataError, connection, transaction
from django.db.models import Max, Min, OuterRef, Subquery

from audits.envelope import instant
from audits.exports.scopes import RIGHT, Scope
from audits.exports.text_files import csv_line, neutralised_sql
from audits.models import Checkpoint, EntryQuerySet, LedgerEntry, LedgerLeaf
from audits.row_formats import PAST_TENSE
from mlops_portal.foundation.events import verb_label, verbs
from mlops_portal.foundation.history import AuditedModel
from mlops_portal.foundation.people.models import BusinessUnit, UnitClosure, User
from mlops_portal.foundation.web.workbooks import safe_cell
from registry.models import RegisteredModel

CHUNK = 20_000  # entries that Python reads at once: a few megabytes
COPIED = 100_000  # entries of one COPY, which waits in a file
PART = 1024 * 1024

Progress = Callable[[int, int, str], None]
ENTRY = "audits_ledgerentry"
PAYLOAD_JSON = "coalesce(to_json(p.payload)::text, 'null')"
SALT_JSON = """coalesce('"' || encode(p.salt, 'base64') || '"', 'null')"""  # 16 bytes stay on one line
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
STAMP = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


@dataclass(frozen=True, slots=True)
class LogColumn:
    """One column: its head, its SQL, and whether people can write into it."""

    label: str
    sql: str
    is_free: bool = False


COLUMNS = (
    LogColumn("Number", "l.index"),
    LogColumn("Entry", "e.entry_id"),
    LogColumn("Occurred at", STAMP.format("e.occurred_at")),
    LogColumn("Recorded at", STAMP.format("e.recorded_at")),
    LogColumn("Late", "CASE WHEN e.is_flagged THEN 'yes' ELSE 'no' END"),
    LogColumn("Actor id", "NULLIF(e.actor_id, '')"),
    LogColumn(
        "Actor", "CASE WHEN e.actor_id = '' THEN 'The portal' ELSE coalesce(a.name, '') END", is_free=True
    ),
    LogColumn("What", "coalesce(v.label, replace(regexp_replace(e.verb, '^.*[.]', ''), '_', ' '))"),
    LogColumn("Verb", "e.verb"),
    LogColumn("Record", "e.subject_label"),
    LogColumn("Record id", "e.subject_id", is_free=True),
    LogColumn("Record name", "p.payload::json ->> 'subject'", is_free=True),
    LogColumn("Reason", "p.payload::json -> 'history' ->> 'history_change_reason'", is_free=True),
    LogColumn("Unit", "u.name", is_free=True),
    LogColumn("Model", "m.name", is_free=True),
    LogColumn("Act", "e.act_id"),
    LogColumn("Payload", "CASE WHEN p.entry_id IS NULL THEN 'lawfully removed' ELSE 'kept' END"),
    LogColumn("Commitment", "encode(e.payload_commitment, 'hex')"),
)
CONTENT = LogColumn("Content as recorded", "p.payload")


def columns_of(scope: Scope) -> tuple[LogColumn, ...]:
    """Return the columns of this export."""
    return (*COLUMNS, CONTENT) if scope.with_content else COLUMNS


def entries_of(scope: Scope, user: User) -> EntryQuerySet:
    """Return the entries that ``user`` may export and that fit the scope."""
    entries = LedgerEntry.objects.visible_to(user, RIGHT)
    if scope.unit_id:
        below = UnitClosure.objects.filter(ancestor_id=scope.unit_id).values("descendant_id")
        entries = entries.filter(unit_id__in=list(below.values_list("descendant_id", flat=True)))
    if scope.model_id:
        entries = entries.filter(model_id=scope.model_id)
    if since := scope.moment("since"):
        entries = entries.filter(occurred_at__gte=since)
    if until := scope.moment("until"):
        entries = entries.filter(occurred_at__lt=until)
    return entries


@dataclass(frozen=True, slots=True)
class Bounds:
    """Row ids between which the entries lie, and how many entries the checkpoint covers."""

    first: int
    last: int
    size: int


@dataclass(frozen=True, slots=True)
class Span:
    """Entries numbered from ``low`` to below ``high``; their row ids lie from ``first`` to ``last``."""

    low: int
    high: int
    first: int
    last: int


def bounds_of(entries: EntryQuerySet) -> Bounds:
    """Fix what is exported before the first line is written."""
    size = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
    found = entries.order_by().aggregate(first=Min("id"), last=Max("id"))
    return Bounds(found["first"] or 0, found["last"] or -1, size)


def csv_parts(
    scope: Scope, user: User, *, progress: Progress, by_copy: bool | None = None
) -> Iterator[bytes]:
    """Yield the CSV in parts; ``by_copy`` None takes the faster way of this engine."""
    entries = entries_of(scope, user)
    bounds = bounds_of(entries)
    columns = columns_of(scope)
    yield csv_line(column.label for column in columns).encode()
    copies = connection.vendor == "postgresql" if by_copy is None else by_copy
    for span in spans(bounds, progress, COPIED if copies else CHUNK):
        if copies:
            yield from copied(entries, span, columns)
        else:
            yield written(entries, span, columns)


def rows(scope: Scope, user: User, *, progress: Progress) -> Iterator[list[Any]]:
    """Yield head and rows for a workbook; its times are typed and end at the millisecond, those of the CSV do not."""
    entries = entries_of(scope, user)
    bounds = bounds_of(entries)
    columns = columns_of(scope)
    yield [column.label for column in columns]
    for span in spans(bounds, progress, CHUNK):
        found = found_in(entries, span)
        for one, row in zip(found, values_of(found), strict=True):
            yield [*row[:2], one.occurred_at, one.recorded_at, *row[4 : len(columns)]]


def spans(bounds: Bounds, progress: Progress, step: int) -> Iterator[Span]:
    """Part the ledger by number, and name the row ids of each part: numbers follow visibility, not ids."""
    for low in range(0, bounds.size, step):
        progress(low, bounds.size, "Entries")
        high = min(low + step, bounds.size)
        rows = LedgerLeaf.objects.filter(index__gte=low, index__lt=high).aggregate(
            first=Min("entry_row"), last=Max("entry_row")
        )
        first, last = max(rows["first"] or 0, bounds.first), min(rows["last"] or -1, bounds.last)
        if first <= last:
            yield Span(low, high, first, last)


def copied(entries: EntryQuerySet, span: Span, columns: Sequence[LogColumn]) -> Iterator[bytes]:
    """Write a part of the entries by COPY; what SQL cannot read (a NUL in a payload) is left to Python."""
    statement, params = copy_statement(entries, span, columns)
    with tempfile.TemporaryFile() as waiting:
        try:
            with (
                transaction.atomic(),
                connection.wrap_database_errors,
                connection.cursor() as cursor,
                cursor.copy(statement, params) as copy,
            ):
                for row in copy:
                    waiting.write(row)
        except DataError:
            for low in range(span.low, span.high, CHUNK):
                part = replace(span, low=low, high=min(low + CHUNK, span.high))
                yield written(entries, part, columns)
            return
        waiting.seek(0)
        yield from iter(lambda: waiting.read(PART), b"")


def copy_statement(
    entries: EntryQuerySet, span: Span, columns: Sequence[LogColumn], *, safe: bool = True
) -> tuple[str, list[Any]]:
    """Return the COPY statement; without ``safe`` the columns are as they are stored (for comparison).

    The row ids are said of the entries themselves: told only of the chosen ids, PostgreSQL reads every entry.
    """
    labels, label_params = _verb_values()
    listed = ", ".join(
        neutralised_sql(column.sql) if safe and column.is_free else column.sql for column in columns
    )
    of_span, span_params = _of_span(entries, span)
    statement = (
        f"COPY (SELECT {listed} FROM {ENTRY} e JOIN audits_ledgerleaf l ON l.entry_id = e.entry_id "  # noqa: S608
        f"LEFT JOIN audits_ledgerpayload p ON p.entry_id = e.entry_id "
        f"LEFT JOIN {User._meta.db_table} a ON a.id::text = e.actor_id "
        f"LEFT JOIN {BusinessUnit._meta.db_table} u ON u.id = e.unit_id "
        f"LEFT JOIN {RegisteredModel._meta.db_table} m ON m.id = e.model_id "
        f"LEFT JOIN (VALUES {labels}) v(name, label) ON v.name = e.verb "
        f"WHERE {of_span} ORDER BY l.index) TO STDOUT WITH (FORMAT csv)"
    )
    return statement, [*label_params, *span_params]


def _of_span(entries: EntryQuerySet, span: Span) -> tuple[str, list[Any]]:
    chosen, chosen_params = entries.order_by().values("id").query.sql_with_params()
    condition = f"e.id >= %s AND e.id <= %s AND e.id IN ({chosen}) AND l.index >= %s AND l.index < %s"
    return condition, [span.first, span.last, *chosen_params, span.low, span.high]


def _verb_values() -> tuple[str, list[str]]:
    rows = [
        f"{model._meta.label_lower}_{word}"
        for model in apps.get_models()
        if issubclass(model, AuditedModel)
        for word in PAST_TENSE.values()
    ]
    known = [(name, verb_label(name)) for name in [*(verb.name for verb in verbs()), *rows]]
    return ", ".join(["(%s, %s)"] * len(known)), [text for pair in known for text in pair]


@contextmanager
def one_sight() -> Iterator[None]:
    """Let every statement of the block see the same rows; where a transaction is open already, it decides."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def copied_lines(entries: EntryQuerySet, span: Span, *, with_content: bool) -> Iterator[bytes]:
    """Yield a part of the entries as the JSON lines that `lines_of` writes, by COPY."""
    of_span, params = _of_span(entries, span)
    content = f" || ',\"payload\":' || {PAYLOAD_JSON} || ',\"salt\":' || {SALT_JSON}" if with_content else ""
    joined = "LEFT JOIN audits_ledgerpayload p ON p.entry_id = e.entry_id " if with_content else ""
    # Control characters, which JSON never holds, take the places of quote and delimiter: lines come as they are.
    statement = (
        f"COPY (SELECT '{{\"index\":' || l.index || ',\"envelope\":' || to_json(e.envelope){content} || '}}' "  # noqa: S608
        f"FROM {ENTRY} e JOIN audits_ledgerleaf l ON l.entry_id = e.entry_id {joined}"
        f"WHERE {of_span} ORDER BY l.index) TO STDOUT WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
    )
    with connection.cursor() as cursor, cursor.copy(statement, params) as copy:
        for row in copy:
            yield bytes(row)


def lines_of(found: Iterable[Any], *, with_content: bool) -> Iterator[bytes]:
    """Yield each entry as a JSON line: number, the envelope that its leaf covers, and payload with salt if asked for."""
    for one in found:
        line = {"index": one.number, "envelope": one.envelope}
        if with_content:
            payload = getattr(one, "payload", None)
            line["payload"] = None if payload is None else payload.payload
            line["salt"] = None if payload is None else base64.b64encode(bytes(payload.salt)).decode()
        yield f"{_encode(line)}\n".encode()


def written(entries: EntryQuerySet, span: Span, columns: Iterable[LogColumn]) -> bytes:
    """Write a part of the entries in Python, byte for byte what COPY gives."""
    return csv_of(found_in(entries, span), columns)


def csv_of(found: Sequence[LedgerEntry], columns: Iterable[LogColumn]) -> bytes:
    """Write entries that were read."""
    free = [column.is_free for column in columns]
    return "".join(
        csv_line(safe_cell(value) if is_free else value for value, is_free in zip(row, free, strict=False))
        for row in values_of(found)
    ).encode()


def found_in(entries: EntryQuerySet, span: Span) -> list[LedgerEntry]:
    """Read a part of the entries with number and payload."""
    leaf = LedgerLeaf.objects.filter(
        entry_id=OuterRef("entry_id"), index__gte=span.low, index__lt=span.high
    ).values("index")
    wanted = entries.filter(id__gte=span.first, id__lte=span.last).annotate(number=Subquery(leaf))
    return list(wanted.filter(number__isnull=False).order_by("number").select_related("payload"))


def values_of(found: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield the values of every column of entries that were read."""
    actors = dict(
        User.objects.filter(
            pk__in={int(one.actor_id) for one in found if one.actor_id.isdigit()}
        ).values_list("pk", "name")
    )
    units = dict(BusinessUnit.objects.filter(pk__in={one.unit_id for one in found}).values_list("pk", "name"))
    models = dict(
        RegisteredModel.objects.filter(pk__in={one.model_id for one in found}).values_list("pk", "name")
    )
    for one in found:
        payload = getattr(one, "payload", None)
        content = json.loads(payload.payload) if payload is not None else {}
        actor = actors.get(int(one.actor_id), "") if one.actor_id.isdigit() else ""
        yield [
            one.number,
            str(one.entry_id),
            instant(one.occurred_at),
            instant(one.recorded_at),
            "yes" if one.is_flagged else "no",
            one.actor_id,
            actor if one.actor_id else "The portal",
            verb_label(one.verb),
            one.verb,
            one.subject_label,
            one.subject_id,
            content.get("subject") or "",
            (content.get("history") or {}).get("history_change_reason") or "",
            units.get(one.unit_id, ""),
            models.get(one.model_id, ""),
            str(one.act_id),
            "kept" if payload is not None else "lawfully removed",
            bytes(one.payload_commitment).hex(),
            payload.payload if payload is not None else "",
        ]
