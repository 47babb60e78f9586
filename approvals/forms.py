"""Forms of approvals: they parse and shape input; services act."""

from copy import deepcopy
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone

from approvals.models import ChangeRequest, Lapse, Validation, ValidationFinding
from approvals.states import ChangeKind, Verdict
from mlops_portal.foundation.people.models import UnitClosure, User
from registry.models import Environment, ModelVersion, RegisteredModel

MOMENTS = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]


def area(rows: int = 3) -> forms.Textarea:
    """Return a text field of that many rows."""
    return forms.Textarea(attrs={"rows": rows})


def people() -> Any:
    """Return the people who can be named."""
    return User.objects.filter(is_active=True, kind=User.Kind.PERSON).order_by("name", "pk")


class PersonChoice(forms.ModelChoiceField):
    """One active person by name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=people(), empty_label="Choose a person", **kwargs)


class DayField(forms.DateField):
    """A day as ISO text."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "YYYY-MM-DD")
        super().__init__(
            input_formats=["%Y-%m-%d"],
            error_messages={"invalid": "Write the day as 2026-11-17."},
            **kwargs,
        )


class MomentField(forms.DateTimeField):
    """A moment as ISO text, in the reader's zone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            input_formats=MOMENTS,
            error_messages={"invalid": "Write the moment as 2026-11-17 10:40."},
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """Show a stored moment in the reader's zone."""
        if hasattr(value, "tzinfo") and value.tzinfo:
            return timezone.localtime(value).strftime(MOMENTS[0])
        return value


class Lines(forms.CharField):
    """A list, one item a line."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", area())
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show a list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the lines that are not empty."""
        text = super().to_python(value) or ""
        return [line.strip() for line in text.splitlines() if line.strip()]


class TrafficPlan(forms.CharField):
    """Steps of a release, one a line: `5 %, 24 h, error rate above 0.5 %`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=area(), required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show steps as lines."""
        if not isinstance(value, list):
            return value
        return "\n".join(
            ", ".join(
                filter(
                    None,
                    (f"{row['percent']} %", f"{row.get('hold_hours') or 0:g} h", row.get("stop_rule", "")),
                )
            )
            for row in value
        )

    def to_python(self, value: Any) -> Any:
        """Return the steps."""
        return [self._step(place, line) for place, line in enumerate(self._lines(value), start=1)]

    def _lines(self, value: Any) -> list[str]:
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]

    @staticmethod
    def _step(place: int, line: str) -> dict[str, Any]:
        share, _, rest = line.partition(",")
        hold, _, stop = rest.partition(",")
        try:
            step = {"percent": int(share.strip(" %")), "hold_hours": float(hold.strip(" h") or 0)}
        except ValueError as error:
            raise forms.ValidationError(
                f"Line {place}: write the share and the hours, for example “5 %, 24 h, error rate above 0.5 %”."
            ) from error
        return {**step, **({"stop_rule": stop.strip()} if stop.strip() else {})}


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
        # What a parent unit runs serves the units below it, whose people need not see everything there.
        shared = UnitClosure.objects.filter(descendant_id=model.unit_id).values("ancestor_id")
        own = Environment.objects.visible_to(user, "registry.view").values("pk")
        places = Environment.objects.filter(Q(unit__in=shared) | Q(pk__in=own), closed_at__isnull=True)
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
        help_text="One step a line: share, hours, what stops it. For example “5 %, 24 h, error rate above 0.5 %”. "
        "Empty: the policy's plan for the tier."
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


class Reason(forms.Form):
    """Why."""

    reason = forms.CharField(widget=area(3), max_length=4000)


