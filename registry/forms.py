"""Forms of the registry: they parse and shape input; services act."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from django import forms

from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.forms import Day, Section, Suggesting, UnitChoice
from registry.models import CustomField, RegisteredModel
from registry.queries.custom import offered_for
from registry.queries.metrics import MetricsUsed
from registry.states import (
    INVENTORY_KINDS,
    Connector,
    DatasetRole,
    Origin,
    Provider,
    UseCase,
)

KINDS = [(kind.value, kind.label) for kind in INVENTORY_KINDS]
YES_NO = [("", "Not stated"), ("true", "Yes"), ("false", "No")]


class PersonChoice(forms.ModelChoiceField):
    """One active person by name."""

    def __init__(self, **kwargs: Any) -> None:
        people = User.objects.filter(is_active=True, kind=User.Kind.PERSON).order_by("name", "pk")
        nobody = "Choose a person" if kwargs.get("required", True) else "Nobody"
        super().__init__(queryset=people, empty_label=nobody, **kwargs)


class UnitOfRight(UnitChoice):
    """One unit on which the reader holds a right."""

    def limit_to(self, user: User, right: str) -> None:
        """Offer only units on which ``user`` holds ``right``."""
        units = rights_of(user).units(right)
        self.offer(BusinessUnit.objects.filter(pk__in=units, closed_at__isnull=True).order_by("name"))


class YesNo(forms.TypedChoiceField):
    """Yes, no, or not stated: three different facts."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=YES_NO,
            coerce={"true": True, "false": False}.get,
            empty_value=None,
            required=False,
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """Show a stored truth value as its choice."""
        return {True: "true", False: "false"}.get(value, value)


