"""Waivers: asked for, decided in the two steps of every signature, and the receipt of the decision."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals import forms, policies, tones
from approvals.duties import duty_records
from approvals.evaluation import policy_for
from approvals.models import ChangeRequest, Decision, GateResult, Waiver
from approvals.queries.record_log import act_of_waiver
from approvals.services.waivers import says_of, statement_of, waiver_decide, waiver_preview, waiver_request
from approvals.states import REFRESHABLE, ChangeState, Meaning, Verdict
from approvals.views.drafts import draft_gates
from approvals.views.scope import ChangeMixin, change_crumbs
from approvals.views.two_steps import DossierSteps
from approvals.waiver_policies import waiver_decision_blockers
from mlops_portal.foundation import canonical
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.ledger_numbers import numbers_of
from mlops_portal.foundation.web.pages import ActionPage, DetailPage
from mlops_portal.foundation.web.words import plural, uncapped

FAILING = (GateResult.Outcome.FAIL, GateResult.Outcome.NO_DATA)
WAIVERS = Waiver.objects.select_related(
    "change__model__owner",
    "change__model__developer",
    "change__version",
    "change__unit",
    "change__policy_revision__policy",
    "change__requester",
    "change__environment",
    "change__rollback_target",
    "model",
    "unit",
    "requested_by",
    "decided_by",
    "signature",
)
ANSWERS = {
    "grant": ("Sign: accept the risk", "Sign and grant the waiver"),
    "decline": ("Sign: decline the waiver", "Sign and decline the waiver"),
}


def evaluated_at(statement: Mapping[str, Any]) -> datetime | None:
    """Return when the gate said what was signed, where it was not asked for the signature."""
    moment = statement.get("evaluated_at")
    return datetime.fromisoformat(moment) if moment else None


def effects_of(waiver: Waiver) -> list[str]:
    """Say what granting a waiver does, and what it leaves closed."""
    change = waiver.change
    found = []
    failing = change.gate_results.filter(is_current=True, is_blocking=True, outcome__in=FAILING)
    others = list(failing.exclude(gate=waiver.gate).order_by("position"))
    if others and change.state == ChangeState.IN_REVIEW:
        names = ", ".join(row.gate for row in others)
        fails = "still fails without a waiver" if len(others) == 1 else "still fail without a waiver"
        found.append(f"{names} {fails}, so granting this one alone does not open the request.")
    if change.state in REFRESHABLE:
        standing = Decision.objects.filter(change=change, voided_at__isnull=True)
        count = standing.exclude(verdict=Verdict.RECUSE).count()
        fall = f"{plural(count, 'decision')} given before" if count else "decisions given before"
        found.append(
            f"Granting is a change of content: {fall} {'becomes' if count == 1 else 'become'} void, "
            "and the approver then signs “accept risk”."
        )
    return found


def may_open(change: ChangeRequest, person: Any) -> bool:
    """Tell whether the person may open the request: a draft is read by those who could edit it."""
    if change.state != ChangeState.DRAFT:
        return True
    return ChangeRequest.objects.visible_to(person).filter(pk=change.pk).exists()


def crumbs_of(waiver: Waiver, person: Any) -> list[tuple[str, str]]:
    """Lead over the request; a draft is left out for whoever may not open it."""
    *above, (code, url) = change_crumbs(waiver.change)
    return [*above, (code, url)] if may_open(waiver.change, person) else above


class WaiverAsk(ChangeMixin, ActionPage):
    """Ask the authority that a gate names to accept its failure."""

    right, form_class = "approvals.request", forms.WaiverRequest
    title, submit = "Ask for a waiver", "Ask for the waiver"
    template_name = "approvals/waiver_ask.html"

    def failing(self) -> list[GateResult]:
        """Blocking gates that fail now."""
        if self.object.state == ChangeState.DRAFT:
            rows, _ = draft_gates(self.object, now=self.now)
        else:
            rows = list(self.object.gate_results.filter(is_current=True).order_by("position"))
        return [row for row in rows if row.is_blocking and row.outcome in FAILING]

    def form_kwargs(self) -> dict[str, Any]:
        """Offer the failing gates that anybody may waive."""
        open_ones = [row for row in self.failing() if row.waiver_authority not in ("", "never")]
        return {"gates": [(row.gate, f"{row.gate}, required: {uncapped(row.title)}") for row in open_ones]}

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


class WaiverDetail(DetailPage):
    """What is asked for, what the gate says, who may decide, and what was decided."""

    queryset = WAIVERS
    template_name, right, object_name = "approvals/waiver.html", "approvals.view", "waiver"

    def get_title(self) -> str:
        """Name gate and request."""
        return f"Waiver of {self.object.gate}, {self.object.change.code}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the request."""
        return [*crumbs_of(self.object, self.request.user), (f"Waiver of {self.object.gate}", "")]

    def more(self) -> Mapping[str, Any]:
        """Say what the gate says: now while it is asked for, at the signature once it is decided."""
        waiver, change = self.object, self.object.change
        gate = change.gate_results.filter(is_current=True, gate=waiver.gate).first()
        if gate is None and (policy := policy_for(change, self.now)):  # a draft stores no results
            gate = next((one for one in policy.document.gates if one.id == waiver.gate), None)
        statement = waiver.signature.statement if waiver.signature else {}
        said = says_of(waiver)
        return {
            "change": change,
            "is_draft": change.state == ChangeState.DRAFT,
            "may_open": may_open(change, self.request.user),
            "gate": gate,
            "effects": effects_of(waiver) if waiver.state == Waiver.State.REQUESTED else [],
            "says": statement.get("says") or said.lines,
            "says_at": said.evaluated_at if not statement else evaluated_at(statement),
            "tones": tones,
            "blockers": self._blockers() if waiver.state == Waiver.State.REQUESTED else [],
            "answers": [
                (word, label)
                for word, label in (("grant", "Grant"), ("decline", "Decline"))
                if waiver.state == Waiver.State.REQUESTED
            ],
        }

    def _blockers(self) -> list[Blocker]:
        records = duty_records(self.object.change, now=self.now)
        return waiver_decision_blockers(
            self.object, by=self.request.user, records=records, authority=self.object.authority
        )


