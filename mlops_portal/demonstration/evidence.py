"""Versions and what is known of them: data sets, metrics by segment, documents, prompts; all through the registry."""

import hashlib
from datetime import date, datetime, timedelta
from typing import Any

from approvals.models import ValidationFinding
from approvals.services import ConditionInput, conclusion_preview, validation_conclude, validation_open
from approvals.services.validations import (
    challenge_accept,
    challenge_answer,
    challenge_ask,
    finding_close,
    finding_raise,
)
from mlops_portal.demonstration import cast
from mlops_portal.demonstration.blueprint import Blueprint, Measure
from mlops_portal.demonstration.derived import validation_summary, weakness
from mlops_portal.demonstration.texts import (
    SECTIONS,
    challenge_about,
    condition_about,
    finding_about,
    repair_about,
)
from mlops_portal.demonstration.timeline import Life
from mlops_portal.demonstration.world import World, repository_of
from mlops_portal.foundation.people.models import User
from registry.models import Dataset, Document, ModelVersion, RegisteredModel
from registry.services.attesting import documents_attest
from registry.services.evidence_together import documents_save
from registry.services.lineage import dataset_link, dataset_register, pipeline_link, pipeline_register
from registry.services.metrics import metrics_record
from registry.services.versions import version_register
from registry.states import DocumentKind, Grade, Origin

FIRST_LINE_TIERS = (1, 2)
OPTIONAL_WEIGHT = 1
REPAIRED = ("medium", "low")  # findings of the latest versions are high, and open
LATE_EVERY = 6  # some findings are overdue


def digest_of(*words: Any) -> str:
    """Return the digest of an artifact or data set of the story."""
    return hashlib.sha256("/".join(map(str, words)).encode()).hexdigest()


def label_of(step: int) -> str:
    """Return the makers' number of version number ``step``, counted from 0: 1.0.0, 1.1.0, … 2.0.0."""
    return f"{1 + step // 4}.{step % 4}.0"


def developer_of(plan: Blueprint) -> str:
    """Return who develops a model; a unit's developers share its models."""
    team = cast.DEVELOPERS[plan.unit]
    language = "petra" in team and plan.kind != "analytical"
    return "petra" if language else team[sum(map(ord, plan.name)) % len(team)]


def register_version(
    world: World, plan: Blueprint, model: RegisteredModel, step: int, *, worse: str = "", **fields: Any
) -> ModelVersion:
    """Register the version of a training run with data sets and metrics, as the unit's pipeline.

    ``worse`` names a segment that this version treats worse than the one before.
    """
    pipeline, now, label = world.accounts[plan.unit].user, world.now, label_of(step)
    parameters = {
        "algorithm": plan.algorithm,
        **plan.parameters,
        "seed": 11 + step,
        "training_window_months": 24 + step,
    }
    registered: dict[str, Any] = {
        "label": label,
        "description": f"{plan.title} {label}, trained on data to {_last_day(now, months=8):%B %Y}.",
        "source": f"s3://aldermoor-models/{plan.name}/{label}",
        "run_id": digest_of(plan.name, label, "run")[:32],
        "commit": digest_of(plan.name, label, "commit")[:40],
        "repository": repository_of(plan.unit),
        "parameters": parameters,
        "features": list(plan.features[: max(2, len(plan.features) - 2 + min(step, 2))]),
        "input_schema": {"inputs": [{"name": name, "type": "double"} for name in plan.features[:2]]},
        "developer_ids": [world.person(developer_of(plan)).pk],
        "training_started_at": now - timedelta(hours=9),
        "first_commit_at": now - timedelta(days=6 + step % 5),
    }
    if plan.kind != "analytical":
        registered |= _language_fields(plan, step)
    version = version_register(
        model=model,
        by=pipeline,
        now=now,
        artifact_sha256=digest_of(plan.name, label, "artifact"),
        tags={"stage": "candidate"},
        **{**registered, **fields},
    )
    version.model = model
    tested = _data_sets(world, plan, version, label)
    metrics_record(
        version=version,
        metrics=metric_rows(world, plan, step, dataset=tested, worse=worse),
        by=pipeline,
        now=now,
    )
    return version