class Lines(forms.CharField):
    """A list, one item a line."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 3}))
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show a list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        """Return the lines that are not empty."""
        text = super().to_python(value) or ""
        return [line.strip() for line in text.splitlines() if line.strip()]


def _area(rows: int = 3) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


def entry_for(custom: CustomField, value: Any) -> forms.Field:
    """Return the entry of a custom field; the service judges what was typed and names the field."""
    usual: dict[str, Any] = {"label": custom.label, "required": custom.required, "initial": value}
    if custom.type == CustomField.Type.CHOICE:
        return _offering([(str(one), str(one)) for one in custom.choices], usual)
    if custom.type == CustomField.Type.BOOLEAN:
        usual["initial"] = {True: "yes", False: "no"}.get(value, value)
        return _offering([("yes", "Yes"), ("no", "No")], usual)
    hints = {"date": "YYYY-MM-DD", "number": "A number."}
    return forms.CharField(max_length=10_000, help_text=hints.get(custom.type, ""), **usual)


def _offering(offered: list[tuple[str, str]], usual: dict[str, Any]) -> forms.ChoiceField:
    """Offer choices, and the value that is there though it is none of them: saving must not lose it unseen."""
    held = usual["initial"]
    strange = (
        [] if held in (None, "") or str(held) in dict(offered) else [(str(held), f"{held} (not offered)")]
    )
    return forms.ChoiceField(choices=[("", "Not stated"), *offered, *strange], **usual)


class ModelFacts(forms.Form):
    """The inventory fields that people write; what every model needs comes first, the rest by sections."""

    sections: Sequence[Section] = (
        Section("People", ("owner", "developer", "validator", "accountable_executive", "sponsor")),
        Section(
            "Purpose",
            (
                "objective",
                "objective_metric",
                "primary_metric",
                "objective_baseline",
                "objective_target",
                "benefit",
                "intended_use",
                "approved_uses",
                "prohibited_uses",
                "assumptions",
                "limitations",
            ),
        ),
        Section(
            "Use and reach",
            (
                "use_case",
                "decisions_per_day",
                "is_production_critical",
                "is_enterprise_scale",
                "is_proof_of_concept",
                "is_exploratory",
                "interacts_with_people",
                "generates_content",
            ),
        ),
        Section(
            "Governance facts",
            ("regimes", "no_regime_in_scope", "is_model_decision", "is_model_rationale", "next_review_on"),
        ),
        Section("EU AI Act, for high-risk uses", ("eu_role", "annex_iii_point", "eu_db_registration_id")),
        Section("Supplier", ("vendor", "vendor_version", "contract_ref", "exit_plan")),
    )

    title = forms.CharField(
        max_length=256, required=False, help_text="How people call it, e.g. Retail Credit PD."
    )
    description = forms.CharField(widget=_area(), required=False, label="What it does")
    kind = forms.ChoiceField(choices=KINDS)
    use_case = forms.ChoiceField(choices=[("", "Not stated"), *UseCase.choices], required=False)
    owner = PersonChoice(required=False, help_text="Answers for the model; cannot also be risk officer.")
    developer = PersonChoice(required=False, label="Lead developer")
    validator = PersonChoice(required=False, help_text="Neither owner nor developer.")
    accountable_executive = PersonChoice(required=False, help_text="Needed for tier 1.")
    sponsor = PersonChoice(required=False)
    objective = forms.CharField(widget=_area(), required=False, label="Business objective")
    objective_metric = forms.CharField(max_length=120, required=False, label="Measured by")
    objective_baseline = forms.FloatField(required=False, label="Baseline")
    objective_target = forms.FloatField(required=False, label="Target")
    benefit = forms.CharField(widget=_area(2), required=False)
    intended_use = forms.CharField(widget=_area(), required=False)
    approved_uses = forms.CharField(
        widget=_area(2), required=False, help_text="What it may be used for in production."
    )
    prohibited_uses = forms.CharField(widget=_area(2), required=False)
    assumptions = forms.CharField(widget=_area(2), required=False)
    limitations = forms.CharField(widget=_area(2), required=False)
    origin = forms.ChoiceField(choices=Origin.choices)
    vendor = forms.CharField(max_length=160, required=False)
    vendor_version = forms.CharField(max_length=80, required=False)
    contract_ref = forms.CharField(max_length=160, required=False, label="Contract")
    exit_plan = forms.CharField(widget=_area(2), required=False)
    decisions_per_day = forms.IntegerField(min_value=0, required=False)
    regimes = Lines(label="Regimes in scope", help_text="One a line, e.g. SR 26-2, EU AI Act.")
    no_regime_in_scope = forms.BooleanField(
        required=False,
        label="No regime is in scope",
        help_text="A statement of its own, kept with your name and the time: an empty list says nothing.",
    )
    eu_role = forms.CharField(
        max_length=40, required=False, label="Role", help_text="e.g. provider, deployer, or both."
    )
    annex_iii_point = forms.CharField(
        max_length=40, required=False, label="Point of Annex III", help_text="e.g. 5(b), creditworthiness."
    )
    eu_db_registration_id = forms.CharField(
        max_length=80,
        required=False,
        label="Registration in the EU database",
        help_text="Or that it is being prepared.",
    )
    is_production_critical = YesNo(label="Critical for production")
    is_enterprise_scale = YesNo(label="Enterprise scale")
    is_proof_of_concept = YesNo(label="Proof of concept")
    is_exploratory = YesNo(label="Exploratory")
    is_model_decision = YesNo(
        label="Is it a model", help_text="A quantitative method whose results inform decisions."
    )
    is_model_rationale = forms.CharField(
        widget=_area(2), required=False, label="Why it is, or is not, a model"
    )
    interacts_with_people = YesNo(label="Interacts with people")
    generates_content = YesNo(label="Generates content")
    primary_metric = forms.CharField(
        max_length=120, required=False, help_text="The metric its versions are compared by."
    )
    next_review_on = Day(required=False)


class UnitsOwnFields(ModelFacts):
    """The record of a model with the fields that its unit declares."""

    custom: Mapping[str, CustomField] = MappingProxyType({})
    values: Mapping[str, Any] = MappingProxyType({})

    def offer(self, custom: Mapping[str, CustomField], values: Mapping[str, Any]) -> None:
        """Add an entry for each declared field; values that nobody declared stay as they are."""
        self.custom, self.values = custom, values
        facts, own = ModelFacts.sections, Section("Fields of the unit", [f"custom.{key}" for key in custom])
        self.sections = (*facts, own, *type(self).sections[len(facts) :])
        for key, field in custom.items():
            self.fields[f"custom.{key}"] = entry_for(field, values.get(key))

    def clean(self) -> dict[str, Any]:
        """Gather the values of the unit's own fields."""
        data = super().clean() or {}
        entered = {key: data.pop(f"custom.{key}", "") for key in self.custom}
        kept = {key: value for key, value in self.values.items() if key not in self.custom}
        if self.custom:
            data["custom"] = kept | {key: value for key, value in entered.items() if value not in ("", None)}
        return data


