"""What the numbers are held against, and the numbers as they were computed."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from kpis import definitions
from mlops_portal.foundation.history import AuditedModel
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.people.scoped import ScopedPlainQuerySet, ScopedQuerySet
from mlops_portal.foundation.web.words import day_text

UNTARGETED = ("deployment_frequency",)


def _person(*, null: bool = False) -> models.ForeignKey:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=null, blank=null, related_name="+"
    )


def _unit() -> models.ForeignKey:
    """The unit a row speaks of; empty for the whole enterprise."""
    return models.ForeignKey(
        "foundation.BusinessUnit", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )


class TargetQuerySet(ScopedQuerySet):
    """Targets, seen by those who may see the numbers of their unit."""

    view_right = "kpis.view"
    model_column = None

    def visible_to(self, user: Any, right: str | None = None) -> Self:
        """Add the targets of the whole enterprise: they hold for whoever sees any number."""
        asked = right or self.view_right
        rights = rights_of(user)
        if not rights.has(asked):
            return self.none()
        return self.filter(Q(unit_id__in=rights.units(asked)) | Q(unit__isnull=True))


class SnapshotQuerySet(ScopedPlainQuerySet):
    """Computed values, seen by those who may see the numbers of their unit."""

    view_right = "kpis.view"
    model_column = None


class KpiTarget(AuditedModel):
    """A target and its limits from a day on. One person proposes, another approves; an older one keeps its line."""

    kpi = models.CharField(max_length=60)
    unit = _unit()
    tier = models.PositiveSmallIntegerField(null=True, blank=True)
    value = models.FloatField()
    green_limit = models.FloatField()
    amber_limit = models.FloatField()
    valid_from = models.DateField()
    reason = models.TextField(blank=True)
    proposed_by = _person()
    proposed_at = models.DateTimeField()
    approved_by = _person(null=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    declined_by = _person(null=True)
    declined_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager.from_queryset(TargetQuerySet)()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(kpi__in=UNTARGETED),
                name="no_target_on_deployment_frequency",
                violation_error_message="Deployment frequency has no target: stability is no fault.",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("proposed_by")),
                name="kpi_target_by_two_people",
                violation_error_message="Someone other than the proposer must approve a target.",
            ),
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True, approved_by__isnull=True)
                | Q(approved_at__isnull=False, approved_by__isnull=False),
                name="kpi_target_approved_at_and_by_together",
            ),
            models.CheckConstraint(
                condition=Q(declined_at__isnull=True, declined_by__isnull=True)
                | Q(declined_at__isnull=False, declined_by__isnull=False, approved_at__isnull=True),
                name="kpi_target_declined_at_and_by_together",
            ),
            models.CheckConstraint(
                condition=Q(tier__isnull=True) | Q(tier__gte=1, tier__lte=4),
                name="kpi_target_tier_one_to_four",
            ),
        ]
        indexes = [models.Index(fields=["kpi", "unit", "tier", "-valid_from", "-id"])]

    def __str__(self) -> str:
        return f"{self.label}, from {day_text(self.valid_from)}"

    def get_absolute_url(self) -> str:
        """Return the target's page."""
        return reverse("kpis:target-detail", args=[self.pk])

    @property
    def label(self) -> str:
        """The KPI's name as people read it."""
        return definitions.get(self.kpi).label

    @property
    def scope_text(self) -> str:
        """Where it holds."""
        place = self.unit.name if self.unit_id else "All units"
        return f"{place}, tier {self.tier}" if self.tier else place

    @property
    def state(self) -> str:
        """How far it is."""
        if self.declined_at:
            return "declined"
        return "approved" if self.approved_at else "proposed"


class KpiSnapshot(models.Model):
    """One computed value with what is needed to compute it again.

    Rows are never changed: late data give a new row, and a ``frozen`` one is what a report has shown.
    """

    kpi = models.CharField(max_length=60)
    formula_version = models.CharField(max_length=80)
    unit = _unit()
    scope = models.JSONField(default=dict, blank=True)
    scope_digest = models.CharField(max_length=64)  # finds the series of a scope without searching JSON
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    numerator = models.FloatField(null=True, blank=True)
    denominator = models.FloatField(null=True, blank=True)
    n = models.PositiveIntegerField(default=0)
    value = models.FloatField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    source_digest = models.CharField(max_length=64, blank=True)  # over the rows that were counted
    detail = models.JSONField(
        default=dict, blank=True
    )  # what else a page shows: percentiles, parts, cells, errors
    computed_at = models.DateTimeField()
    frozen = models.BooleanField(default=False)

    objects = models.Manager.from_queryset(SnapshotQuerySet)()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(window_end__gte=F("window_start")), name="kpi_snapshot_window_in_order"
            ),
            models.CheckConstraint(
                condition=Q(value__isnull=False) | ~Q(reason=""), name="kpi_snapshot_value_or_reason"
            ),
        ]
        indexes = [
            models.Index(fields=["kpi", "scope_digest", "window_end", "-computed_at"]),
            models.Index(fields=["unit", "kpi", "window_end"]),
        ]

    def __str__(self) -> str:
        return f"{self.kpi} to {self.window_end:%Y-%m-%d}"
