"""Whether governance is mandatory, how far a model is adopted, which duties follow: evaluated, never declared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.words import day_text
from registry import policies
from registry.applicability import adoption, applicability
from registry.events import tell
from registry.models import GovernanceOverride, RecordTask, RegisteredModel
from registry.queries.facts import RecordFacts, facts_of, gaps_from, governance_facts, unstated_gaps
from registry.services.living import lock_living
from registry.services.record_tasks import task_close, task_open
from registry.states import INVENTORY_KINDS, Governance, LifecycleState, TaskKind

OVERRIDE_DAYS = 180
CHUNK = 500
RATING_MISSING = "The model has no approved risk rating."
SETTLED = (
    TaskKind.COMPLETE_RECORD,
    TaskKind.FACTS_CONTRADICTED,
    TaskKind.BECAME_MANDATORY,
    TaskKind.RATING_MISSING,
    TaskKind.REVIEW_OVERDUE,
)
FINISHED = (LifecycleState.RETIRED, LifecycleState.REJECTED)


@operation
def governance_evaluate(*, model: RegisteredModel, now: datetime, by: User | None = None) -> RegisteredModel:
    """Evaluate the facts again: governance, adoption stage and the tasks that follow. Run nightly and at deployment."""
    model = lock_living(model.pk)
    if model.kind not in INVENTORY_KINDS:
        return model
    facts = facts_of([model], now=now)[model.pk]
    before, stood = model.governance, model.adoption_stage
    first_time = model.governance_evaluated_at is None
    changed, contradictions = apply_facts(model, facts, now=now)
    if changed or first_time:
        reason = "Governance evaluated"
        save_as(model, by=by, now=now, reason=reason, fields=[*changed, "governance_evaluated_at"])
    if model.governance != before:
        rationale = model.governance_rationale
        tell(
            "governance_changed",
            model,
            by=by,
            now=now,
            before=before,
            after=model.governance,
            rationale=rationale,
        )
    if model.adoption_stage != stood:
        stage, reason = model.adoption_stage, model.adoption_reason
        tell("adoption_changed", model, by=by, now=now, before=stood, after=stage, reason=reason)
    became_mandatory = model.governance == Governance.MANDATORY and before == Governance.OPTIONAL
    _settle_tasks(model, facts, contradictions, became_mandatory=became_mandatory, now=now)
    return model


def apply_facts(model: RegisteredModel, facts: RecordFacts, *, now: datetime) -> tuple[list[str], list[str]]:
    """Set governance and adoption on the unsaved model; return the fields that changed and the contradictions."""
    if model.kind not in INVENTORY_KINDS:
        return [], []
    known = governance_facts(model, facts)
    answer, stage = applicability(known), adoption(known)
    governance, rationale = answer.governance, list(answer.rationale)
    if facts.override is not None and governance == Governance.MANDATORY:
        governance = Governance.OPTIONAL
        rationale.append(f"Overridden until {day_text(facts.override.valid_until)}: {facts.override.reason}")
    values = {
        "governance": governance,
        "governance_rationale": rationale,
        "adoption_stage": stage.stage,
        "adoption_reason": stage.reason,
    }
    changed = [name for name, value in values.items() if getattr(model, name) != value]
    for name in changed:
        setattr(model, name, values[name])
    if changed or model.governance_evaluated_at is None:
        model.governance_evaluated_at = now
    return changed, list(answer.contradictions)


def first_tasks(model: RegisteredModel, facts: RecordFacts, *, now: datetime) -> list[RecordTask]:
    """Return the unsaved tasks of a model that was just registered."""
    if model.kind not in INVENTORY_KINDS:
        return []
    if not _is_governed(model):
        texts = _open_statements(model)
        return [_first_task(model, kind, text, now) for kind, text in texts.items()]
    texts = {TaskKind.RATING_MISSING: RATING_MISSING} if model.tier is None else {}
    if gaps := gaps_from(model, facts, now=now):
        texts[TaskKind.COMPLETE_RECORD] = _missing(gaps)
    return [_first_task(model, kind, text, now) for kind, text in texts.items()]


def _first_task(model: RegisteredModel, kind: str, text: str, now: datetime) -> RecordTask:
    return RecordTask(
        model=model, unit_id=model.unit_id, kind=kind, text=text, owner_id=model.owner_id, opened_at=now
    )


def _open_statements(model: RegisteredModel) -> dict[TaskKind, str]:
    """Ask for what nobody stated where governance is optional, too: whether it is may hang on that."""
    gaps = [] if model.lifecycle_state in FINISHED else unstated_gaps(model)
    return {TaskKind.COMPLETE_RECORD: _missing(gaps)} if gaps else {}


def _is_governed(model: RegisteredModel) -> bool:
    return model.governance == Governance.MANDATORY and model.lifecycle_state not in FINISHED


def _missing(gaps: Sequence[str]) -> str:
    return f"Missing: {', '.join(gaps)}."


@dataclass(frozen=True, slots=True)
class DueTask:
    """A duty that should be open now."""

    text: str
    due_on: date | None = None


def _due_tasks(
    model: RegisteredModel,
    facts: RecordFacts,
    contradictions: Sequence[str],
    *,
    became_mandatory: bool,
    now: datetime,
) -> dict[str, DueTask]:
    """Return the duties that should be open, by kind; every other kind of this service should be closed."""
    due: dict[str, DueTask] = {}
    if contradictions:
        due[TaskKind.FACTS_CONTRADICTED] = DueTask(" ".join(contradictions))
    if not _is_governed(model):
        return due | {kind: DueTask(text) for kind, text in _open_statements(model).items()}
    if gaps := gaps_from(model, facts, now=now):
        if became_mandatory:  # first, because the notice of an act gives the words of its first task
            due[TaskKind.BECAME_MANDATORY] = DueTask(f"Governance became mandatory. {_missing(gaps)}")
        due[TaskKind.COMPLETE_RECORD] = DueTask(_missing(gaps))
    if model.tier is None:
        due[TaskKind.RATING_MISSING] = DueTask(RATING_MISSING)
    review_on = model.next_review_on
    if review_on is not None and review_on < portal_day(now):
        due[TaskKind.REVIEW_OVERDUE] = DueTask(f"The review was due on {day_text(review_on)}.", review_on)
    return due


def _open_tasks(models: Sequence[RegisteredModel]) -> dict[int, dict[str, RecordTask]]:
    found: dict[int, dict[str, RecordTask]] = {model.pk: {} for model in models}
    for task in RecordTask.objects.filter(model__in=models, kind__in=SETTLED, closed_at__isnull=True):
        found[task.model_id][task.kind] = task
    return found


def _settle_tasks(
    model: RegisteredModel,
    facts: RecordFacts,
    contradictions: Sequence[str],
    *,
    became_mandatory: bool,
    now: datetime,
) -> None:
    is_open = _open_tasks([model])[model.pk]
    stays = became_mandatory or TaskKind.BECAME_MANDATORY in is_open
    due = _due_tasks(model, facts, contradictions, became_mandatory=stays, now=now)
    for kind, wanted in due.items():
        task_open(model=model, kind=kind, text=wanted.text, due_on=wanted.due_on, now=now)
    for kind, task in is_open.items():
        if kind not in due:
            task_close(task=task, by=None, now=now, reason="Done")


def _is_settled(
    model: RegisteredModel, facts: RecordFacts, is_open: Mapping[str, RecordTask], now: datetime
) -> bool:
    """Tell whether an evaluation would write nothing. Changes the object in memory, not the row."""
    if model.governance_evaluated_at is None:
        return False
    changed, contradictions = apply_facts(model, facts, now=now)
    stays = TaskKind.BECAME_MANDATORY in is_open
    due = _due_tasks(model, facts, contradictions, became_mandatory=stays, now=now)
    known = {kind: (task.text, task.owner_id) for kind, task in is_open.items()}
    return not changed and known == {kind: (one.text, model.owner_id) for kind, one in due.items()}


def governance_evaluate_all(*, now: datetime) -> int:
    """Evaluate every living model; return how many. Run by the scheduler.

    Facts are gathered for many models at once; only a model about which something changed is locked, and what is
    written of it follows from the facts under that lock.
    """
    rows = RegisteredModel.objects.inventory().exclude(lifecycle_state__in=FINISHED)
    pks = list(rows.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(pks), CHUNK):
        models = list(
            RegisteredModel.objects.alive().filter(pk__in=pks[start : start + CHUNK]).order_by("pk")
        )
        facts, is_open = facts_of(models, now=now), _open_tasks(models)
        for model in models:
            if not _is_settled(model, facts[model.pk], is_open[model.pk], now):
                governance_evaluate(model=model, now=now)
    return len(pks)


@operation
def governance_override(
    *, model: RegisteredModel, reason: str, signature_digest: str, by: User, now: datetime
) -> GovernanceOverride:
    """Declare governance optional against the evidence for 180 days, signed by a risk officer outside the owner's line.

    The app above checks the signature and passes its digest.

    Raises:
        RuleViolation: owner, developer, or somebody in the owner's line of reporting; or there is nothing to override.
    """
    model = lock_living(model.pk)
    require(by, "registry.approve_rating", unit_id=model.unit_id, model_id=model.pk)
    if not reason.strip():
        raise invalid("reason", "A reason is required.")
    if problem := policies.digest_problem(signature_digest):
        raise invalid("signature_digest", problem)
    refuse_if(override_blockers(model=model, by=by, now=now))
    override = GovernanceOverride(
        model=model,
        unit_id=model.unit_id,
        reason=reason,
        decided_by=by,
        decided_at=now,
        valid_until=now + timedelta(days=OVERRIDE_DAYS),
        signature_digest=signature_digest,
    )
    save_as(override, by=by, now=now, reason=reason)
    tell(
        "governance_overridden",
        override,
        by=by,
        now=now,
        reason=reason,
        valid_until=override.valid_until,
        digest=signature_digest,
    )
    governance_evaluate(model=model, by=by, now=now)
    return override


@operation
def governance_override_end(
    *, override: GovernanceOverride, reason: str, by: User, now: datetime
) -> GovernanceOverride:
    """End an override before its day, and evaluate governance again in the same act.

    Unlike the override, its end is not signed: an override only ever makes optional what the facts make mandatory, so
    its end can only return to what they say, and nobody accepts a risk by it. Who could not sign an override does not
    end one.

    Raises:
        RuleViolation: it is over, or ``by`` is owner, developer or in the owner's line of reporting.
    """
    model = lock_living(override.model_id)
    override = lock(GovernanceOverride.objects.select_related("model__owner"), override.pk)
    require(by, "registry.approve_rating", unit_id=model.unit_id, model_id=model.pk)
    if not reason.strip():
        raise invalid("reason", "A reason is required.")
    refuse_if(policies.override_end_blockers(override, by=by, now=now))
    override.ended_at, override.ended_by, override.end_reason = now, by, reason.strip()
    save_as(
        override, by=by, now=now, reason=override.end_reason, fields=["ended_at", "ended_by", "end_reason"]
    )
    tell(
        "governance_override_ended",
        override,
        by=by,
        now=now,
        reason=override.end_reason,
        valid_until=override.valid_until,
        digest=override.signature_digest,
    )
    governance_evaluate(model=model, by=by, now=now)
    return override


def override_blockers(*, model: RegisteredModel, by: User, now: datetime) -> list[Blocker]:
    """Return what keeps ``by`` from overriding, judged by the facts of this moment."""
    facts = facts_of([model], now=now)[model.pk]
    governance = applicability(governance_facts(model, facts)).governance
    return policies.override_blockers(model, by=by, governance=governance, live=facts.override)