class WaiverSign(DossierSteps):
    """Grant or decline a waiver: the same two steps as every decision."""

    queryset = WAIVERS
    right, object_name = "approvals.view", "waiver"
    record_name = "approvals/sign_waiver.html"
    covers = "dossier, gate, what it says, what was asked for, its end, answer, meaning, rationale, signer"
    binding = "A waiver stands until its end; the decision is never erased."

    def get_title(self) -> str:
        """Name answer, gate and request."""
        return f"{self.heading} of {self.object.gate}, {self.object.change.code}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the waiver."""
        waiver = self.object
        page = reverse("approvals:waiver", args=[waiver.pk])
        above = crumbs_of(waiver, self.request.user)
        return [*above, (f"Waiver of {waiver.gate}", page), (self.crumb, "")]

    def find_subject(self) -> None:
        """Find the waiver and how signing it would read.

        Raises:
            NotFound: there is no such answer, or it was decided.
        """
        self.object = self.find()
        self.check_scope(self.object)
        self.change = self.object.change
        if self.kwargs["answer"] not in ANSWERS:
            raise NotFound("A waiver is granted or declined.")
        if self.object.state != Waiver.State.REQUESTED:
            raise NotFound(f"The waiver of {self.object.gate} is decided; nothing is to be signed.")
        self.grant = self.kwargs["answer"] == "grant"
        self.heading, self.submit = ANSWERS[self.kwargs["answer"]]
        self.preview = waiver_preview(
            waiver=self.object, grant=self.grant, by=self.request.user, now=self.now
        )

    def make_form(self, data: Any = None) -> forms.WaiverStatement:
        """Build the form of the rationale."""
        tier = self.change.decided_tier or self.change.model.tier or 1
        return forms.WaiverStatement(data=data, minimum=self.preview.rationale_min_length, tier=tier)

    def complaints(self) -> list[tuple[str | None, str]]:
        """Check the length."""
        blockers = policies.rationale_blockers(
            self.form.cleaned_data.get("rationale", ""), minimum=self.preview.rationale_min_length
        )
        return [("rationale", blocker.message) for blocker in blockers]

    def digest_now(self) -> str:
        """Return the digest of exactly what was typed."""
        rationale = self.form.cleaned_data["rationale"]
        return canonical.digest(
            statement_of(
                self.object,
                said=self.preview.said,
                grant=self.grant,
                rationale=rationale,
                by=self.request.user,
            )
        )

    def sign_now(self, *, read_digest: str, password: str, code: str) -> Waiver:
        """Decide the waiver."""
        return waiver_decide(
            waiver=self.object,
            grant=self.grant,
            rationale=self.form.cleaned_data["rationale"],
            read_digest=read_digest,
            password=password,
            code=code,
            by=self.request.user,
            now=self.now,
        )

    def receipt_of(self, result: Waiver) -> str:
        """Lead to what was signed."""
        return reverse("approvals:waiver-receipt", args=[result.pk])

    def statement_context(self) -> Mapping[str, Any]:
        """Add the waiver and its gate."""
        waiver = self.object
        return {
            "about": f"{self.change.code}, revision {self.change.dossier_number}, waiver of {waiver.gate}",
            "back": reverse("approvals:waiver", args=[waiver.pk]),
            "waiver": waiver,
            "grant": self.grant,
            "effects_title": "What granting does",
            "effects": effects_of(waiver) if self.grant else [],
            "gate": self.change.gate_results.filter(is_current=True, gate=waiver.gate).first(),
        }


class WaiverReceipt(DetailPage):
    """What was signed about a waiver, by whom, when, over which digest."""

    queryset = WAIVERS.filter(signature__isnull=False)
    template_name, right, object_name = "approvals/waiver_receipt.html", "approvals.view", "waiver"

    def get_title(self) -> str:
        """Name the act."""
        word = "declined" if self.object.state == Waiver.State.DECLINED else "granted"
        return f"Receipt: waiver of {self.object.gate} {word}, {self.object.change.code}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the waiver."""
        page = reverse("approvals:waiver", args=[self.object.pk])
        return [
            *change_crumbs(self.object.change),
            (f"Waiver of {self.object.gate}", page),
            ("Receipt", ""),
        ]

    def more(self) -> Mapping[str, Any]:
        """Add the signature with its ledger number."""
        waiver = self.object
        act = act_of_waiver(waiver)
        statement = waiver.signature.statement
        return {
            "change": waiver.change,
            "signature": waiver.signature,
            "says": statement.get("says", []),
            "says_at": evaluated_at(statement),
            "dossier_digest": statement.get("dossier", ""),
            "dossier_words": "Dossier digest of the revision that was read",
            "number": numbers_of([act]).get(act) if act else None,
            "meaning": Meaning(waiver.signature.meaning).label,
        }
