"""What approvals leave behind: conditions verified, lapses settled."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.functional import cached_property

from approvals import forms, policies
from approvals.models import Condition, Lapse
from approvals.services.conditions import condition_verify
from approvals.services.declarations import condition_declare
from approvals.services.lapses import lapse_close, lapse_ways_out
from approvals.views.scope import change_crumbs
from approvals.views.validations import crumbs_of
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import ActionPage

SET_BY = ("validation__version__model", "validation__model")
RELATED = (
    "change__model__owner",
    "change__model__developer",
    "change__version",
    "change__unit",
    "model",
    "unit",
)


class ConditionVerify(ActionPage):
    """Say whether a condition is met."""

    queryset = Condition.objects.select_related(*RELATED, *SET_BY, "owner", "verifier", "decision")
    right, object_name, form_class = "approvals.view", "condition", forms.Verification
    title, submit, template_name = "Verify a condition", "Note what you saw", "approvals/condition.html"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the request or the validation that set it."""
        condition = self.object
        if condition.change is not None:
            return [*change_crumbs(condition.change), (self.get_title(), "")]
        page = (condition.validation.version.name, condition.get_origin_url())
        return [*crumbs_of(condition.model), page, (self.get_title(), "")]

    def blockers(self) -> list[Blocker]:
        """Only its verifier says so."""
        return policies.verification_blockers(self.object, by=self.request.user)

    def act(self, *, by: Any, now: datetime, **data: Any) -> Condition:
        """Note it."""
        return condition_verify(condition=self.object, by=by, now=now, **data)

    def done(self, result: Condition) -> tuple[str, str]:
        """Return to the queue."""
        said = (
            "is met" if result.state == Condition.State.MET else f"stays open; {result.owner.name} reads why"
        )
        return f"The condition {said}.", f"{reverse('approvals:inbox')}?queue=conditions"


class ConditionDeclare(ConditionVerify):
    """Declare that a condition is met, for its verifier to look."""

    form_class = forms.Declaration
    title, submit = "Declare a condition met", "Declare it met"

    def blockers(self) -> list[Blocker]:
        """Only its owner says so, once until it was looked at."""
        return policies.declaration_blockers(self.object, by=self.request.user)

    def act(self, *, by: Any, now: datetime, **data: Any) -> Condition:
        """Tell the verifier."""
        return condition_declare(condition=self.object, by=by, now=now, **data)

    def done(self, result: Condition) -> tuple[str, str]:
        """Return to what set it."""
        said = f"Declared met; {result.verifier.name} is told and looks."
        return said, f"{self.object.get_origin_url()}#conditions"


class LapseClose(ActionPage):
    """Settle a lapse by one of four ways; each is proved by a record."""

    queryset = Lapse.objects.select_related(*RELATED, "owner", "waiver", "condition")
    right, object_name, form_class = "approvals.view", "lapse", forms.LapseClosing
    title, submit, template_name = "Settle a lapse", "Settle it", "approvals/lapse.html"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the request."""
        return [*change_crumbs(self.object.change), (self.get_title(), "")]

    def blockers(self) -> list[Blocker]:
        """Only some people settle it, and only by a record that is there."""
        found = policies.lapse_blockers(self.object, by=self.request.user)
        if not found and all(missing for _, missing in self.ways_out):
            found.append(Blocker("no_record", "No record proves any of the four ways out yet."))
        return found

    @cached_property
    def ways_out(self) -> list[tuple[str, str]]:
        """The four ways out with what is missing for each."""
        return lapse_ways_out(self.object, now=self.now) if self.object.closed_at is None else []

    def more(self) -> Mapping[str, Any]:
        """Add the ways out."""
        return {**super().more(), "ways_out": self.ways_out, "is_overdue": self.object.due_at < self.now}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Lapse:
        """Settle it."""
        return lapse_close(lapse=self.object, by=by, now=now, **data)

    def done(self, result: Lapse) -> tuple[str, str]:
        """Return to the request."""
        return "The lapse is settled.", self.object.change.get_absolute_url()
