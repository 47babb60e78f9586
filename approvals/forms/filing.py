"""What a request is about and what its requester writes."""

from collections.abc import Collection, Sequence
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from approvals.asked import Asked
from approvals.forms.fields import Answer, Lines, MomentField, PersonChoice, TrafficPlan, area, people
from approvals.models import ChangeRequest
from approvals.states import ChangeKind
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import holders_of_any
from mlops_portal.foundation.web.rows import Cell, RowsField
from registry.models import Environment, ModelVersion, RegisteredModel

GOES_BACK = frozenset({"approvals.rollback", "approvals.execute"})
NEEDED = "needed to file"  # a draft is saved without it


class NewChange(forms.Form):
    """What a change is about: fixed once drafted."""

    kind = forms.ChoiceField(choices=ChangeKind.choices, label="What is to happen")
    version = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(), required=False, empty_label="No version (only to retire)"
    )
    environment = forms.ModelChoiceField(
        queryset=Environment.objects.none(), required=False, empty_label="Wherever it runs (only to retire)"
    )

    def __init__(
        self, *, model: RegisteredModel, user: User, kinds: Sequence[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.fields["kind"].choices = kinds
        for name in ("version", "environment"):
            self.fields[name].mark = f"{NEEDED}, except to retire"
        self.fields["version"].queryset = ModelVersion.objects.alive().filter(model=model).order_by("-number")
        places = Environment.objects.visible_to(user).filter(closed_at__isnull=True)
        self.fields["environment"].queryset = places.order_by("-is_production", "name")


class ModelChoice(forms.Form):
    """Which model a change is about."""

    model = forms.ModelChoiceField(queryset=RegisteredModel.objects.none(), empty_label="Choose a model")

    def __init__(self, *, user: User, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        inventory = RegisteredModel.objects.inventory()
        asks, rolls_back = (
            inventory.visible_to(user, right) for right in ("approvals.request", "approvals.rollback")
        )
        self.fields["model"].queryset = (asks | rolls_back).by_title()


ALTERNATIVES = (
    Cell("title", "Alternative", required=True, hint="Keep the present version"),
    Cell("metrics", "Metrics", hint="AUC 0.811"),
    Cell("gates", "Gates", hint="FAIR-02 passes"),
    Cell("why_not", "Why not chosen", required=True),
)


class ChangeContent(forms.Form):
    """What the requester writes: why, evidence, rollback. The gates read the rest from records.

    ``without`` are fields that say nothing of a request like this one.
    """

    title = forms.CharField(
        max_length=200, required=False, help_text="Empty: made from what, version and place."
    )
    purpose = forms.CharField(
        widget=area(), required=False, help_text="Why this change, in the words of the business."
    )
    scope = forms.CharField(widget=area(2), required=False, help_text="Whom and what it concerns.")
    impact = forms.CharField(widget=area(2), required=False)
    risk = forms.CharField(widget=area(2), required=False, help_text="What may go wrong, and for whom.")
    what_changed = forms.CharField(
        widget=area(2),
        required=False,
        label="What changed since the rejected request",
        help_text="Only after a rejection: the next approver reads it first.",
    )
    incident = forms.CharField(max_length=80, required=False, help_text="The incident this answers, if any.")
    configuration = Lines(
        required=False,
        label="Configuration",
        help_text="Only to change configuration: one a line, for example “decision.cutoff: 0.62 to 0.58”.",
    )
    alternatives = RowsField(
        columns=ALTERNATIVES,
        noun="alternatives considered",
        required=False,
        label="Alternatives considered",
        help_text="Required when a blocking gate fails or a group gets worse.",
    )
    window_starts_at = MomentField(required=False, label="Window opens", help_text="YYYY-MM-DD HH:MM")
    window_ends_at = MomentField(required=False, label="Window closes", help_text="YYYY-MM-DD HH:MM")
    traffic_plan = TrafficPlan(
        label="Traffic plan",
        help_text="One step a row, the last at 100 %. Steps are for environments where an operator takes them; empty: the"
        " policy's plan for the tier there, all traffic at once elsewhere.",
    )
    rollback_target = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(),
        required=False,
        empty_label="What serves there now, if anything does",
        label="Way back",
    )
    rollback_plan = forms.CharField(widget=area(2), required=False, label="How to go back")
    rollback_triggers = Lines(
        required=False, label="What triggers it", help_text="One a line. Empty: the triggers of the policy."
    )
    rollback_owner = PersonChoice(required=False, label="Who goes back")

    steps = {
        "what": ("title",),
        "why": ("purpose", "scope", "impact", "risk", "what_changed", "incident", "configuration"),
        "evidence": ("alternatives",),
        "rollback": (
            "window_starts_at", "window_ends_at", "traffic_plan", "rollback_target", "rollback_plan",
            "rollback_triggers", "rollback_owner",
        ),
    }  # fmt: skip

    def __init__(
        self,
        *,
        model: RegisteredModel,
        asked: Sequence[Asked] = (),
        change: ChangeRequest | None = None,
        without: Collection[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name in without:
            del self.fields[name]
        self.fields["purpose"].mark = NEEDED
        self.items = [item for one in asked for item in one.items]
        for one in asked:
            who = f"Asked by {one.decision.signer.name} at {one.decision.stage.title}."
            for item in one.items:
                self.fields[item.name] = Answer(label=item.text, initial=item.answer, help_text=who)
        versions = ModelVersion.objects.alive().filter(model=model).order_by("-number")
        if change is not None:
            # A version is not its own way back.
            versions = versions.exclude(pk=change.version_id)
        if "rollback_target" in self.fields:
            target = self.fields["rollback_target"]
            target.queryset = versions
            if change is not None:  # an empty choice of an edited draft is stored as it stands
                target.empty_label = "No version: only the fallback described below"
        if "rollback_owner" in self.fields:
            self.fields["rollback_owner"].queryset = _who_goes_back(model, change)

    def part(self, name: str) -> list[forms.BoundField]:
        """Return the fields of one step."""
        return [self[one] for one in self.steps[name] if one in self.fields]

    def answers(self) -> list[forms.BoundField]:
        """Return a field for each item that an approver asked for."""
        return [self[item.name] for item in self.items]

    def content(self) -> dict[str, Any]:
        """Return what the services take."""
        names = [name for step in self.steps.values() for name in step if name in self.fields]
        data = {name: self.cleaned_data[name] for name in names}
        if "configuration" in data:
            data["configuration"] = {
                key.strip(): value.strip()
                for key, _, value in (line.partition(":") for line in data["configuration"])
            }
        if "rollback_triggers" in data:
            data["rollback_triggers"] = "\n".join(data["rollback_triggers"])
        if self.items:
            data["answers"] = [
                {"decision": item.decision_id, "place": item.place, "answer": self.cleaned_data[item.name]}
                for item in self.items
            ]
        return data


def _who_goes_back(model: RegisteredModel, change: ChangeRequest | None) -> QuerySet[User]:
    """Return who may go back, and whom the draft names already."""
    may = holders_of_any(GOES_BACK, unit_id=model.unit_id, model_id=model.pk).order_by().values("pk")
    named = change.rollback_owner_id if change is not None else None
    return people().filter(Q(pk__in=may) | Q(pk=named))


def content_of(change: ChangeRequest) -> dict[str, Any]:
    """Return what the form of a drafted change starts with."""
    plain = {name: getattr(change, name) for names in ChangeContent.steps.values() for name in names}
    plain["configuration"] = [f"{key}: {value}" for key, value in change.configuration.items()]
    plain["rollback_triggers"] = change.rollback_triggers.splitlines()
    return plain
