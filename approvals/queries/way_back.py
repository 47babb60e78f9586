"""How good the way back is: each criterion of the last good version, shown with its answer (RULES 5.2)."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q

from approvals.model_facts.operation import serves_inputs_of
from approvals.models import ChangeRequest, Validation
from approvals.states import ChangeKind, ChangeState
from mlops_portal.foundation.web.words import day_text, plural, time_text
from registry.models import Consumer, Deployment, ModelDependency, ModelVersion
from registry.states import DeploymentState


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question about the target and its answer. A warning never blocks the way back."""

    question: str
    answer: str
    tone: str


def criteria_of(deployment: Deployment, target: ModelVersion, *, now: datetime) -> list[Criterion]:
    """Answer every criterion for going back to ``target`` where ``deployment`` serves."""
    served = (
        Deployment.objects.filter(version=target, environment_id=deployment.environment_id)
        .exclude(state__in=[DeploymentState.FAILED, DeploymentState.ABORTED])
        .order_by("-started_at", "-pk")
        .first()
    )
    approval = (
        ChangeRequest.objects.filter(
            version=target, environment_id=deployment.environment_id, state=ChangeState.COMPLETED
        )
        .order_by("-closed_at", "-pk")
        .first()
    )
    same_schema = target.input_schema == deployment.version.input_schema
    return [
        _approval(approval),
        _revoked(approval),
        _validation(target, now),
        _incidents(target, deployment),
        Criterion(
            "Served here before",
            f"{day_text(served.started_at)}{f' to {day_text(served.ended_at)}' if served.ended_at else ''}"
            if served
            else "never",
            "ok" if served else "warn",
        ),
        _took(served),
        Criterion(
            "Artifact can be fetched",
            "yes" if target.artifact_retrievable and target.artifact_sha256 else "not known",
            "ok" if target.artifact_retrievable and target.artifact_sha256 else "warn",
        ),
        Criterion(
            "Same input schema",
            "yes" if same_schema else "no: check the dependents first",
            "ok" if same_schema else "warn",
        ),
        _dependents(target, deployment),
        Criterion(
            "Registered version",
            "deleted" if target.deleted_at else "there",
            "fail" if target.deleted_at else "ok",
        ),
    ]


def _approval(approval: ChangeRequest | None) -> Criterion:
    if approval is None:
        return Criterion("Completed approval", "none on record", "warn")
    given = f", given {day_text(approval.decided_at)}" if approval.decided_at else ""
    return Criterion("Completed approval", f"{approval.code}{given}", "ok")


def _validation(target: ModelVersion, now: datetime) -> Criterion:
    """Say whether the validation of the target still holds: one that ended opens a lapse when the target serves."""
    question = "Validation still valid"
    concluded = target.validations.filter(state=Validation.State.CONCLUDED)
    last = concluded.order_by(F("valid_until").desc(nulls_last=True), "-pk").first()
    if last is None or last.valid_until is None:
        return Criterion(question, "never validated" if last is None else "no end on record", "mute")
    if last.valid_until > now:
        return Criterion(question, f"until {day_text(last.valid_until)}", "ok")
    ended = f"ended {day_text(last.valid_until)}: going back opens a lapse, which the owner settles"
    return Criterion(question, ended, "warn")


def _revoked(approval: ChangeRequest | None) -> Criterion:
    if approval is None:
        return Criterion("Approval not revoked", "no approval on record", "mute")
    if approval.revoked_at:
        return Criterion("Approval not revoked", f"revoked {time_text(approval.revoked_at)}", "warn")
    return Criterion("Approval not revoked", "stands", "ok")


def _incidents(target: ModelVersion, deployment: Deployment) -> Criterion:
    """Name incidents for which the target was taken back or stopped here; their severity is not on record."""
    named = ChangeRequest.objects.filter(
        Q(rolls_back__version=target) | Q(kind=ChangeKind.SUSPEND, version=target),
        environment_id=deployment.environment_id,
    ).exclude(incident="")
    found = sorted(set(named.values_list("incident", flat=True)))
    question = "No incident of severity 1 or 2"
    if not found:
        return Criterion(question, "none recorded", "ok")
    return Criterion(question, f"{', '.join(found[:3])}: its severity is not on record", "warn")


def _dependents(target: ModelVersion, deployment: Deployment) -> Criterion:
    model = deployment.model_id
    count = ModelDependency.objects.filter(upstream_id=model).count()
    count += Consumer.objects.filter(model_id=model, released_at__isnull=True).count()
    question = "Dependents still fit"
    if not count:
        return Criterion(question, "none on record", "ok")
    if serves_inputs_of(target, deployment.version):
        return Criterion(question, f"{plural(count, 'dependent')}, inputs fit", "ok")
    return Criterion(question, f"{plural(count, 'dependent')}, inputs differ", "warn")


def _took(served: Deployment | None) -> Criterion:
    """Say how long putting the target in place took when it was done last."""
    if served is None or served.finished_at is None:
        return Criterion("Time it took last", "not recorded", "mute")
    minutes = (served.finished_at - served.started_at).total_seconds() / 60
    return Criterion(
        "Time it took last", f"{minutes:.0f} min" if minutes >= 1 else "less than a minute", "mute"
    )