def _language_fields(plan: Blueprint, step: int) -> dict[str, Any]:
    lines = list(plan.prompt)
    if step and len(lines) > 2:
        lines[-1] = f"{lines[-1]} Answer in at most {140 - 10 * min(step, 6)} words."
    if step > 1:
        lines.insert(2, "Never mention age, sex, origin or address, even when a document implies them.")
    return {
        "base_model": f"{plan.base_model} {plan.base_model_version}".strip(),
        "prompts": [{"name": "system", "text": "\n".join(lines)}],
        "guardrails": [
            {"name": "input filter", "setting": "injections and personal data"},
            {"name": "output filter", "setting": f"toxicity below {0.02 - 0.001 * min(step, 8):.3f}"},
        ],
    }


def _last_day(now: datetime, *, months: float) -> date:
    return (now - timedelta(days=round(30.4 * months))).date()


def _data_sets(world: World, plan: Blueprint, version: ModelVersion, label: str) -> Dataset:
    now, pipeline, unit = world.now, world.accounts[plan.unit].user, world.units[plan.unit]
    tested = None
    spans = {"training": (32.0, 8.0), "test": (7.9, 2.0)}
    for role, (begins, ends) in spans.items():
        dataset = dataset_register(
            unit=unit,
            name=f"{plan.name}-{role}",
            label=label,
            digest=digest_of(plan.name, label, role),
            rows=world.chance.randint(40, 900) * 1000,
            from_on=_last_day(now, months=begins),
            to_on=_last_day(now, months=ends),
            source=f"warehouse.{plan.unit.replace('-', '_')}.{plan.name.replace('-', '_')}",
            purpose=f"{role.capitalize()} of {plan.title}",
            legal_basis="Contract, legitimate interest" if plan.affects_people else "No personal data",
            preparation="Deduplicated; outliers checked; quality report attached to the run.",
            by=pipeline,
            now=now,
        )
        dataset_link(version=version, dataset=dataset, role=role, by=pipeline, now=now)
        tested = dataset
    made = pipeline_register(
        unit=unit,
        name=f"{plan.unit}-features",
        url=repository_of(plan.unit),
        cadence="daily",
        by=pipeline,
        now=now,
    )
    pipeline_link(version=version, pipeline=made, by=pipeline, now=now)
    assert tested is not None  # noqa: S101  (the loop ran twice)
    return tested


def metric_rows(
    world: World, plan: Blueprint, step: int, *, dataset: Dataset | None = None, worse: str = ""
) -> list[dict[str, Any]]:
    """Return the metrics of a version, overall and by segment, with intervals."""
    chance = world.chance
    rows = []
    for measure in plan.measures:
        value = measure.at(step, chance.uniform(0, measure.gain / 3))
        rows.append(_row(measure, value, "", n=chance.randint(60, 400) * 100, dataset=dataset))
    for place, segment in enumerate(plan.segments):
        first = plan.primary
        offset = (0.004, -0.011, -0.006, 0.008, -0.014)[place % 5] * (1 if first.start < 2 else first.start)
        value = round(rows[0]["value"] + offset, 4)
        if segment == worse:
            value = round(first.limit - 0.021 if first.higher_is_better else first.limit * 1.04, 4)
        rows.append(_row(first, value, segment, n=chance.randint(9, 90) * 100, dataset=dataset))
    return rows


def _row(measure: Measure, value: float, segment: str, *, n: int, dataset: Dataset | None) -> dict[str, Any]:
    half = abs(value) * 0.012 if segment else abs(value) * 0.006
    return {
        "name": measure.name,
        "segment": segment,
        "value": value,
        "n": n,
        "lower": round(value - half, 4),
        "upper": round(value + half, 4),
        "suite": measure.suite,
        "dataset": dataset,
    }


def traits_of(plan: Blueprint) -> frozenset[str]:
    """Return the traits that the documentation depends on."""
    return frozenset({plan.ai_class, plan.kind} | ({"affects_persons"} if plan.affects_people else set()))


def write_documents(
    world: World, plan: Blueprint, model: RegisteredModel, version: ModelVersion, *, share: float = 1.0
) -> list[Document]:
    """Write the documents that the tier asks for, as the pipeline; ``share`` of the weight of their sections."""
    tier, traits = model.tier or 4, traits_of(plan)
    weighed = [(section, section.weight(tier=tier, traits=traits)) for section in world.policy.sections]
    wanted = [(section, weight) for section, weight in weighed if weight]
    total, reached = sum(weight for _, weight in wanted), 0
    kinds: dict[str, list[dict[str, str]]] = {}
    for section, weight in sorted(wanted, key=lambda row: -row[1]):
        if reached >= total * share:
            break
        reached += weight
        text = SECTIONS[section.id].format(title=plan.title, does=plan.does, label=version.label, tier=tier)
        kinds.setdefault(section.kind, []).append({"key": section.id, "title": section.title, "text": text})
    if model.origin == Origin.THIRD_PARTY:
        licence = f"The licence of {plan.vendor} covers this use in all countries of the group."
        kinds["vendor_assessment"] = [{"key": "licence", "title": "Licence", "text": licence}]
    written = [
        {"kind": kind, "title": f"{_title_of(kind, sections)} {version.label}", "sections": sections}
        for kind, sections in kinds.items()
    ]
    return documents_save(
        version=version, documents=written, by=world.accounts[plan.unit].user, now=world.now
    )


