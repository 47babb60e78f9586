"""What approvals leave behind: waivers asked for and decided, conditions verified, lapses settled."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals import forms, policies, tones
from approvals.duties import duty_records
from approvals.evaluation import policy_for
from approvals.models import Condition, GateResult, Lapse, Waiver
from approvals.services.conditions import condition_verify
from approvals.services.lapses import lapse_close
from approvals.services.waivers import waiver_decide, waiver_request
from approvals.views.scope import ChangeMixin, change_crumbs
from approvals.views.signing import SignedMixin
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import ActionPage

FAILING = (GateResult.Outcome.FAIL, GateResult.Outcome.NO_DATA)
RELATED = (
    "change__model__owner",
    "change__model__developer",
    "change__version",
    "change__unit",
    "model",
    "unit",
)


class WaiverAsk(ChangeMixin, ActionPage):
    """Ask the authority that a gate names to accept its failure."""

    right, form_class = "approvals.request", forms.WaiverRequest
    title, submit = "Ask for a waiver", "Ask for the waiver"
    template_name = "approvals/waiver_ask.html"

    def failing(self) -> list[GateResult]:
        """Blocking gates that fail now."""
        rows = self.object.gate_results.filter(is_current=True, is_blocking=True, outcome__in=FAILING)
        return list(rows.order_by("position"))

    def form_kwargs(self) -> dict[str, Any]:
        """Offer the failing gates that anybody may waive."""
        open_ones = [row for row in self.failing() if row.waiver_authority not in ("", "never")]
        return {"gates": [(row.gate, f"{row.gate} {row.title}") for row in open_ones]}

    def initial(self) -> dict[str, Any]:
        """Start with the gate of the address."""
        return {"gate": self.request.GET.get("gate", "")}

    def blockers(self) -> list[Blocker]:
        """Nothing fails, or what fails is never waived."""
        rows = self.failing()
        if not rows:
            return [Blocker("nothing_fails", "No blocking gate fails, so there is nothing to waive.")]
        if all(row.waiver_authority in ("", "never") for row in rows):
            names = ", ".join(row.gate for row in rows)
            return [Blocker("never", f"{names}: never waived. Only a fix opens it.")]
        return []

    def act(self, *, by: Any, now: datetime, **data: Any) -> Waiver:
        """Ask for it."""
        return waiver_request(change=self.object, by=by, now=now, **data)

    def done(self, result: Waiver) -> tuple[str, str]:
        """Return to the request."""
        return (
            f"The {result.authority.replace('_', ' ')} is asked to waive {result.gate}.",
            self.object.get_absolute_url(),
        )

    def more(self) -> Mapping[str, Any]:
        """Show the gates, who may waive each and for how long at most."""
        policy, tier = (
            policy_for(self.object, self.now),
            self.object.decided_tier or self.object.model.tier or 1,
        )
        rules = {gate.id: gate for gate in policy.document.gates} if policy else {}
        rows = [
            (
                row,
                rules[row.gate].waiver.max_days.get(tier, 0)
                if row.gate in rules and rules[row.gate].waiver
                else 0,
            )
            for row in self.failing()
        ]
        return {"failing": rows, "tier": tier}


class WaiverDecide(SignedMixin, ActionPage):
    """Grant or decline a waiver, signed."""

    queryset = Waiver.objects.select_related(*RELATED, "requested_by", "decided_by", "signature")
    right, object_name, form_class = "approvals.view", "waiver", forms.WaiverDecision
    submit = "Sign the decision"
    template_name = "approvals/waiver.html"

    def get_title(self) -> str:
        """Name gate and request."""
        return f"Waiver of {self.object.gate}, {self.object.change.code}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the request."""
        return [*change_crumbs(self.object.change), (f"Waiver of {self.object.gate}", "")]

    def blockers(self) -> list[Blocker]:
        """Why this person may not decide it."""
        records = duty_records(self.object.change, now=self.now)
        return policies.waiver_decision_blockers(
            self.object, by=self.request.user, records=records, authority=self.object.authority
        )

    def act(self, *, by: Any, now: datetime, **data: Any) -> Waiver:
        """Decide it."""
        return waiver_decide(waiver=self.object, by=by, now=now, **data)

    def done(self, result: Waiver) -> tuple[str, str]:
        """Return to the request."""
        word = "granted" if result.state == Waiver.State.GRANTED else "declined"
        return f"The waiver of {result.gate} is {word}.", self.object.change.get_absolute_url()

    def more(self) -> Mapping[str, Any]:
        """Show the gate as it says now."""
        gate = self.object.change.gate_results.filter(is_current=True, gate=self.object.gate).first()
        return {**super().more(), "gate": gate, "tones": tones, "change": self.object.change}


class ConditionVerify(ActionPage):
    """Confirm that a condition is met."""

    queryset = Condition.objects.select_related(*RELATED, "owner", "verifier", "decision")
    right, object_name, form_class = "approvals.view", "condition", forms.Verification
    title, submit, template_name = "Verify a condition", "Confirm that it is met", "approvals/condition.html"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the request."""
        return [*change_crumbs(self.object.change), (self.get_title(), "")]

    def blockers(self) -> list[Blocker]:
        """Only its verifier confirms it."""
        return policies.verification_blockers(self.object, by=self.request.user)

    def act(self, *, by: Any, now: datetime, **data: Any) -> Condition:
        """Confirm it."""
        return condition_verify(condition=self.object, by=by, now=now, **data)

    def done(self, result: Condition) -> tuple[str, str]:
        """Return to the queue."""
        return "The condition is met.", f"{reverse('approvals:inbox')}?queue=conditions"


class LapseClose(ActionPage):
    """Settle a lapse by one of four ways; each is proved by a record."""

    queryset = Lapse.objects.select_related(*RELATED, "owner", "waiver", "condition")
    right, object_name, form_class = "approvals.view", "lapse", forms.LapseClosing
    title, submit, template_name = "Settle a lapse", "Settle it", "approvals/lapse.html"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the request."""
        return [*change_crumbs(self.object.change), (self.get_title(), "")]

    def act(self, *, by: Any, now: datetime, **data: Any) -> Lapse:
        """Settle it."""
        return lapse_close(lapse=self.object, by=by, now=now, **data)

    def done(self, result: Lapse) -> tuple[str, str]:
        """Return to the request."""
        return "The lapse is settled.", self.object.change.get_absolute_url()
