"""Facts of the change and of the inventory record: owners, rating, governance, consumers."""

from datetime import datetime, timedelta

from approvals.facts import Answer, Observed, Reading, Subject
from approvals.model_facts.people import people_of
from approvals.model_facts.records import Records
from approvals.states import ChangeKind
from mlops_portal.foundation import canonical
from registry.models import Component, ModelVersion, RegisteredModel
from registry.queries.facts import ATTEST_DAYS, CONSUMERS, DEPLOYMENT, gaps_from, unstated_gaps
from registry.states import Governance, ModelKind, Origin, UseState

# The fields of INV-COMPLETE that a person fills in where governance is optional.
MANDATORY_FIELDS = (
    "description",
    "intended_use",
    "prohibited_uses",
    "assumptions",
    "limitations",
    "is_model_rationale",
)
AGENT_FIELDS = {
    "autonomy_level": "autonomy level",
    "tool_allow_list": "tool allow-list",
    "spending_limit": "spending limit",
    "rate_limit": "rate limit",
    "stop_switch": "stop switch",
    "human_handover": "human hand-over",
}


def days_since(moment: datetime | None, now: datetime) -> int | None:
    """Return whole days that have passed, or None where nothing happened."""
    return None if moment is None else max((now - moment).days, 0)


def inventory_facts(subject: Subject, records: Records) -> dict[str, Answer]:
    """Facts of the model's record and of the request."""
    model = records.models.get(subject.model_id)
    if model is None:
        return {}
    return {
        **_request_facts(subject, records, model),
        **_owner_facts(subject, records, model),
        **_rating_facts(records, model),
        **_governance_facts(records, model),
        **_component_facts(subject, records, model),
    }


def _request_facts(subject: Subject, records: Records, model: RegisteredModel) -> dict[str, Answer]:
    change = records.changes.get(subject.change_id or 0)
    environment = records.environments.get(subject.environment_id or 0)
    return {
        "kind": subject.kind,
        "tier": subject.tier,
        "is_production": environment.is_production if environment else True,
        "is_first_deployment": not records.other_ran(subject),
        "alternatives_described": None if change is None else alternatives_described(change.alternatives),
        "fallback_described": None if change is None else bool(change.rollback_plan.strip()),
        "separation_conflicts": _conflicts(subject, records, model),
    }


def alternatives_described(alternatives: list[dict[str, object]]) -> bool:
    """Tell whether every alternative names its metrics and why it was not chosen, and there is one (RULES 3.5)."""
    return bool(alternatives) and all(
        str(row.get("title") or "").strip() and row.get("metrics") and str(row.get("why_not") or "").strip()
        for row in alternatives
    )


def _conflicts(subject: Subject, records: Records, model: RegisteredModel) -> tuple[str, ...]:
    """Name who validated what they made, own or ask for. Approvers are refused before they can sign."""
    version = records.versions.get(subject.version_id or 0)
    change = records.changes.get(subject.change_id or 0)
    validation = records.validations.get(subject.version_id or 0)
    people = people_of(
        model,
        version,
        requester_id=change.requester_id if change else None,
        asked_at=change.created_at if change else records.now,
        validator_ids=frozenset({validation.validator_id}) if validation else frozenset(),
        behind=records.behind,
    )
    named = {
        person.pk: person.name
        for person in (model.owner, model.developer, model.validator, validation and validation.validator)
        if person
    }
    found = []
    for role, ids in (
        ("developer", people.developers),
        ("owner", people.owners),
        ("requester", people.requesters),
    ):
        found += [f"{named.get(pk, pk)} as validator and {role}" for pk in sorted(people.validators & ids)]
    return tuple(found)


def _owner_facts(subject: Subject, records: Records, model: RegisteredModel) -> dict[str, Answer]:
    problems = []
    needed = {"owner": model.owner, "developer": model.developer}
    if subject.tier <= 2:
        needed["validator"] = model.validator
    if subject.tier == 1:
        needed["accountable executive"] = model.accountable_executive
    for role, person in needed.items():
        if person is None:
            problems.append(f"no {role}")
        elif not person.is_active:
            problems.append(f"{role} is no longer active")
        elif not person.is_person:
            problems.append(f"{role} is not a person")
    if model.validator_id and model.validator_id in (model.owner_id, model.developer_id):
        problems.append("validator is owner or developer")
    return {"owners_problems": tuple(problems), "inventory_missing": _missing_fields(subject, records, model)}


