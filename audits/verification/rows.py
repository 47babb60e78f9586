"""Governed rows against the ledger: every history row has its entry and is as entered; live rows are the newest ones."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Exists, Max, OuterRef, Subquery

from audits.models import LedgerEntry
from audits.row_formats import ABOUT, about_differences, row_format
from audits.verification.report import Kind, Report
from mlops_portal.foundation.history import AuditedModel, history_model

CHUNK = 2000
ROW_ORDER = 1 << 62


def audited_models() -> list[type[models.Model]]:
    """List every governed model."""
    found = (
        model for model in apps.get_models() if issubclass(model, AuditedModel) and not model._meta.proxy
    )
    return sorted(found, key=lambda model: model._meta.label)


def check_rows(report: Report, *, progress: Callable[[str, int, int], None]) -> None:
    """Compare history with the ledger and live rows with history, model by model."""
    governed = audited_models()
    for done, model in enumerate(governed, 1):
        HistoryCheck(report, model).run()
        check_live_rows(report, model)
        progress("governed models", done, len(governed))


class HistoryCheck:
    """The history rows of one model against the entries that hold them."""

    def __init__(self, report: Report, model: type[models.Model]) -> None:
        self.report = report
        self.label = model._meta.label
        self.key = model._meta.pk.attname
        self.records = history_model(model)
        self.format = row_format(model)
        self.seen: set[Any] = set()
        self.withheld: set[tuple[str, datetime]] = set()  # entries whose payload was removed

    def run(self) -> None:
        """Check every entry of this model, then look for history rows that no entry holds."""
        for rows in self._entries():
            held = [json.loads(payload) for *_, payload in rows if payload is not None]
            self.withheld.update((subject, at) for _, subject, at, payload in rows if payload is None)
            self._compare([payload for payload in held if "history" in payload])
        self._find_strangers()
        self.report.count("history rows", len(self.seen))

    def _entries(self) -> Iterator[list[tuple]]:
        entries = LedgerEntry.objects.filter(subject_label=self.label).order_by("id")
        last = 0
        while True:
            columns = ("id", "subject_id", "occurred_at", "payload__payload")
            rows = list(entries.filter(id__gt=last).values_list(*columns)[:CHUNK])
            if not rows:
                return
            yield rows
            last = rows[-1][0]

    def _compare(self, payloads: list[dict[str, Any]]) -> None:
        ids = [payload["history"]["history_id"] for payload in payloads]
        found = self.records.objects.filter(history_id__in=ids).order_by()
        rows = {row["history_id"]: row for row in found.values(*ABOUT, *self.format.columns())}
        for payload in payloads:
            history_id = payload["history"]["history_id"]
            self.seen.add(history_id)
            place = f"history row {history_id} of {self.label} {payload['row'].get(self.key)}"
            row = rows.get(history_id)
            if row is None:
                self.report.add(Kind.MISSING, place, "it was entered, but is gone", ROW_ORDER)
                continue
            wrong = self.format.differences(payload["row"], row) + about_differences(payload["history"], row)
            if wrong:
                self.report.add(Kind.ALTERED, place, f"not as entered: {', '.join(wrong)}", ROW_ORDER)

    def _find_strangers(self) -> None:
        if not self.withheld and self.records.objects.count() == len(self.seen):
            return
        rows = self.records.objects.order_by("history_id").values_list("history_id", self.key, "history_date")
        for history_id, key, at in rows.iterator(chunk_size=CHUNK):
            if history_id not in self.seen and (str(key), at) not in self.withheld:
                place = f"history row {history_id} of {self.label} {key}"
                self.report.add(Kind.INSERTED, place, "no entry holds it", ROW_ORDER)


def check_live_rows(report: Report, model: type[models.Model]) -> None:
    """Compare each live row with its newest history row, field by field, and look for rows that one side lacks."""
    records, key = history_model(model), model._meta.pk.attname
    tracked = [field.attname for field in records.tracked_fields]
    newest = (
        records.objects.filter(**{key: OuterRef(key)})
        .order_by("-history_date", "-history_id")
        .values("history_id")[:1]
    )
    live = model._base_manager.order_by(key).annotate(_newest=Subquery(newest))
    count, last = 0, None
    while True:
        after = live if last is None else live.filter(**{f"{key}__gt": last})
        rows = list(after.values("_newest", *tracked)[:CHUNK])
        if not rows:
            break
        last, count = rows[-1][key], count + len(rows)
        found = records.objects.filter(
            history_id__in=[row["_newest"] for row in rows if row["_newest"]]
        ).order_by()
        history = {row["history_id"]: row for row in found.values("history_id", "history_type", *tracked)}
        for row in rows:
            _compare_live(
                report, f"{model._meta.label} {row[key]}", row, history.get(row["_newest"]), tracked
            )
    _find_lost(report, model, key)
    report.count("live rows", count)


UNGOVERNED = frozenset(
    {"last_login"}
)  # Django notes it at each sign-in, without history: it is no governed fact


def _compare_live(
    report: Report, place: str, row: dict[str, Any], record: dict[str, Any] | None, tracked: list[str]
) -> None:
    if record is None or record["history_type"] == "-":
        message = "it has no history" if record is None else "it was deleted, but is there"
        report.add(Kind.INSERTED, place, message, ROW_ORDER + 1)
        return
    wrong = [name for name in tracked if name not in UNGOVERNED and row[name] != record[name]]
    if wrong:
        report.add(
            Kind.ALTERED, place, f"not as in its newest history row: {', '.join(wrong)}", ROW_ORDER + 1
        )


def _find_lost(report: Report, model: type[models.Model], key: str) -> None:
    """Name rows that are gone although their history does not end in a deletion."""
    records = history_model(model)
    gone = records.objects.filter(~Exists(model._base_manager.filter(pk=OuterRef(key)))).order_by()
    last_rows = gone.values(key).annotate(last=Max("history_id")).values("last")
    for lost in (
        records.objects.filter(history_id__in=last_rows).exclude(history_type="-").values_list(key, flat=True)
    ):
        report.add(
            Kind.MISSING, f"{model._meta.label} {lost}", "it is gone without a deletion", ROW_ORDER + 1
        )
