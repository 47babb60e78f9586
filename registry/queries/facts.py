"""What the portal knows of models, gathered for many at once: for governance, gaps of the record, portfolio lists."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from django.db.models import Count, Field, Q

from registry.applicability import GovernanceFacts
from registry.models import (
    Component,
    Consumer,
    Deployment,
    GovernanceOverride,
    ModelDependency,
    ModelVersion,
    MonitoringPlan,
    RegisteredModel,
    UnitUse,
    VersionDataset,
    VersionPipeline,
)
from registry.queries.custom import required_in
from registry.states import (
    DEFAULTS_IF_UNSTATED,
    DeploymentState,
    EuAiClass,
    LifecycleState,
    ModelKind,
    Origin,
    UseState,
)

# INV-COMPLETE of the control catalogue: how long an attestation lasts, by tier.
ATTEST_DAYS = {1: 180, 2: 365, 3: 365, 4: 730}
UNTIERED_ATTEST_DAYS = 180

MANDATORY_COLUMNS = (
    ("description", "description"),
    ("is_model_decision", "decision whether it is a model"),
    ("is_model_rationale", "rationale of that decision"),
    ("intended_use", "intended use"),
    ("prohibited_uses", "prohibited uses"),
    ("owner_id", "owner"),
    ("developer_id", "developer"),
    ("tier", "risk tier"),
    ("assumptions", "assumptions"),
    ("limitations", "limitations"),
)
PRODUCTION_COLUMNS = (
    ("validator_id", "validator"),
    ("last_validated_at", "last validation"),
    ("next_validation_on", "next validation"),
    ("approved_uses", "approved uses"),
)
THIRD_PARTY_COLUMNS = (
    ("vendor", "vendor"),
    ("vendor_version", "vendor's version"),
    ("contract_ref", "contract"),
    ("exit_plan", "exit plan"),
)
HIGH_RISK_COLUMNS = (
    ("eu_role", "role under the EU AI Act"),
    ("annex_iii_point", "point of Annex III"),
    ("eu_db_registration_id", "registration in the EU database"),
)
DEPLOYMENT, CONSUMERS, ATTESTATION = "deployment", "downstream consumers", "attestation"


@dataclass(slots=True)
class RecordFacts:
    """The surroundings of one model's record."""

    production_environments: list[str] = field(default_factory=list)
    consuming_units: list[str] = field(default_factory=list)
    consumers: list[str] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)
    has_version: bool = False
    has_prompts: bool = False
    has_upstream: bool = False
    has_monitoring_plan: bool = False
    required_fields: Mapping[str, str] = field(default_factory=dict)  # those its unit declares: key and label
    override: GovernanceOverride | None = None


def facts_of(models: Iterable[RegisteredModel], *, now: datetime) -> dict[int, RecordFacts]:
    """Gather the surroundings of models in nine statements (ten with required fields), however many they are."""
    models = list(models)
    pks = [model.pk for model in models]
    facts: dict[int, RecordFacts] = defaultdict(RecordFacts)
    _note_required(facts, models)
    serving = Deployment.objects.filter(
        model__in=pks, state=DeploymentState.LIVE, environment__is_production=True
    )
    for pk, name in serving.order_by("environment__name").values_list("model_id", "environment__name"):
        facts[pk].production_environments.append(name)
    uses = UnitUse.objects.filter(model__in=pks, state=UseState.ACCEPTED).order_by("using_unit__name")
    for pk, name in uses.values_list("model_id", "using_unit__name"):
        facts[pk].consuming_units.append(name)
    consumers = Consumer.objects.filter(model__in=pks, released_at__isnull=True).order_by("name")
    for pk, name in consumers.values_list("model_id", "name"):
        facts[pk].consumers.append(name)
    for component in Component.objects.filter(model__in=pks).order_by("pk"):
        facts[component.model_id].components.append(component)
    versions = ModelVersion.objects.alive().filter(model__in=pks).order_by().values("model_id")
    for pk, prompted in versions.annotate(prompted=Count("pk", filter=~Q(prompts=[]))).values_list(
        "model_id", "prompted"
    ):
        facts[pk].has_version, facts[pk].has_prompts = True, prompted > 0
    upstream = (
        ModelDependency.objects.filter(model__in=pks)
        .order_by()
        .values_list("model_id", flat=True)
        .union(
            VersionDataset.objects.filter(model__in=pks).order_by().values_list("model_id", flat=True),
            VersionPipeline.objects.filter(model__in=pks).order_by().values_list("model_id", flat=True),
        )
    )
    for pk in upstream:
        facts[pk].has_upstream = True
    plans = MonitoringPlan.objects.filter(model__in=pks, is_current=True)
    for pk in plans.values_list("model_id", flat=True):
        facts[pk].has_monitoring_plan = True
    overrides = GovernanceOverride.objects.filter(
        ended_at__isnull=True,  # a run that began before the end must not revive it
        model__in=pks,
        decided_at__lte=now,
        valid_until__gt=now,
    )
    for override in overrides.order_by("decided_at", "pk"):
        facts[override.model_id].override = override
    return {pk: facts[pk] for pk in pks}