def _missing_fields(subject: Subject, records: Records, model: RegisteredModel) -> tuple[str, ...]:
    """Name what INV-COMPLETE misses, as the model's page does; of an optional one what was said of the model itself."""
    if model.governance != Governance.OPTIONAL:
        # A release makes the deployment that the record may lack; before the end, all consumers have left.
        not_asked = {DEPLOYMENT, CONSUMERS} if subject.kind == ChangeKind.RETIRE else {DEPLOYMENT}
        gaps = gaps_from(model, records.record_facts[model.pk], now=records.now)
        return tuple(gap for gap in gaps if gap not in not_asked)
    missing = [name.replace("_", " ") for name in MANDATORY_FIELDS if not getattr(model, name)]
    missing += unstated_gaps(model)
    if model.is_model_decision is None:
        missing.append("decision whether it is a model")
    due = timedelta(days=ATTEST_DAYS[subject.tier])
    if model.last_attested_at is None or model.last_attested_at + due < records.now:
        missing.append("attestation of the record")
    if model.origin == Origin.THIRD_PARTY:
        missing += [
            name.replace("_", " ") for name in ("vendor", "vendor_version") if not getattr(model, name)
        ]
    return tuple(missing)


def _rating_facts(records: Records, model: RegisteredModel) -> dict[str, Answer]:
    rating = records.ratings.get(model.pk)
    if rating is None:
        return {
            "rating_approved": False,
            "rating_age_days": None,
            "rating_dimensions": (),
            "ai_act_class": model.eu_ai_class,
        }
    evidence = {f"rating:{rating.pk}": canonical.digest([rating.answers, rating.dimensions, rating.tier])}
    answered = rating.dimensions or rating.answers
    return {
        "rating_approved": Observed(value=rating.tier == model.tier, digests=evidence),
        "rating_age_days": days_since(rating.decided_at, records.now),
        "rating_dimensions": tuple(sorted(answered)),
        "ai_act_class": model.eu_ai_class,
    }


def _governance_facts(records: Records, model: RegisteredModel) -> dict[str, Answer]:
    missing = []
    if model.governance == Governance.MANDATORY:
        checks = {"risk rating": model.tier, "business objective": model.objective, "owner": model.owner_id}
        missing = [name for name, value in checks.items() if not value]
    pending = [
        use.using_unit.name for use in records.uses.get(model.pk, []) if use.state == UseState.REQUESTED
    ]
    consumers = records.consumers.get(model.pk, [])
    left = [consumer for consumer in consumers if consumer.released_at is None]
    return {
        "governance_evaluated": model.governance_evaluated_at is not None,
        "governance_missing": tuple(missing),
        "consuming_units_pending": tuple(pending),
        "consumers_unconfirmed": Observed(
            value=tuple(consumer.name for consumer in left),
            readings=tuple(
                Reading(
                    label=consumer.name,
                    observed="released" if consumer.released_at else "still uses it",
                    ok=consumer.released_at is not None,
                )
                for consumer in consumers
            ),
        ),
    }


def _component_facts(subject: Subject, records: Records, model: RegisteredModel) -> dict[str, Answer]:
    components = records.components.get(model.pk, [])
    kinds = {component.kind for component in components} or {model.kind}
    traits = {model.eu_ai_class} | kinds
    if model.interacts_with_people:
        traits.add("affects_persons")
    version = records.versions.get(subject.version_id or 0)
    generative = [row for row in components if row.kind != ModelKind.ANALYTICAL]
    return {
        "component_kinds": tuple(sorted(kinds)),
        "model_traits": tuple(sorted(trait for trait in traits if trait)),
        "is_third_party": model.origin == Origin.THIRD_PARTY,
        "generative_gaps": _generative_gaps(generative, version),
        "agent_controls_missing": tuple(
            f"{row.name}: {words}"
            for row in components
            if row.kind == ModelKind.AGENT
            for name, words in AGENT_FIELDS.items()
            if not getattr(row, name)
        )
        + (
            ("components of the agent are not recorded",)
            if ModelKind.AGENT in kinds and not components
            else ()
        ),
    }


def _generative_gaps(components: list[Component], version: ModelVersion | None) -> tuple[str, ...]:
    gaps = []
    for row in components:
        if not row.base_model and not (version and version.base_model):
            gaps.append(f"{row.name}: base model")
        if not row.base_model_version:
            gaps.append(f"{row.name}: base model version")
        if not row.guardrail_profile and not (version and version.guardrails):
            gaps.append(f"{row.name}: guardrails")
    if components and version is not None and not version.prompts:
        gaps.append("prompts")
    return tuple(gaps)