class ModelRegistration(UnitsOwnFields):
    """A new model. Which fields its unit declares is known, and asked for, once the unit was chosen."""

    name = forms.CharField(max_length=256, help_text="Unique while the model lives; no slash, no colon.")
    unit = UnitOfRight(label="Business unit")
    field_order = ["name", "unit", "title", "kind", "origin", "description"]

    def __init__(self, *, user: User, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["unit"].limit_to(user, "registry.register")
        chosen = self.data.get("unit", "") if self.is_bound else ""
        is_key = chosen.isdecimal() and len(chosen) < 18
        if is_key and self.fields["unit"].queryset.filter(pk=chosen).exists():
            self.offer(offered_for(int(chosen), {}), {})


class ModelEdit(UnitsOwnFields):
    """The record of a model, with the revision the reader saw."""

    sections = (*ModelFacts.sections, Section("", ("reason",)))
    field_order = ["title", "kind", "origin", "description"]

    revision = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(max_length=500, help_text="Why it changes; kept in history.", widget=_area(2))

    def __init__(
        self,
        *,
        custom: Mapping[str, CustomField],
        values: Mapping[str, Any],
        unstated: Collection[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.offer(custom, values)
        self.unstated = [name for name in unstated if name in self.fields]
        for name in self.unstated:
            field = cast("forms.ChoiceField", self.fields[name])
            field.choices, field.required = [("", "Not stated"), *field.choices], False
            self.initial[name] = ""

    def clean(self) -> dict[str, Any]:
        """Leave out what is still not stated: it stays open, with its default."""
        data = super().clean() or self.cleaned_data
        for name in self.unstated:
            if not data.get(name):
                data.pop(name, None)
        return data


class VersionRegistration(forms.Form):
    """A new version."""

    label = forms.CharField(max_length=80, required=False, help_text="Your own number, e.g. 4.3.0.")
    description = forms.CharField(widget=_area(), required=False)
    source = forms.CharField(
        max_length=2000, help_text="Where the artifact is, e.g. an object store address."
    )
    artifact_sha256 = forms.RegexField(
        r"^[0-9a-f]{64}$",
        required=False,
        label="Artifact SHA-256",
        error_messages={"invalid": "64 hexadecimal digits in lower case."},
    )
    commit = forms.CharField(max_length=64, required=False)
    repository = forms.CharField(max_length=255, required=False)
    base_model = forms.CharField(max_length=200, required=False, help_text="For generative versions.")


class ArtifactDigest(forms.Form):
    """The digest of a version's artifact; set once."""

    sha256 = forms.RegexField(
        r"^[0-9a-f]{64}$", label="SHA-256", error_messages={"invalid": "64 hexadecimal digits in lower case."}
    )


class Reason(forms.Form):
    """Why."""

    reason = forms.CharField(widget=_area(2), max_length=2000)


class OwnerAssignment(forms.Form):
    """Who answers for the selected models from now on."""

    owner = PersonChoice(label="New owner", help_text="Is told; cannot also be risk officer.")
    reason = forms.CharField(max_length=500, help_text="Kept in the history of each model.", widget=_area(2))


class Note(forms.Form):
    """Words that go with an act."""

    note = forms.CharField(widget=_area(2), max_length=2000, required=False)


class MetricEntry(forms.Form):
    """One measured value."""

    name = forms.CharField(max_length=120)
    value = forms.FloatField()
    segment = forms.CharField(max_length=160, required=False, help_text="Empty: overall.")
    n = forms.IntegerField(min_value=0, required=False, label="Cases")
    lower = forms.FloatField(required=False, label="95 % interval from")
    upper = forms.FloatField(required=False, label="to")
    suite = forms.CharField(max_length=80, required=False)

    def __init__(self, *, used: MetricsUsed, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["name"].widget = Suggesting(used.names)
        self.fields["segment"].widget = Suggesting(used.segments)
        self.fields["suite"].widget = Suggesting(used.suites)
        self.fields[
            "name"
        ].help_text = "Written as the limits and earlier versions write it: a name that differs in one letter is another metric."
        self.fields["suite"].help_text = (
            "Which group of measurements it belongs to: performance, fairness, safety, … "
            "Versions are compared by name, segment and suite together."
        )
        if used.judged:
            self.fields["name"].help_text += f" Limits are set for {', '.join(used.judged)}."


class ConsumerEntry(forms.Form):
    """Who uses the output."""

    name = forms.CharField(max_length=160)
    contact = forms.CharField(max_length=160, required=False)
    purpose = forms.CharField(widget=_area(2), required=False)


class UseRequest(forms.Form):
    """A unit that will use the model."""

    using_unit = UnitChoice(label="Using unit")
    purpose = forms.CharField(widget=_area(2), max_length=2000)

    def __init__(self, *, model: RegisteredModel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        units = BusinessUnit.objects.filter(closed_at__isnull=True).exclude(pk=model.unit_id)
        self.fields["using_unit"].offer(units.order_by("name"))


class UseDecision(forms.Form):
    """Accept or decline a use."""

    accept = forms.TypedChoiceField(
        choices=[("true", "Accept the use"), ("false", "Decline")],
        coerce=lambda value: value == "true",
        widget=forms.RadioSelect,
        label="Decision",
    )
    note = forms.CharField(widget=_area(2), required=False, max_length=2000)


class DatasetDescription(forms.Form):
    """What describes a data set beside its name and digest."""

    rows = forms.IntegerField(min_value=0, required=False)
    from_on = Day(required=False, label="From")
    to_on = Day(required=False, label="To")
    source = forms.CharField(
        max_length=500, required=False, help_text="Where the data come from. Tracing them asks for it."
    )
    purpose = forms.CharField(max_length=500, required=False)
    legal_basis = forms.CharField(max_length=200, required=False, label="Legal basis or licence")


class DatasetEntry(DatasetDescription):
    """A data set and what the version used it for."""

    name = forms.CharField(max_length=200)
    label = forms.CharField(max_length=80, required=False)
    role = forms.ChoiceField(choices=DatasetRole.choices)
    digest = forms.RegexField(r"^[0-9a-f]{64}$", required=False, label="SHA-256")
    field_order = ["name", "label", "role", "digest"]


class DatasetEdit(DatasetDescription):
    """A data set that is registered; name, label and digest stay."""

    preparation = forms.CharField(widget=_area(3), required=False)
    reason = forms.CharField(max_length=500, widget=_area(2), help_text="Why it changes; kept in history.")


class PipelineEntry(forms.Form):
    """A pipeline that feeds the version."""

    name = forms.CharField(
        max_length=200,
        help_text="A name that the unit knows is that pipeline; what is registered of it stays.",
    )
    url = forms.CharField(
        max_length=500, required=False, label="Address", help_text="Where it is kept or run."
    )
    cadence = forms.CharField(max_length=80, required=False, label="Runs", help_text="e.g. every night")
    owner = PersonChoice(required=False)

    def __init__(self, *, known: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["name"].widget = Suggesting(known)


class DependencyEntry(forms.Form):
    """A model whose output this model reads."""

    upstream = forms.ModelChoiceField(
        queryset=RegisteredModel.objects.none(), label="Reads the output of", empty_label="Choose a model"
    )
    note = forms.CharField(widget=_area(2), required=False, max_length=2000)

    def __init__(self, *, user: User, model: RegisteredModel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        visible = RegisteredModel.objects.inventory().visible_to(user).exclude(pk=model.pk)
        self.fields["upstream"].queryset = visible.by_title()


class FieldFacts(forms.Form):
    """What a custom field asks for."""

    label = forms.CharField(max_length=160, help_text="As people read it, e.g. Cost centre.")
    type = forms.ChoiceField(choices=CustomField.Type.choices)
    choices = Lines(help_text="For the type choice: one a line.")
    required = forms.BooleanField(
        required=False,
        help_text="Registering a model asks for it; records without a value get a duty that names it.",
    )


class FieldEntry(FieldFacts):
    """A new custom field."""

    key = forms.CharField(
        max_length=80,
        required=False,
        help_text="Short and stable: imports and the API name the field by it. Empty: made from the label.",
    )
    unit = UnitOfRight(label="For models of this unit and all below")
    field_order = ["label", "key", "unit"]

    def __init__(self, *, user: User, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["unit"].limit_to(user, "registry.manage_fields")


class FieldEdit(FieldFacts):
    """A custom field that is declared; key and unit stay."""

    reason = forms.CharField(max_length=500, widget=_area(2), help_text="Why it changes; kept in history.")


class EnvironmentEntry(forms.Form):
    """A place that serves versions."""

    name = forms.CharField(max_length=120)
    unit = UnitOfRight(label="Business unit")
    provider = forms.ChoiceField(choices=Provider.choices, label="Runs on")
    region = forms.CharField(max_length=80, required=False)
    is_production = forms.BooleanField(required=False, label="Production")
    connector = forms.ChoiceField(choices=Connector.choices)
    alias = forms.CharField(
        max_length=255, required=False, help_text="What the registry alias connector moves."
    )
    description = forms.CharField(widget=_area(2), required=False)

    def __init__(self, *, user: User, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["unit"].limit_to(user, "registry.manage_environments")