def _note_required(facts: dict[int, RecordFacts], models: Sequence[RegisteredModel]) -> None:
    required = required_in({model.unit_id for model in models})
    for model in models:
        facts[model.pk].required_fields = required.get(model.unit_id, {})


def governance_facts(model: RegisteredModel, facts: RecordFacts) -> GovernanceFacts:
    """Say what is known of a model in the words of the applicability rules."""
    return GovernanceFacts(
        production_environments=tuple(facts.production_environments),
        consuming_units=tuple(facts.consuming_units),
        consumers=tuple(facts.consumers),
        decisions_per_day=model.decisions_per_day,
        regimes=tuple(str(regime) for regime in model.regimes),
        eu_ai_class=model.eu_ai_class,
        is_production_critical=model.is_production_critical,
        is_enterprise_scale=model.is_enterprise_scale,
        is_proof_of_concept=model.is_proof_of_concept,
        is_exploratory=model.is_exploratory,
        states_no_regime=model.no_regime_in_scope,
        has_objective=bool(model.objective.strip()),
    )


def gaps_from(model: RegisteredModel, facts: RecordFacts, *, now: datetime) -> list[str]:
    """Return what INV-COMPLETE misses on the record, in words, in the order of the control."""
    gaps = (
        unstated_gaps(model)
        + _empty(model, MANDATORY_COLUMNS)
        + _regime_gaps(model)
        + _own_field_gaps(model, facts)
    )
    if not facts.has_version:
        gaps.append("current version")
    if not facts.has_upstream:
        gaps.append("upstream data sets, pipelines or models")
    if not facts.consumers and not facts.consuming_units:
        gaps.append(CONSUMERS)
    days = ATTEST_DAYS.get(model.tier or 0, UNTIERED_ATTEST_DAYS)
    if model.last_attested_at is None or model.last_attested_at < now - timedelta(days=days):
        gaps.append(f"{ATTESTATION} of the last {days} days")
    if facts.production_environments or model.lifecycle_state == LifecycleState.IN_PRODUCTION:
        gaps += _empty(model, PRODUCTION_COLUMNS)
        if not facts.production_environments:
            gaps.append(DEPLOYMENT)
        if not facts.has_monitoring_plan:
            gaps.append("monitoring plan")
    if model.origin == Origin.THIRD_PARTY:
        gaps += _empty(model, THIRD_PARTY_COLUMNS)
    if model.eu_ai_class == EuAiClass.HIGH_RISK:
        gaps += _empty(model, HIGH_RISK_COLUMNS)
    return gaps + _generative_gaps(model, facts)


def unstated_gaps(model: RegisteredModel) -> list[str]:
    """Name the fields that the record holds by default, with what the inventory says of them."""
    gaps = []
    for name, default in DEFAULTS_IF_UNSTATED.items():
        if name in model.unstated and getattr(model, name) == default:
            field = cast("Field", model._meta.get_field(name))
            says = f", the inventory says “{text}”" if (text := model.unstated[name]) else ""
            value = dict(field.flatchoices)[default].lower()
            gaps.append(f"statement of the {field.verbose_name} ({value} by default{says})")
    return gaps


def _empty(model: RegisteredModel, columns: Sequence[tuple[str, str]]) -> list[str]:
    return [label for name, label in columns if getattr(model, name) in (None, "", [], {})]


def _regime_gaps(model: RegisteredModel) -> list[str]:
    stated = model.regimes or model.no_regime_in_scope
    return [] if stated else ["regimes in scope, or the statement that none is"]


def _own_field_gaps(model: RegisteredModel, facts: RecordFacts) -> list[str]:
    """Name the fields that the model's unit requires and the record has no value for."""
    return [label for key, label in facts.required_fields.items() if model.custom.get(key) in (None, "")]


def _generative_gaps(model: RegisteredModel, facts: RecordFacts) -> list[str]:
    made_of_language = [part for part in facts.components if part.kind != ModelKind.ANALYTICAL]
    gaps = []
    for part in made_of_language:
        for name, label in (
            ("base_model", "base model"),
            ("base_model_version", "version of the base model"),
            ("guardrail_profile", "guardrails"),
        ):
            if not getattr(part, name):
                gaps.append(f"{label} of {part}")
    if made_of_language and not facts.has_prompts:
        gaps.append("prompts")
    return gaps


def record_gaps(model: RegisteredModel, *, now: datetime) -> list[str]:
    """Return what the record of one model lacks."""
    return gaps_from(model, facts_of([model], now=now)[model.pk], now=now)
