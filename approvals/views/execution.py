"""From approved to running and back: planning, starting, reporting, aborting, the short way back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from approvals import forms, policies
from approvals.models import ChangeRequest, Execution
from approvals.queries import execution_panel
from approvals.queries.way_back import criteria_of
from approvals.services import containment, executions
from approvals.services.rollouts import is_manual
from approvals.states import ENDING_KINDS
from approvals.traffic import next_step_words, traffic_words
from approvals.views.scope import ChangeMixin, change_crumbs
from approvals.views.signing import SignedMixin
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.access import is_fragment
from mlops_portal.foundation.web.pages import ActionPage, PanelPage
from registry.models import Deployment
from registry.states import DeploymentState

OPERATE = ("approvals.execute", "approvals.rollback")


class ExecutionPanel(ChangeMixin, PanelPage):
    """How far a change is carried out. On the page of the request it asks for itself until nothing goes on."""

    queryset = ChangeRequest.objects.select_related("model", "unit")
    template_name, title = "approvals/change_executions.html", "Execution of {object.code}"

    def more(self) -> Mapping[str, Any]:
        """Read it, and what changed since the page was opened."""
        given = self.request.GET
        found = execution_panel.read(
            self.object, now=self.now, opened=given.get("opened", ""), said=given.get("said", "")
        )
        return {**found, "is_fragment": is_fragment(self.request)}


class Schedule(ChangeMixin, ActionPage):
    """Plan the start of an approved change."""

    crumb = "Plan the start"
    right, form_class, title, submit = OPERATE, forms.Start, "Plan the start of {object}", "Plan the start"

    def initial(self) -> dict[str, Any]:
        """Start with the approved window."""
        return {"start_at": self.object.window_starts_at or self.now}

    def act(self, *, by: Any, now: datetime, **data: Any) -> ChangeRequest:
        """Plan it."""
        return executions.change_schedule(change=self.object, by=by, now=now, **data)

    def done(self, result: ChangeRequest) -> tuple[str, str]:
        """Show the request."""
        return f"{self.object.code} is planned.", self.object.get_absolute_url()


class Start(ChangeMixin, ActionPage):
    """Start an approved change: the act is the button."""

    crumb = "Start"
    right, title, submit, template_name = (
        OPERATE,
        "Start {object}",
        "Start {object} now",
        "approvals/start.html",
    )

    def blockers(self) -> list[Blocker]:
        """Outside its window or by an approver nothing starts."""
        change = self.object
        return policies.start_blockers(
            change,
            by=self.request.user,
            signers=executions.signers_of(change),
            is_manual=is_manual(change),
            now=self.now,
        )

    def get_back_url(self) -> str:
        """Return to the request."""
        return self.object.get_absolute_url()

    def more(self) -> Mapping[str, Any]:
        """Say what happens to the traffic."""
        return {"traffic": traffic_words(self.object), "ends_service": self.object.kind in ENDING_KINDS}

    def act(self, *, by: Any, now: datetime, **data: Any) -> ChangeRequest:
        """Start it."""
        return executions.change_execute_now(change=self.object, by=by, now=now)

    def done(self, result: ChangeRequest) -> tuple[str, str]:
        """Show the request."""
        return f"{self.object.code} is started.", self.object.get_absolute_url()


class ExecutionMixin:
    """Finds one attempt."""

    queryset = Execution.objects.select_related(
        "change__model__owner", "change__unit", "change__environment", "change__version", "unit", "started_by"
    )
    right: Any = OPERATE
    object_name = "execution"
    object: Any

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the request."""
        return [*change_crumbs(self.object.change), (self.get_title(), "")]

    def done(self, result: Any) -> tuple[str, str]:
        """Show the request."""
        change = ChangeRequest.objects.get(pk=self.object.change_id)
        return f"{change.code} {change.predicate}.", self.object.change.get_absolute_url()


