"""Where versions run: environments and deployments."""

from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.urls import reverse

from mlops_portal.foundation.people.models import UnitClosure
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.people.scoped import ScopedQuerySet
from registry.models.columns import ScopedRecord, person_key, unit_key
from registry.models.models import RegisteredModel
from registry.models.versions import ModelVersion
from registry.states import (
    CURRENT_DEPLOYMENT_STATES,
    Connector,
    DeploymentKind,
    DeploymentState,
    Provider,
)


class EnvironmentQuerySet(ScopedQuerySet):
    """Environments. What a unit runs serves the units below it: their people see it, and nothing else of that unit."""

    model_column = None

    def visible_to(self, user: Any, right: str | None = None) -> Self:
        """Those of one's units and, to look at, those of the units above."""
        right = right or self.view_right
        rights = rights_of(user)
        if right != self.view_right or rights.everywhere(right):
            return super().visible_to(user, right)
        models_seen = RegisteredModel.objects.filter(pk__in=rights.models(right)).values("unit_id")
        below = Q(descendant_id__in=rights.units(right)) | Q(descendant_id__in=models_seen)
        return self.filter(unit_id__in=UnitClosure.objects.filter(below).values("ancestor_id"))


class Environment(ScopedRecord):
    """A place that serves models, in a cloud, a data centre or at the edge."""

    objects = models.Manager.from_queryset(EnvironmentQuerySet)()

    unit = unit_key("environments")
    name = models.CharField(max_length=120, unique=True)
    provider = models.CharField(max_length=16, choices=Provider.choices)
    region = models.CharField(max_length=80, blank=True)
    is_production = models.BooleanField(default=False)
    connector = models.CharField(max_length=20, choices=Connector.choices, default=Connector.MANUAL)
    alias = models.CharField(max_length=255, blank=True)  # what `registry_alias` moves
    description = models.TextField(blank=True)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(connector="registry_alias") | ~Q(alias=""),
                name="alias_connector_names_its_alias",
            )
        ]

    def __str__(self) -> str:
        return self.name


class DeploymentQuerySet(ScopedQuerySet):
    """Deployments."""

    def live(self) -> Self:
        """Those that serve now."""
        return self.filter(state=DeploymentState.LIVE)

    def current(self) -> Self:
        """Those that stand in their environment now: carried out at the moment, suspended, or serving."""
        return self.filter(state__in=CURRENT_DEPLOYMENT_STATES)


class Deployment(ScopedRecord):
    """A version put into an environment. Times feed the KPIs; `change_id` names the change request above."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="deployments")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="deployments")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="deployments")
    unit = unit_key()
    state = models.CharField(
        max_length=12, choices=DeploymentState.choices, default=DeploymentState.IN_PROGRESS
    )
    kind = models.CharField(max_length=10, choices=DeploymentKind.choices, default=DeploymentKind.NORMAL)
    traffic_percent = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)  # superseded, rolled back, suspended or stopped
    replaces = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )
    batch = models.CharField(max_length=80, blank=True)  # deployments of one pipeline run count once
    change_id = models.BigIntegerField(null=True, blank=True)  # a change request: an app above, hence no key
    caused_by_incident = models.CharField(max_length=80, blank=True)
    triggered_by = person_key(null=True)  # empty: the portal's executor
    document_score = models.FloatField(null=True, blank=True)  # frozen at start (kpis.md 1.10)
    document_threshold = models.FloatField(null=True, blank=True)
    tier = models.PositiveSmallIntegerField(null=True, blank=True)  # as it was decided
    is_test = models.BooleanField(default=False)
    note = models.TextField(blank=True)

    objects = models.Manager.from_queryset(DeploymentQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "environment"],
                condition=Q(state="live"),
                name="one_live_version_per_environment",
            ),
            models.CheckConstraint(condition=Q(traffic_percent__lte=100), name="traffic_at_most_100"),
        ]
        indexes = [
            models.Index(fields=["unit", "started_at", "id"]),
            models.Index(fields=["started_at", "id"]),
            models.Index(fields=["finished_at"]),
            models.Index(fields=["model", "environment", "state"]),
            models.Index(fields=["change_id"]),
            models.Index(
                fields=["environment", "state", "-started_at", "-id", "unit"],
                condition=Q(state__in=["in_progress", "suspended", "live"]),
                name="deployment_now",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} in {self.environment}"

    def get_absolute_url(self) -> str:
        """Return the deployment's page."""
        return reverse("registry:deployment-detail", args=[self.pk])
