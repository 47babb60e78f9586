"""Filters of the lists of approvals."""

import re
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from approvals.models import ChangeRequest, Stage, Validation
from approvals.queries.inbox_page import DECIDED_DAYS, took_effect
from approvals.queries.validation_list import WAITS_FOR, ending
from approvals.states import ChangeKind, ChangeState
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.filters import ChoiceFacet, Filters, OneOfFacet, SearchFilter
from registry.models import RegisteredModel
from registry.states import Tier

TIERS = [(value, f"Tier {value}") for value in Tier.values]
EVIDENCE = [("complete", "Complete"), ("blocked", "A gate blocks"), ("none", "Gates have not run")]
EXECUTED = [("7", "In the last 7 days"), (str(DECIDED_DAYS), f"In the last {DECIDED_DAYS} days")]
DUE = [("overdue", "Overdue"), ("1", "Within a day"), ("7", "Within 7 days")]
ENDS = [
    ("ended", "Ended"),
    ("30", "Within 30 days"),
    ("60", "Within 60 days"),
    ("90", "Within 90 days"),
]
OFFERED = 200
NUMBER = re.compile(r"^(?:cr-?)?(\d{1,12})$", re.IGNORECASE)


def units_of(request: HttpRequest) -> list[tuple[int, str]]:
    """Offer the units whose requests the reader sees."""
    units = rights_of(request.user).units("approvals.view")
    return list(BusinessUnit.objects.filter(pk__in=units).order_by("name").values_list("pk", "name"))


class RequestSearch(SearchFilter):
    """Words in model, title or person; a number finds its request."""

    def __init__(self, prefix: str = "", **kwargs: Any) -> None:
        self.prefix = prefix
        fields = [f"{prefix}{name}" for name in ("title", "model__name", "model__title", "requester__name")]
        super().__init__(fields, label="Model, request or person", **kwargs)

    def filter(self, qs: QuerySet, value: str) -> QuerySet:
        """Narrow by number, else by words."""
        match = NUMBER.match((value or "").strip())
        if match is None:
            return super().filter(qs, value)
        key = f"{self.prefix.removesuffix('__')}_id" if self.prefix else "pk"
        return qs.filter(Q(**{key: int(match.group(1))}))


def by_evidence(queryset: QuerySet, value: str, prefix: str = "") -> QuerySet:
    """Narrow by what the gates say."""
    if value == "none":
        return queryset.filter(**{f"{prefix}gates_at__isnull": True})
    queryset = queryset.filter(**{f"{prefix}gates_at__isnull": False})
    found = {f"{prefix}gates_failed__gt": 0}
    return queryset.filter(**found) if value == "blocked" else queryset.exclude(**found)


class InboxFilters(Filters):
    """Facets of the approvals queues."""

    counts_facets = True
    q = RequestSearch("change__")
    tier = ChoiceFacet("Tier", choices=TIERS, field_name="change__decided_tier")
    unit = ChoiceFacet("Unit", choices=units_of, field_name="unit_id")
    kind = ChoiceFacet("Change", choices=ChangeKind.choices, field_name="change__kind")
    evidence = OneOfFacet("Evidence", choices=EVIDENCE[:2], method="filter_evidence")
    due = OneOfFacet("Due", choices=DUE, method="filter_due")

    class Meta:
        model = Stage
        fields: list[str] = []

    def filter_evidence(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        """Complete or blocked."""
        return by_evidence(queryset, value, "change__")

    def filter_due(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        """Overdue, or due within days."""
        now = timezone.now()
        if value == "overdue":
            return queryset.filter(due_at__lt=now)
        return queryset.filter(due_at__lt=now + timedelta(days=int(value)))


class ChangeFilters(Filters):
    """Facets of the list of requests."""

    q = RequestSearch()
    state = ChoiceFacet("State", choices=ChangeState.choices)
    tier = ChoiceFacet("Tier", choices=TIERS, field_name="decided_tier")
    unit = ChoiceFacet("Unit", choices=units_of, field_name="unit_id")
    kind = ChoiceFacet("Change", choices=ChangeKind.choices)
    evidence = OneOfFacet("Evidence", choices=EVIDENCE, method="filter_evidence")
    executed = OneOfFacet("Executed", choices=EXECUTED, method="filter_executed")

    class Meta:
        model = ChangeRequest
        fields: list[str] = []

    def filter_executed(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow to what took effect in the last days."""
        return queryset.filter(Exists(took_effect(timezone.now(), int(value)))) if value else queryset

    def filter_evidence(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        """Complete, blocked, or not run."""
        return by_evidence(queryset, value)


def _validations_seen(request: HttpRequest | None, **of: Any) -> QuerySet[Validation]:
    return Validation.objects.visible_to(request.user).filter(**of) if request else Validation.objects.none()


def validators_of(request: HttpRequest | None) -> list[tuple[int, str]]:
    """Offer who validated something that the reader sees (at most 200)."""
    theirs = _validations_seen(request, validator=OuterRef("pk"))
    return list(User.objects.filter(Exists(theirs)).order_by("name").values_list("pk", "name")[:OFFERED])


def validated_models_of(request: HttpRequest | None) -> list[tuple[int, str]]:
    """Offer the models with a validation that the reader sees (at most 200)."""
    rows = RegisteredModel.objects.filter(Exists(_validations_seen(request, model=OuterRef("pk"))))
    return [(row.pk, str(row)) for row in rows.only("name", "title").order_by("title", "name")[:OFFERED]]


class ValidationFilters(Filters):
    """Facets of the list of validations."""

    counts_facets = True
    q = SearchFilter(
        ["model__name", "model__title", "version__label", "validator__name"],
        label="Model, version or validator",
    )
    mine = OneOfFacet("Whose", choices=[("yes", "Mine")], method="filter_mine")
    state = ChoiceFacet("State", choices=Validation.State.choices)
    outcome = ChoiceFacet("Outcome", choices=Validation.Outcome.choices)
    waits = ChoiceFacet("Waits for", choices=WAITS_FOR, field_name="waits_for")
    ends = OneOfFacet("Validity ends", choices=ENDS, method="filter_ends")
    tier = ChoiceFacet("Tier", choices=TIERS, field_name="model__tier")
    unit = ChoiceFacet("Unit", choices=units_of, field_name="unit_id")
    model = ChoiceFacet("Model", choices=validated_models_of, field_name="model_id")
    validator = ChoiceFacet("Validator", choices=validators_of, field_name="validator_id")
    kind = ChoiceFacet("Kind", choices=Validation.Kind.choices)

    class Meta:
        model = Validation
        fields: list[str] = []

    def filter_mine(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow to those whose validator asks."""
        return queryset.filter(validator=self.request.user) if value else queryset

    def filter_ends(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow to those that ended, or end within days, and that no later one follows."""
        if not value:
            return queryset
        return ending(queryset, timezone.now(), None if value == "ended" else int(value))
