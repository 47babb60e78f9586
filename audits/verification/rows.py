"""Governed rows against the ledger: every history row has its entry and is as entered; live rows are the newest ones.

The work is cut into slices that any process can take. The database sorts out the rows about which there is nothing
to say (`row_statements`); the others, and on SQLite all entries, are compared here, field by field.
"""

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Exists, Max, Min, OuterRef, Subquery

from audits.models import LedgerEntry
from audits.processes import Spread
from audits.row_formats import ABOUT, about_differences, row_format
from audits.verification.report import Flaw, Kind, Report
from audits.verification.row_statements import suspect_entries, suspect_rows
from mlops_portal.foundation.history import AuditedModel, history_model

CHUNK = 2000
SLICE = 20_000
ROW_ORDER = 1 << 62
UNGOVERNED = frozenset(
    {"last_login"}
)  # Django notes it at each sign-in, without history: it is no governed fact


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of the work on one model: entries by row id, or live rows by key; without verbs it is live rows.

    ``end`` None: all live rows of a model whose keys are no numbers.
    """

    label: str
    verbs: tuple[str, ...] = ()
    first: int = 0
    end: int | None = None

    @property
    def model(self) -> type[models.Model]:
        """The governed model."""
        return apps.get_model(self.label)


@dataclass
class SliceResult:
    """What one slice gave."""

    flaws: list[Flaw] = field(default_factory=list)
    seen: "array[int]" = field(default_factory=lambda: array("q"))  # history rows that an entry holds
    withheld: set[tuple[str, datetime]] = field(default_factory=set)  # entries whose payload was removed
    live: int = 0

    def add(self, kind: Kind, place: str, message: str, order: int) -> None:
        """Note a flaw."""
        self.flaws.append(Flaw(kind, place, message, order))


def audited_models() -> list[type[models.Model]]:
    """List every governed model."""
    found = (
        model for model in apps.get_models() if issubclass(model, AuditedModel) and not model._meta.proxy
    )
    return sorted(found, key=lambda model: model._meta.label)


def check_rows(report: Report, *, progress: Callable[[str, int, int], None], spread: Spread = map) -> None:
    """Compare history with the ledger and live rows with history, model by model."""
    governed = audited_models()
    entered = list(entry_slices())
    work = [
        ([one for one in entered if one.label == model._meta.label], live_slices(model)) for model in governed
    ]
    results = iter(spread(check_slice, [one for entries, live in work for one in (*entries, *live)]))
    for done, (model, (entries, live)) in enumerate(zip(governed, work, strict=True), 1):
        seen: set[int] = set()
        withheld: set[tuple[str, datetime]] = set()
        for result in islice(results, len(entries)):
            report.extend(result.flaws)
            seen.update(result.seen)
            withheld |= result.withheld
        find_strangers(report, model, seen, withheld)
        report.count("history rows", len(seen))
        for result in islice(results, len(live)):
            report.extend(result.flaws)
            report.count("live rows", result.live)
        progress("governed models", done, len(governed))


def entry_slices() -> Iterator[Slice]:
    """Cut the entries about each kind of record into slices, in their order."""
    found = LedgerEntry.objects.order_by("subject_label", "verb").values_list("subject_label", "verb")
    bounds: dict[str, list[tuple[str, int, int]]] = {}
    for label, verb, first, last in found.annotate(first=Min("id"), last=Max("id")):
        bounds.setdefault(label, []).append((verb, first, last))
    for label, parts in bounds.items():
        verbs = tuple(verb for verb, _, _ in parts)
        last = max(last for *_, last in parts)
        for start in range(min(first for _, first, _ in parts), last + 1, SLICE):
            yield Slice(label, verbs, start, min(start + SLICE, last + 1))


def live_slices(model: type[models.Model]) -> list[Slice]:
    """Cut the live rows of a model into slices; the last one also looks for rows that are gone."""
    label, key = model._meta.label, model._meta.pk
    if not isinstance(key, models.IntegerField):
        return [Slice(label)]
    found = model._base_manager.aggregate(first=Min("pk"), last=Max("pk"))
    if found["first"] is None:
        return [Slice(label)]
    bounds = range(found["first"], found["last"] + 1, SLICE)
    return [Slice(label, (), start, start + SLICE) for start in bounds]


def check_slice(part: Slice) -> SliceResult:
    """Check one slice."""
    result = SliceResult()
    if part.verbs:
        check_entries(result, part)
    else:
        check_live_rows(result, part)
    return result


def check_entries(result: SliceResult, part: Slice) -> None:
    """Compare the history rows that the entries of a slice hold with the history."""
    entries = LedgerEntry.objects.filter(verb__in=part.verbs, id__gte=part.first, id__lt=part.end)
    sorted_out = suspect_entries(part.model, part.verbs, part.first, part.end or 0)
    if sorted_out is None:
        suspects = list(entries.filter(subject_label=part.label).order_by("id").values_list("id", flat=True))
    else:
        sound, suspects = sorted_out
        result.seen.extend(sound)
    check = HistoryCheck(result, part.model)
    for start in range(0, len(suspects), CHUNK):
        chosen = LedgerEntry.objects.filter(id__in=suspects[start : start + CHUNK]).order_by("id")
        check.compare(list(chosen.values_list("subject_id", "occurred_at", "payload__payload")))


class HistoryCheck:
    """History rows of one model against the entries that hold them, field by field."""

    def __init__(self, result: SliceResult, model: type[models.Model]) -> None:
        self.result = result
        self.label = model._meta.label
        self.key = model._meta.pk.attname
        self.records = history_model(model)
        self.format = row_format(model)

    def compare(self, entries: Sequence[tuple[str, datetime, str | None]]) -> None:
        """Check entries: what they are about, when, and their payload."""
        held = []
        for subject, at, text in entries:
            if text is None:
                self.result.withheld.add((subject, at))
                continue
            payload = _read(text)
            if payload is None:
                self.result.add(Kind.ALTERED, f"{self.label} {subject}", "a payload is unreadable", ROW_ORDER)
            elif "history" in payload:
                held.append(payload)
        self._compare(held)

    def _compare(self, payloads: list[dict[str, Any]]) -> None:
        ids = [payload["history"]["history_id"] for payload in payloads]
        found = self.records.objects.filter(history_id__in=ids).order_by()
        rows = {row["history_id"]: row for row in found.values(*ABOUT, *self.format.columns())}
        for payload in payloads:
            history_id = payload["history"]["history_id"]
            self.result.seen.append(history_id)
            place = f"history row {history_id} of {self.label} {payload['row'].get(self.key)}"
            row = rows.get(history_id)
            if row is None:
                self.result.add(Kind.MISSING, place, "it was entered, but is gone", ROW_ORDER)
                continue
            wrong = self.format.differences(payload["row"], row) + about_differences(payload["history"], row)
            if wrong:
                self.result.add(Kind.ALTERED, place, f"not as entered: {', '.join(wrong)}", ROW_ORDER)


def _read(text: str) -> dict[str, Any] | None:
    """Read a payload; None when somebody made something else of it."""
    try:
        payload = json.loads(text)
    except ValueError:
        return None
    if not isinstance(payload, dict):
        return None
    if "history" in payload:
        about, row = payload["history"], payload.get("row")
        whole = isinstance(about, dict) and isinstance(row, dict) and type(about.get("history_id")) is int
        return payload if whole else None
    return payload


def find_strangers(
    report: Report, model: type[models.Model], seen: set[int], withheld: set[tuple[str, datetime]]
) -> None:
    """Name history rows that no entry holds."""
    records, key = history_model(model), model._meta.pk.attname
    if not withheld and records.objects.count() == len(seen):
        return
    rows = records.objects.order_by("history_id").values_list("history_id", key, "history_date")
    strange = [
        (history_id, str(value))
        for history_id, value, at in rows.iterator(chunk_size=CHUNK)
        if history_id not in seen and (str(value), at) not in withheld
    ]
    for start in range(0, len(strange), CHUNK):
        part = strange[start : start + CHUNK]
        fresh = _entered_meanwhile(model._meta.label, {value for _, value in part})
        for history_id, value in part:
            if history_id not in fresh:
                place = f"history row {history_id} of {model._meta.label} {value}"
                report.add(Kind.INSERTED, place, "no entry holds it", ROW_ORDER)


def _entered_meanwhile(label: str, keys: Iterable[str]) -> set[Any]:
    """Return the history rows that entries about these records hold now: people go on working."""
    entries = LedgerEntry.objects.filter(subject_label=label, subject_id__in=list(keys))
    payloads = map(_read, entries.exclude(payload=None).values_list("payload__payload", flat=True))
    return {payload["history"]["history_id"] for payload in payloads if payload and "history" in payload}


def check_live_rows(result: SliceResult, part: Slice) -> None:
    """Compare each live row with its newest history row, and look for rows that one side lacks."""
    model = part.model
    suspects, result.live = suspect_rows(model, part.first, part.end, ignored=UNGOVERNED)
    for start in range(0, len(suspects), CHUNK):
        _compare_live_rows(result, model, suspects[start : start + CHUNK])
    if part.end is None or not model._base_manager.filter(pk__gte=part.end).exists():
        _find_lost(result, model, model._meta.pk.attname)


def _compare_live_rows(result: SliceResult, model: type[models.Model], keys: Sequence[Any]) -> None:
    records, key = history_model(model), model._meta.pk.attname
    tracked = [tracked.attname for tracked in records.tracked_fields]
    newest = (
        records.objects.filter(**{key: OuterRef(key)})
        .order_by("-history_date", "-history_id")
        .values("history_id")[:1]
    )
    live = model._base_manager.filter(pk__in=keys).order_by(key).annotate(_newest=Subquery(newest))
    rows = list(live.values("_newest", *tracked))
    found = records.objects.filter(
        history_id__in=[row["_newest"] for row in rows if row["_newest"]]
    ).order_by()
    history = {row["history_id"]: row for row in found.values("history_id", "history_type", *tracked)}
    for row in rows:
        _compare_live(result, f"{model._meta.label} {row[key]}", row, history.get(row["_newest"]), tracked)


def _compare_live(
    result: SliceResult, place: str, row: dict[str, Any], record: dict[str, Any] | None, tracked: list[str]
) -> None:
    if record is None or record["history_type"] == "-":
        message = "it has no history" if record is None else "it was deleted, but is there"
        result.add(Kind.INSERTED, place, message, ROW_ORDER + 1)
        return
    wrong = [name for name in tracked if name not in UNGOVERNED and row[name] != record[name]]
    if wrong:
        result.add(
            Kind.ALTERED, place, f"not as in its newest history row: {', '.join(wrong)}", ROW_ORDER + 1
        )


def _find_lost(result: SliceResult, model: type[models.Model], key: str) -> None:
    """Name rows that are gone although their history does not end in a deletion."""
    records = history_model(model)
    gone = records.objects.filter(~Exists(model._base_manager.filter(pk=OuterRef(key)))).order_by()
    last_rows = gone.values(key).annotate(last=Max("history_id")).values("last")
    for lost in (
        records.objects.filter(history_id__in=last_rows).exclude(history_type="-").values_list(key, flat=True)
    ):
        result.add(
            Kind.MISSING, f"{model._meta.label} {lost}", "it is gone without a deletion", ROW_ORDER + 1
        )
