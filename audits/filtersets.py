"""Filters of the ledger."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import django_filters
from django.apps import apps
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.text import capfirst

from audits import events
from audits.models import LedgerEntry
from audits.reading.entries import find, kind_of
from mlops_portal.foundation.events import verbs
from mlops_portal.foundation.history import AuditedModel
from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.filters import ChoiceFacet, Facet, Filters, OneOfFacet, SearchFilter
from mlops_portal.foundation.web.forms import Day
from mlops_portal.foundation.work.models import Job

RIGHT = "audits.view_ledger"
PERIODS = [("1", "Last 24 hours"), ("7", "Last 7 days"), ("30", "Last 30 days"), ("90", "Last 90 days")]
NATURES = [
    ("signature", "Signatures"),
    ("act", "Acts"),
    ("row", "Changes of records"),
    ("access", "Exports and reads"),
    ("late", "Recorded late"),
    ("all", "Everything"),
]
NAMING = ("nature", "verb", "actor", "subject", "act", "q")  # who asks for these wants all there is of it


def leaves_out_reads(given: Mapping[str, str]) -> bool:
    """Tell whether a page of the ledger leaves out exports and reads: unless one asks for a kind, a person or a record."""
    return not any(given.get(name) for name in NAMING)


def units_of(request: Any) -> list[tuple[int, str]]:
    """Units whose ledger the reader may see."""
    visible = rights_of(request.user).units(RIGHT) if request else ()
    return list(BusinessUnit.objects.filter(pk__in=visible).order_by("name").values_list("pk", "name"))


def records_of(request: Any) -> list[tuple[str, str]]:
    """Kinds of records that have a history."""
    audited = [model for model in apps.get_models() if issubclass(model, AuditedModel)]
    labels = [
        (model._meta.label, capfirst(kind_of(model._meta.label)))
        for model in audited
        if not model.__name__.startswith("Historical")
    ]
    labels.append((Job._meta.label, "Job"))  # an export is one: it has entries, and no history of its own
    return sorted(labels, key=lambda pair: pair[1])


class LedgerSearch(SearchFilter):
    """Understands numbers, ids, CR-12 and names."""

    def filter(self, qs: Any, value: str) -> QuerySet:
        """Narrow."""
        return find(qs, value or "")


class DayFilter(django_filters.DateFilter):
    """A day as ISO text."""

    field_class = Day


class LedgerFilters(Filters):
    """Facets of the ledger. Verb, actor, record, act and times come by address, from links of entries."""

    q = LedgerSearch([], label="Number, entry id, CR-12, person or model")
    nature = OneOfFacet("Kind of entry", choices=NATURES, method="by_nature")
    record = ChoiceFacet("Record", choices=records_of, field_name="subject_label")
    unit = ChoiceFacet("Unit", choices=units_of, field_name="unit_id")
    period = OneOfFacet("Occurred", choices=PERIODS, method="by_period")
    verb = django_filters.CharFilter()
    actor = django_filters.CharFilter(field_name="actor_id")
    subject = django_filters.CharFilter(field_name="subject_id")
    model = django_filters.NumberFilter(field_name="model_id")
    act = django_filters.UUIDFilter(field_name="act_id")
    since = DayFilter(method="from_day")
    until = DayFilter(method="to_day")

    class Meta:
        model = LedgerEntry
        fields: list[str] = []

    def facets(self, counts: Mapping[str, Mapping[str, int]] | None = None) -> list[Facet]:
        """Say what the ledger shows while no kind is chosen."""
        found = super().facets(counts)
        if leaves_out_reads(self.data or {}):
            kinds = next(facet for facet in found if facet.name == "nature")
            kinds.items[0] = replace(kinds.items[0], label="All but exports and reads")
        return found

    def by_nature(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow to signatures, acts, changes of rows, reads, late entries, or not at all."""
        named = [verb.name for verb in verbs()]
        if value == "all":
            return rows
        if value == "signature":
            return rows.filter(subject_label="approvals.Signature")
        if value == "access":
            return rows.filter(verb__in=events.READS)
        if value == "late":
            return rows.filter(is_flagged=True)
        acts = Q(verb__in=named)
        return rows.filter(acts) if value == "act" else rows.exclude(acts)

    def by_period(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow to the newest days."""
        return rows.filter(occurred_at__gte=timezone.now() - timedelta(days=int(value)))

    def from_day(self, rows: QuerySet, name: str, value: Any) -> QuerySet:
        """Narrow to acts since the beginning of a day."""
        return rows.filter(occurred_at__gte=_midnight(value))

    def to_day(self, rows: QuerySet, name: str, value: Any) -> QuerySet:
        """Narrow to acts until the end of a day."""
        return rows.filter(occurred_at__lt=_midnight(value + timedelta(days=1)))


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


class PastModelFilters(Filters):
    """Facets of the inventory as of a moment; facets look at the row in force then."""

    q = SearchFilter(["name", "title"], label="Name or title")
    unit = ChoiceFacet("Unit then", choices=units_of, field_name="unit_id")
    tier = ChoiceFacet("Tier", choices=[(tier, f"Tier {tier}") for tier in (1, 2, 3, 4)])