class ExecutionConfirm(ExecutionMixin, ActionPage):
    """Report what became of a step that the portal cannot see."""

    form_class, title, submit = forms.ExecutionReport, "Report on {object}", "Report"

    def blockers(self) -> list[Blocker]:
        """Approvers report nothing, and what is settled is settled."""
        change = self.object.change
        return policies.settle_blockers(
            change,
            self.object,
            by=self.request.user,
            signers=executions.signers_of(change),
            now=self.now,
        )

    def more(self) -> Mapping[str, Any]:
        """Name the step of the traffic plan that is reported, and whether the one before is held."""
        if self.object.state != Execution.State.WAITING:
            return {}
        change, done = self.object.change, list(self.object.steps.order_by("intended_at", "pk"))
        last_at = done[-1].finished_at if done else None
        held = policies.step_blockers(change, taken=len(done), last_at=last_at, now=self.now)
        said = [next_step_words(change, len(done)), *(blocker.message for blocker in held)]
        return {"lede": " ".join([*said, *(["Until then only a failure can be reported."] if held else [])])}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Execution:
        """Report it."""
        return executions.execution_confirm(execution=self.object, by=by, now=now, **data)


class ExecutionAbort(ExecutionMixin, ActionPage):
    """Stop before the first step took effect."""

    form_class, title, submit, danger = forms.Reason, "Abort {object}", "Abort", True
    lede = "Before the first step an abort is neither a rollback nor a failure. The approval stands."

    def act(self, *, by: Any, now: datetime, **data: Any) -> Execution:
        """Abort it."""
        return executions.execution_abort(execution=self.object, by=by, now=now, **data)


class ContainmentMixin(SignedMixin):
    """Acts of one person on what serves now."""

    queryset = Deployment.objects.select_related(
        "model__unit", "version__model", "environment", "unit", "replaces__version"
    )
    right = "approvals.rollback"
    object_name = "deployment"
    form_class, danger = forms.Containment, True
    object: Any
    now: datetime

    def done(self, result: ChangeRequest) -> tuple[str, str]:
        """Show the request that records it."""
        return f"{result.code} is filed, released and started.", result.get_absolute_url()


class RollBack(ContainmentMixin, ActionPage):
    """Back to the version that was approved as the way back: target, its criteria, what it takes."""

    template_name = "approvals/roll_back.html"

    def get_title(self) -> str:
        """Name what serves."""
        return f"Roll back {self.object.version} in {self.object.environment}"

    def get_submit(self) -> str:
        """Name the target in the button."""
        target = containment.preapproved_target(self.object)
        return f"Sign and roll back to {target.name}" if target else "Sign and roll back"

    def blockers(self) -> list[Blocker]:
        """Why the short way is not open."""
        return containment.rollback_blockers(self.object, by=self.request.user)

    def act(self, *, by: Any, now: datetime, **data: Any) -> ChangeRequest:
        """Go back."""
        return containment.roll_back(deployment=self.object, by=by, now=now, **data)

    def more(self) -> Mapping[str, Any]:
        """Show the target with each criterion of the last good version."""
        target = containment.preapproved_target(self.object)
        return {
            **super().more(),
            "target": target,
            "release": containment.release_of(self.object),
            "criteria": criteria_of(self.object, target, now=self.now) if target else [],
            **self._instead(),
        }

    def _instead(self) -> dict[str, str]:
        """Say where a rollback is requested when the short way is closed: whoever rolls back may file that."""
        if self.object.state != DeploymentState.LIVE:
            return {}
        named = {
            "model": self.object.model_id,
            "environment": self.object.environment_id,
            "kind": "rollback",
        }
        return {"file_instead": f"{reverse('approvals:new')}?{urlencode(named)}"}


class Suspend(ContainmentMixin, ActionPage):
    """Stop what serves."""

    def get_title(self) -> str:
        """Name what serves."""
        return f"Suspend {self.object.version} in {self.object.environment}"

    def get_submit(self) -> str:
        """Name it in the button."""
        return f"Sign and suspend {self.object.version.name}"

    def blockers(self) -> list[Blocker]:
        """Only what serves is suspended."""
        if self.object.state == DeploymentState.LIVE:
            return []
        return [Blocker("nothing_serves", "This deployment does not serve.")]

    def act(self, *, by: Any, now: datetime, **data: Any) -> ChangeRequest:
        """Stop it."""
        return containment.suspend(deployment=self.object, by=by, now=now, **data)