class Proof(forms.Form):
    """The two components that prove who signs. Neither is ever shown again."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label="Code from your authenticator",
        max_length=10,
        widget=forms.TextInput(
            attrs={"class": "code", "inputmode": "numeric", "autocomplete": "one-time-code"}
        ),
    )


class SignedReason(Reason, Proof):
    """A reason, signed."""

    field_order = ["reason", "password", "code"]


class JointApproval(Proof):
    """One reason for several requests."""

    rationale = forms.CharField(widget=area(3), max_length=8000, label="Your rationale, for each of them")
    field_order = ["rationale", "password", "code"]


CONDITIONS = 3


class Statement(forms.Form):
    """What a person puts their name to: rationale, conditions or items."""

    rationale = forms.CharField(widget=area(4), max_length=8000, label="Your rationale")
    on_behalf_of = forms.ModelChoiceField(
        queryset=User.objects.none(), required=False, empty_label="Myself", label="You decide for"
    )

    def __init__(
        self, *, verdict: Verdict, minimum: int, tier: int, absentees: list[User], user: User, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.verdict = verdict
        rationale = self.fields["rationale"]
        if verdict == Verdict.RECUSE:
            rationale.label, minimum = "Why you step aside", 10
            rationale.help_text = "Kept with the request. At least 10 characters."
        else:
            rationale.help_text = f"Part of what you sign. At least {minimum} characters for tier {tier}."
        rationale.widget.attrs |= {"data-count": "rationale-count", "data-least": str(minimum)}
        if absentees:
            self.fields["on_behalf_of"].queryset = User.objects.filter(pk__in=[one.pk for one in absentees])
        else:
            del self.fields["on_behalf_of"]
        if verdict == Verdict.REQUEST_CHANGES:
            self.fields["items"] = Lines(
                label="What is to be changed", help_text="One item a line. The requester answers each."
            )
        if verdict == Verdict.APPROVE_WITH_CONDITIONS:
            self._add_conditions(user)

    def _add_conditions(self, user: User) -> None:
        for place in range(1, CONDITIONS + 1):
            needed = place == 1
            label = f"Condition {place}"
            self.fields[f"text_{place}"] = forms.CharField(
                label=label, widget=area(2), required=needed, max_length=2000
            )
            self.fields[f"evidence_{place}"] = forms.CharField(
                label=f"{label}: evidence",
                required=needed,
                max_length=500,
                help_text="What proves it, such as a monitor or a gate.",
            )
            self.fields[f"owner_{place}"] = PersonChoice(label=f"{label}: owner", required=needed)
            self.fields[f"verifier_{place}"] = PersonChoice(
                label=f"{label}: verified by", required=needed, help_text="Not the owner."
            )
            self.fields[f"due_on_{place}"] = DayField(label=f"{label}: due", required=needed)

    def conditions(self) -> list[dict[str, Any]]:
        """Return the conditions that were filled in."""
        if self.verdict != Verdict.APPROVE_WITH_CONDITIONS:
            return []
        data = self.cleaned_data
        return [
            {
                "text": data[f"text_{place}"].strip(),
                "evidence": data[f"evidence_{place}"].strip(),
                "owner": data[f"owner_{place}"].pk if data[f"owner_{place}"] else None,
                "verifier": data[f"verifier_{place}"].pk if data[f"verifier_{place}"] else None,
                "due_on": data[f"due_on_{place}"],
            }
            for place in range(1, CONDITIONS + 1)
            if data[f"text_{place}"].strip()
        ]


class Comment(forms.Form):
    """A remark on a request, or on one of its gates."""

    text = forms.CharField(
        widget=area(2),
        max_length=10_000,
        label="Add to the discussion",
        help_text="Seen by everyone on this request. It cannot be edited later.",
    )
    gate = forms.ChoiceField(required=False, label="About")

    def __init__(self, *, gates: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["gate"].choices = [("", "The whole request"), *((gate, gate) for gate in gates)]


class MaterialityConfirmation(forms.Form):
    """The second line confirms what was computed, or decides otherwise."""

    materiality = forms.ChoiceField(
        choices=ChangeRequest.Materiality.choices, widget=forms.RadioSelect, label="This change is"
    )
    reason = forms.CharField(
        widget=area(2), required=False, help_text="Needed when you decide otherwise: at least 20 characters."
    )


class WaiverRequest(forms.Form):
    """Ask the authority a gate names to accept its failure for a time."""

    gate = forms.ChoiceField(label="Gate")
    reason = forms.CharField(
        widget=area(4), max_length=8000, help_text="Why the failure can be accepted. At least 40 characters."
    )
    compensating_control = forms.CharField(
        widget=area(2), max_length=4000, label="What protects people meanwhile"
    )
    valid_until = MomentField(label="Until", help_text="YYYY-MM-DD HH:MM")

    def __init__(self, *, gates: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["gate"].choices = gates


class WaiverDecision(Proof):
    """Grant or decline, signed."""

    grant = forms.TypedChoiceField(
        choices=[("true", "Grant: I accept this risk until then"), ("false", "Decline")],
        coerce=lambda value: value == "true",
        widget=forms.RadioSelect,
        label="Decision",
    )
    note = forms.CharField(widget=area(3), max_length=4000, label="Your reason")
    field_order = ["grant", "note", "password", "code"]


class Verification(forms.Form):
    """What the verifier of a condition saw."""

    verification = forms.CharField(
        widget=area(3),
        max_length=4000,
        label="What you saw",
        help_text="At least 10 characters; name the evidence.",
    )


class LapseClosing(forms.Form):
    """One of four ways out."""

    outcome = forms.ChoiceField(
        choices=Lapse.Outcome.choices, widget=forms.RadioSelect, label="How it was settled"
    )


class Start(forms.Form):
    """When an approved change starts."""

    start_at = MomentField(label="Start", help_text="YYYY-MM-DD HH:MM, inside the approved window.")


class ExecutionReport(forms.Form):
    """What an operator saw of a step that the portal cannot see."""

    succeeded = forms.TypedChoiceField(
        choices=[("true", "It took effect"), ("false", "It did not take effect")],
        coerce=lambda value: value == "true",
        widget=forms.RadioSelect,
        label="What happened",
    )
    note = forms.CharField(
        widget=area(2), max_length=2000, label="What you saw", help_text="At least 10 characters."
    )


class Containment(Proof):
    """The way back: a reason, signed with two components."""

    reason = forms.CharField(widget=area(3), max_length=4000, help_text="At least 10 characters.")
    incident = forms.CharField(max_length=80, required=False)
    field_order = ["reason", "incident", "password", "code"]


class StandIn(forms.Form):
    """Who decides while somebody is away."""

    absentee = PersonChoice(label="Who is away")
    stand_in = PersonChoice(label="Who decides meanwhile")
    starts_at = MomentField(label="From", help_text="YYYY-MM-DD HH:MM")
    ends_at = MomentField(label="Until", help_text="YYYY-MM-DD HH:MM")
    reason = forms.CharField(
        widget=area(2),
        required=False,
        max_length=1000,
        help_text="Needed when you name a stand-in for somebody else.",
    )


class ValidationStart(forms.Form):
    """A validation of one version."""

    kind = forms.ChoiceField(choices=Validation.Kind.choices)
    scope = forms.CharField(
        widget=area(3), required=False, max_length=8000, help_text="What is examined, and what is not."
    )


class Finding(forms.Form):
    """What a validation found."""

    title = forms.CharField(max_length=200)
    severity = forms.ChoiceField(choices=ValidationFinding.Severity.choices)
    detail = forms.CharField(widget=area(4), required=False, max_length=8000)
    owner = PersonChoice(label="Who repairs it")
    due_on = DayField(label="Due")


class Question(forms.Form):
    """A challenge to the developers."""

    question = forms.CharField(widget=area(3), max_length=4000)


class Answer(forms.Form):
    """An answer to a challenge."""

    answer = forms.CharField(widget=area(4), max_length=8000)


class FindingClosure(forms.Form):
    """What proves the repair."""

    evidence = forms.CharField(widget=area(3), max_length=4000, help_text="At least 10 characters.")


class Conclusion(Proof):
    """The signed end of a validation."""

    components = forms.MultipleChoiceField(
        choices=Validation.Component.choices, widget=forms.CheckboxSelectMultiple, label="Examined"
    )
    outcome = forms.ChoiceField(choices=Validation.Outcome.choices, widget=forms.RadioSelect)
    summary = forms.CharField(widget=area(5), max_length=20_000, help_text="At least 40 characters.")
    has_no_conflict = forms.BooleanField(required=False, label="I have no conflict of interest.")
    conflict_declaration = forms.CharField(
        widget=area(2),
        required=False,
        max_length=4000,
        label="Conflict of interest",
        help_text="Only when there is one.",
    )
    field_order = [
        "components",
        "outcome",
        "summary",
        "has_no_conflict",
        "conflict_declaration",
        "password",
        "code",
    ]


class PolicyDraft(forms.Form):
    """A revision of a policy as YAML."""

    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 30, "class": "mono", "spellcheck": "false"}),
        label="Document",
        max_length=400_000,
    )


class Publication(forms.Form):
    """Publish a revision. What is laxer than a control needs a signed reason."""

    def __init__(self, *, is_laxer: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if is_laxer:
            self.fields["laxness_reason"] = forms.CharField(
                widget=area(3), max_length=4000, label="Why less than the control asks is enough"
            )
            self.fields |= deepcopy(Proof.base_fields)
