"""What a request is about and what its requester writes."""

from typing import Any

from django import forms

from approvals.forms.fields import Lines, MomentField, PersonChoice, TrafficPlan, area
from approvals.models import ChangeRequest
from approvals.states import ChangeKind
from mlops_portal.foundation.people.models import User
from registry.models import Environment, ModelVersion, RegisteredModel


class NewChange(forms.Form):
    """What a change is about: fixed once drafted."""

    kind = forms.ChoiceField(choices=ChangeKind.choices, label="What is to happen")
    version = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(), required=False, empty_label="No version (only to retire)"
    )
    environment = forms.ModelChoiceField(
        queryset=Environment.objects.none(), required=False, empty_label="Wherever it runs (only to retire)"
    )

    def __init__(self, *, model: RegisteredModel, user: User, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["version"].queryset = ModelVersion.objects.alive().filter(model=model).order_by("-number")
        places = Environment.objects.visible_to(user).filter(closed_at__isnull=True)
        self.fields["environment"].queryset = places.order_by("-is_production", "name")


class ModelChoice(forms.Form):
    """Which model a change is about."""

    model = forms.ModelChoiceField(queryset=RegisteredModel.objects.none(), empty_label="Choose a model")

    def __init__(self, *, user: User, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        found = RegisteredModel.objects.inventory().visible_to(user, "approvals.request")
        self.fields["model"].queryset = found.order_by("name")


ALTERNATIVES = 3


class ChangeContent(forms.Form):
    """What the requester writes: why, evidence, rollback. The gates read the rest from records."""

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
    window_starts_at = MomentField(required=False, label="Window opens", help_text="YYYY-MM-DD HH:MM")
    window_ends_at = MomentField(required=False, label="Window closes", help_text="YYYY-MM-DD HH:MM")
    traffic_plan = TrafficPlan(
        label="Traffic plan",
        help_text="One step a row, the last at 100 %. Empty: the policy's plan for the tier.",
    )
    rollback_target = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(),
        required=False,
        empty_label="What serves there now",
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
        "evidence": (),
        "rollback": (
            "window_starts_at", "window_ends_at", "traffic_plan", "rollback_target", "rollback_plan",
            "rollback_triggers", "rollback_owner",
        ),
    }  # fmt: skip

    def __init__(self, *, model: RegisteredModel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["rollback_target"].queryset = (
            ModelVersion.objects.alive().filter(model=model).order_by("-number")
        )
        for place in range(1, ALTERNATIVES + 1):
            self.fields[f"alternative_{place}"] = forms.CharField(
                required=False, max_length=160, label=f"Alternative {place}"
            )
            self.fields[f"metrics_{place}"] = forms.CharField(
                required=False,
                max_length=400,
                label=f"Metrics of alternative {place}",
                help_text="For example AUC 0.811, FAIR-02 0.83",
            )
            self.fields[f"why_not_{place}"] = forms.CharField(
                required=False,
                max_length=1000,
                widget=area(2),
                label=f"Why alternative {place} was not chosen",
            )

    def part(self, name: str) -> list[forms.BoundField]:
        """Return the fields of one step."""
        names = list(self.steps[name])
        if name == "evidence":
            names = [
                f"{field}_{place}"
                for place in range(1, ALTERNATIVES + 1)
                for field in ("alternative", "metrics", "why_not")
            ]
        return [self[one] for one in names]

    def content(self) -> dict[str, Any]:
        """Return what the services take."""
        data = {name: self.cleaned_data[name] for names in self.steps.values() for name in names}
        data["configuration"] = {
            key.strip(): value.strip()
            for key, _, value in (line.partition(":") for line in data["configuration"])
        }
        data["rollback_triggers"] = "\n".join(data["rollback_triggers"])
        data["alternatives"] = [
            {
                "title": self.cleaned_data[f"alternative_{place}"],
                "metrics": self.cleaned_data[f"metrics_{place}"],
                "why_not": self.cleaned_data[f"why_not_{place}"],
            }
            for place in range(1, ALTERNATIVES + 1)
            if self.cleaned_data[f"alternative_{place}"].strip()
        ]
        return data


def content_of(change: ChangeRequest) -> dict[str, Any]:
    """Return what the form of a drafted change starts with."""
    plain = {name: getattr(change, name) for names in ChangeContent.steps.values() for name in names}
    plain["configuration"] = [f"{key}: {value}" for key, value in change.configuration.items()]
    plain["rollback_triggers"] = change.rollback_triggers.splitlines()
    for place, row in enumerate(change.alternatives[:ALTERNATIVES], start=1):
        plain |= {
            f"alternative_{place}": row.get("title", ""),
            f"metrics_{place}": row.get("metrics", ""),
            f"why_not_{place}": row.get("why_not", ""),
        }
    return plain
