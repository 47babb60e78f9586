"""Deployments and environments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from mlops_portal.foundation.history import history_model
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import Action, ActionPage, CreatePage, DetailPage, ListPage, Preset
from mlops_portal.foundation.web.panels import PlacedPanel, panels_for
from registry import filtersets, forms, tables
from registry.behind import tell_requests
from registry.gates import ClosedActs, closed_acts_of
from registry.models import Deployment, Environment
from registry.services import operations as services
from registry.states import DeploymentState

DEPLOYMENT_ACTIONS = (
    Action("Environments", "registry:environment-list", right="registry.view", icon="deploy"),
)


@dataclass(frozen=True, slots=True)
class Act:
    """What a person may do with a deployment, or why not now."""

    panel: PlacedPanel
    blockers: Sequence[Blocker] = ()


def acts_on(deployment: Deployment, *, user: User, closed: ClosedActs) -> list[Act]:
    """Return what the person may do with a deployment, and which of it is closed now."""
    offered = panels_for(deployment, user=user, place="action")
    return [Act(panel, closed.get(panel.name, ())) for panel in offered]


class DeploymentList(ListPage):
    """What was put where."""

    queryset = Deployment.objects.select_related("model", "version", "environment", "unit")
    filterset_class, table_class = filtersets.DeploymentFilters, tables.DeploymentTable
    title, noun, right = "Deployments", "deployment", "registry.view"
    exports = ("csv", "xlsx")
    actions = DEPLOYMENT_ACTIONS
    headline_name = "registry/deployment_views.html"
    presets = (
        Preset("All", ""),
        Preset("Live in production", "state=live&production=true"),
        Preset("Rolled back or failed", "state=rolled_back&state=failed"),
    )
    empty_title = "Nothing deployed yet"
    empty_text = "Deployments appear when an approved change request is executed."

    def more(self) -> Mapping[str, Any]:
        """Say which of the two views this is, and which request is behind each deployment of the page."""
        found = {**super().more(), "view": "list"}
        tell_requests(self.request.user, found["rows_page"].rows)
        return found


AFTER = 5
ENDED_FOR_A_REASON = frozenset(
    {
        DeploymentState.FAILED,
        DeploymentState.ABORTED,
        DeploymentState.ROLLED_BACK,
        DeploymentState.SUSPENDED,
        DeploymentState.STOPPED,
    }
)


class DeploymentDetail(DetailPage):
    """One deployment."""

    queryset = Deployment.objects.select_related(
        "model", "version__model", "environment", "unit", "replaces__version", "triggered_by"
    )
    template_name, right, object_name = "registry/deployment.html", "registry.view", "deployment"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the list."""
        return [("Deployments", reverse("registry:deployment-list")), (str(self.object), "")]

    def more(self) -> Mapping[str, Any]:
        """Name the request behind it, and say what may be done with it now."""
        tell_requests(self.request.user, [self.object])
        closed = closed_acts_of([self.object]).get(self.object.pk, {})
        after = Deployment.objects.visible_to(self.request.user).filter(replaces=self.object)
        return {
            "behind": self.object.request_behind,
            "acts": acts_on(self.object, user=self.request.user, closed=closed),
            "after": list(after.select_related("version").order_by("started_at", "pk")[:AFTER]),
            "why": self._why(),
        }

    def _why(self) -> str:
        """Return the reason that was given when it ended other than by a successor; history keeps it."""
        if self.object.state not in ENDED_FOR_A_REASON:
            return ""
        rows = history_model(Deployment).objects.filter(id=self.object.pk, state=self.object.state)
        first = (
            rows.order_by("history_date", "history_id")
            .values_list("history_change_reason", flat=True)
            .first()
        )
        return first or ""


class EnvironmentList(ListPage):
    """Where versions can run."""

    queryset = Environment.objects.filter(closed_at__isnull=True).select_related("unit")
    filterset_class, table_class = filtersets.EnvironmentFilters, tables.EnvironmentTable
    title, noun, right = "Environments", "environment", "registry.view"
    exports = ("csv",)
    actions = (
        Action(
            "Add an environment",
            "registry:environment-create",
            right="registry.manage_environments",
            icon="plus",
            primary=True,
        ),
    )
    empty_title = "No environment yet"
    empty_text = "Add the places that serve models: clouds, data centres, edge."

    def get_queryset(self) -> QuerySet:
        """Count what serves there, as far as the reader may see it."""
        seen = Deployment.objects.visible_to(self.request.user).filter(state=DeploymentState.LIVE)
        live = Count("deployments", filter=Q(deployments__in=seen))
        return super().get_queryset().annotate(live_count=live)


class EnvironmentDetail(DetailPage):
    """One environment and what serves in it."""

    queryset = Environment.objects.select_related("unit")
    template_name, right, object_name = "registry/environment.html", "registry.view", "environment"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the list."""
        return [("Environments", reverse("registry:environment-list")), (str(self.object), "")]

    def check_scope(self, subject: Any) -> None:
        """Ask for nothing on its unit: people of the units below may look at it, too."""

    def more(self) -> Mapping[str, Any]:
        """Read what serves (newest 200) as far as the reader may see it."""
        rows = Deployment.objects.visible_to(self.request.user).filter(environment=self.object)
        live = rows.live().select_related("model__unit", "version")
        return {"live": list(live.order_by("-started_at", "-pk")[:200])}


class EnvironmentCreate(CreatePage):
    """Add a place that serves versions."""

    form_class, right = forms.EnvironmentEntry, "registry.manage_environments"
    title, submit, back_url = "Add an environment", "Add environment", "registry:environment-list"
    crumbs = (("Environments", "/environments/"),)

    def form_kwargs(self) -> dict[str, Any]:
        """Offer only units the person may manage."""
        return {"user": self.request.user}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Environment:
        """Add it."""
        return services.environment_create(by=by, now=now, **data)

    def done(self, result: Environment) -> tuple[str, str]:
        """Show it."""
        return f"{result.name} is added.", reverse("registry:environment-detail", args=[result.pk])


class EnvironmentClose(ActionPage):
    """Close an environment in which nothing serves."""

    queryset, right = Environment.objects.filter(closed_at__isnull=True), "registry.manage_environments"
    object_name, form_class, danger = "environment", forms.Reason, True
    title, submit = "Close {object}", "Close {object}"

    def act(self, *, by: Any, now: datetime, **data: Any) -> Environment:
        """Close it."""
        return services.environment_close(environment=self.object, by=by, now=now, **data)

    def done(self, result: Environment) -> tuple[str, str]:
        """Return to the list."""
        return f"{result.name} is closed.", reverse("registry:environment-list")