def _title_of(kind: str, sections: list[dict[str, str]]) -> str:
    """Name a document by its kind; one of no kind by what it holds."""
    return sections[0]["title"] if kind == DocumentKind.OTHER else DocumentKind(kind).label


def validate(
    world: World,
    plan: Blueprint,
    model: RegisteredModel,
    version: ModelVersion,
    step: int,
    *,
    outcome: str = "approved",
    finding: str = "",
    asks: bool = False,
    worse: str = "",
) -> Life[None]:
    """Validate a version independently: own runs for tiers 1 and 2, challenges, findings, conclusion, signature."""
    tier = model.tier or 4
    validator = world.person("samuel" if tier in FIRST_LINE_TIERS else "ivo")
    validation = validation_open(
        version=version,
        kind="initial" if step == 0 else "change",
        scope="Concept, data, outcomes and implementation"
        if tier in FIRST_LINE_TIERS
        else "Outcomes and implementation",
        by=validator,
        now=world.now,
    )
    developer = world.person(developer_of(plan))
    if asks:
        asked, answer = challenge_about(plan)
        challenge = challenge_ask(validation=validation, question=asked, by=validator, now=world.now)
        yield world.after(hours=7)
        challenge_answer(challenge=challenge, answer=answer, by=developer, now=world.now)
        yield world.after(hours=3)
        challenge_accept(challenge=challenge, by=validator, now=world.now)
    yield world.after(days=1)
    if tier in FIRST_LINE_TIERS:
        rows = metric_rows(world, plan, step, worse=worse)
        metrics_record(version=version, metrics=rows, grade=Grade.REPRODUCED, by=validator, now=world.now)
        documents_attest(version=version, by=validator, now=world.now)
    if finding:
        before = model.versions.filter(number__lt=version.number).order_by("-number").first()
        title, detail = finding_about(plan, finding, weakness(plan, version, before) if worse else "")
        raised = finding_raise(
            validation=validation,
            title=title,
            detail=detail,
            severity=finding,
            owner=developer,
            due_on=(world.now + timedelta(days=75)).date(),
            by=validator,
            now=world.now,
        )
        if finding in REPAIRED and len(plan.name) % LATE_EVERY:
            repaired_at = world.now + timedelta(
                weeks=4 + (len(plan.name) + step) % 6
            )  # in office hours, as now
            world.timeline.add(_repair(world, plan, raised), repaired_at)
    conditions = [_condition(world, plan, validator)] if outcome == "approved_with_conditions" else []
    validation_conclude(
        validation=validation,
        components=["conceptual_soundness", "outcomes_analysis", "data_review", "implementation_check"]
        if tier in FIRST_LINE_TIERS
        else ["outcomes_analysis", "implementation_check"],
        outcome=outcome,
        summary=validation_summary(plan, version),
        has_no_conflict=True,
        conditions=conditions,
        read_digest=conclusion_preview(validation=validation, by=validator, now=world.now).digest,
        by=validator,
        now=world.now,
        **world.proof(validator),
    )


def _repair(world: World, plan: Blueprint, finding: ValidationFinding) -> Life[None]:
    """Let the validator close a finding on what its owner did."""
    seen = repair_about(plan, finding.severity)
    finding_close(finding=finding, evidence=seen, by=finding.validation.validator, now=world.now)
    return
    yield


def _condition(world: World, plan: Blueprint, validator: User) -> ConditionInput:
    """Return what a validator asks for who approves a version that is worse for one group."""
    text, evidence = condition_about(plan)
    return {
        "text": text,
        "evidence": evidence,
        "owner": world.person(developer_of(plan)).pk,
        "verifier": validator.pk,
        "due_on": (world.now + timedelta(days=90)).date(),
    }
