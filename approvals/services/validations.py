"""Independent validations: opened by a validator, challenged, concluded over their content and signed."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Max

from approvals import policies
from approvals.events import tell
from approvals.models import Challenge, ChangeRequest, Validation, ValidationFinding
from approvals.policy_in_force import policy_in_force
from approvals.services.lapses import lapses_settle_validated
from approvals.services.signing import prove, sign
from approvals.states import OPEN_STATES, Meaning
from mlops_portal.foundation import canonical
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.errors import Conflict, invalid
from mlops_portal.foundation.files.models import StoredFile
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import ServiceAccount, User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.words import day_text
from registry.models import MetricValue, ModelVersion, RegisteredModel
from registry.queries.offices import Offices, offices_of
from registry.services.models import model_note_validation

RIGHT = "approvals.validate"
MIN_SUMMARY = 40


def _makers(version: ModelVersion, offices: Offices) -> frozenset[int]:
    """Return who built or registered the version, with the people behind service accounts."""
    ids = {
        version.model.developer_id,
        version.registered_by_id,
        *map(int, version.developer_ids),
        *offices.developers,
    }
    behind = ServiceAccount.objects.filter(user_id__in=[pk for pk in ids if pk]).values_list(
        "owner_id", flat=True
    )
    return frozenset(pk for pk in [*ids, *behind] if pk)


def _requesters(version: ModelVersion) -> frozenset[int]:
    changes = ChangeRequest.objects.filter(version=version, state__in=OPEN_STATES)
    ids = set(changes.values_list("requester_id", flat=True))
    ids |= set(ServiceAccount.objects.filter(user_id__in=ids).values_list("owner_id", flat=True))
    return frozenset(ids)


def validation_open_blockers(version: ModelVersion, *, by: User) -> list[Blocker]:
    """Why ``by`` may not validate this version."""
    offices = offices_of(version.model, since=version.registered_at)
    return policies.validator_blockers(
        version,
        by=by,
        requester_ids=_requesters(version),
        developers=_makers(version, offices),
        owners=offices.owners,
    )


@operation
def validation_open(
    *, version: ModelVersion, kind: str, scope: str = "", by: User, now: datetime
) -> Validation:
    """Begin a validation; its validator is who opens it."""
    model = lock(RegisteredModel.objects.all(), version.model_id)
    version = lock(ModelVersion.objects.alive().select_related("model"), version.pk)
    require(by, RIGHT, unit_id=model.unit_id, model_id=model.pk)
    if kind not in Validation.Kind.values:
        raise invalid("kind", "Choose initial, periodic or change.")
    refuse_if(validation_open_blockers(version, by=by))
    if Validation.objects.filter(version=version, validator=by, state=Validation.State.OPEN).exists():
        raise Conflict("You have a validation of this version open already.")
    validation = Validation(
        model=model,
        version=version,
        unit_id=model.unit_id,
        kind=kind,
        scope=scope,
        validator=by,
        opened_at=now,
    )
    save_as(validation, by=by, now=now, reason="Opened")
    tell("validation_opened", validation, by=by, now=now, version=version.number, kind=kind)
    return validation


def _lock_open(validation: Validation) -> Validation:
    lock(RegisteredModel.objects.all(), validation.model_id)
    found = lock(Validation.objects.select_related("version__model", "validator"), validation.pk)
    refuse_if(
        []
        if found.state == Validation.State.OPEN
        else [Blocker("concluded", "This validation is concluded; it is not changed any more.")]
    )
    return found


@operation
def finding_raise(
    *,
    validation: Validation,
    title: str,
    detail: str,
    severity: str,
    owner: User,
    due_on: date,
    by: User,
    now: datetime,
) -> ValidationFinding:
    """Record what the validation found, with who repairs it and until when."""
    validation = _lock_open(validation)
    if severity not in ValidationFinding.Severity.values:
        raise invalid("severity", "Choose critical, high, medium or low.")
    if due_on < portal_day(now):
        raise invalid("due_on", f"{day_text(due_on)} is in the past.")
    blockers = (
        []
        if by.pk == validation.validator_id
        else [Blocker("not_validator", "Its validator raises findings.")]
    )
    if owner.pk == validation.validator_id:
        blockers.append(Blocker("own_finding", "The validator does not repair what they found."))
    refuse_if(blockers)
    finding = ValidationFinding(
        validation=validation,
        model_id=validation.model_id,
        unit_id=validation.unit_id,
        title=title.strip()[:200],
        detail=detail,
        severity=severity,
        owner=owner,
        due_on=due_on,
        raised_at=now,
    )
    save_as(finding, by=by, now=now, reason=title)
    tell("finding_raised", finding, by=by, now=now, severity=severity)
    return finding


@operation
def finding_close(*, finding: ValidationFinding, evidence: str, by: User, now: datetime) -> ValidationFinding:
    """Close a finding on evidence, as the second line and not as who repaired it."""
    finding = lock(ValidationFinding.objects.select_related("validation__version__model"), finding.pk)
    require(by, RIGHT, unit_id=finding.unit_id, model_id=finding.model_id)
    version = finding.validation.version
    blockers = []
    if finding.closed_at is not None:
        blockers.append(Blocker("closed", "This finding is closed already."))
    offices = offices_of(version.model, since=version.registered_at)
    if by.pk in _makers(version, offices) | offices.owners | {version.model.owner_id}:
        blockers.append(Blocker("own_model", "Whoever owns or developed it does not close its findings."))
    if finding.owner_id == by.pk:
        blockers.append(Blocker("is_owner", "Who repairs a finding does not close it."))
    if len(evidence.strip()) < 10:
        blockers.append(Blocker("evidence", "Say in at least 10 characters what proves the repair."))
    refuse_if(blockers)
    finding.closed_at, finding.closed_by, finding.closure_evidence = now, by, evidence.strip()
    save_as(finding, by=by, now=now, reason=evidence.strip())
    tell("finding_closed", finding, by=by, now=now)
    return finding


@operation
def challenge_ask(*, validation: Validation, question: str, by: User, now: datetime) -> Challenge:
    """Ask the developers a question that must be settled before the conclusion."""
    validation = _lock_open(validation)
    refuse_if(
        []
        if by.pk == validation.validator_id
        else [Blocker("not_validator", "Its validator asks challenges.")]
    )
    if not question.strip():
        raise invalid("question", "Ask something.")
    last = validation.challenges.aggregate(last=Max("number"))["last"] or 0
    challenge = Challenge(
        validation=validation,
        model_id=validation.model_id,
        unit_id=validation.unit_id,
        number=last + 1,
        question=question.strip(),
        asked_at=now,
    )
    save_as(challenge, by=by, now=now, reason="Asked")
    tell("challenge_asked", validation, by=by, now=now, number=challenge.number)
    return challenge


@operation
def challenge_answer(*, challenge: Challenge, answer: str, by: User, now: datetime) -> Challenge:
    """Answer a challenge, as anybody but its validator."""
    validation = _lock_open(challenge.validation)
    challenge = lock(Challenge.objects.all(), challenge.pk)
    require(by, "approvals.comment", unit_id=challenge.unit_id, model_id=challenge.model_id)
    blockers = []
    if challenge.state == Challenge.State.ACCEPTED:
        blockers.append(Blocker("settled", "This challenge is settled."))
    if by.pk == validation.validator_id:
        blockers.append(Blocker("is_validator", "The validator does not answer their own challenge."))
    if not answer.strip():
        blockers.append(Blocker("answer", "Write an answer."))
    refuse_if(blockers)
    challenge.answer, challenge.answered_by, challenge.answered_at = answer.strip(), by, now
    challenge.state = Challenge.State.ANSWERED
    save_as(challenge, by=by, now=now, reason="Answered")
    tell("challenge_answered", validation, by=by, now=now, number=challenge.number)
    return challenge


@operation
def challenge_accept(*, challenge: Challenge, by: User, now: datetime) -> Challenge:
    """Accept an answer, as the validator."""
    validation = _lock_open(challenge.validation)
    challenge = lock(Challenge.objects.all(), challenge.pk)
    blockers = []
    if by.pk != validation.validator_id:
        blockers.append(Blocker("not_validator", "The validator accepts answers."))
    if challenge.state != Challenge.State.ANSWERED:
        blockers.append(Blocker("not_answered", "There is no answer to accept."))
    refuse_if(blockers)
    challenge.state = Challenge.State.ACCEPTED
    save_as(challenge, by=by, now=now, reason="Accepted")
    tell("challenge_accepted", validation, by=by, now=now, number=challenge.number)
    return challenge


def validation_conclude(
    *,
    validation: Validation,
    components: Sequence[str],
    outcome: str,
    summary: str,
    has_no_conflict: bool,
    conflict_declaration: str = "",
    baseline: Mapping[str, float] | None = None,
    report: StoredFile | None = None,
    password: str,
    code: str,
    by: User,
    now: datetime,
) -> Validation:
    """Conclude a validation, signed. Its validity follows from the tier; its content is fixed by a digest.

    Without ``baseline`` the version's overall metrics as recorded now become it.
    """
    prove(by, password=password, code=code, subject=validation, now=now)
    return _conclude(
        validation=validation,
        components=components,
        outcome=outcome,
        summary=summary,
        has_no_conflict=has_no_conflict,
        conflict_declaration=conflict_declaration,
        baseline=baseline,
        report=report,
        by=by,
        now=now,
    )


@operation
def _conclude(
    *,
    validation: Validation,
    components: Sequence[str],
    outcome: str,
    summary: str,
    has_no_conflict: bool,
    conflict_declaration: str,
    baseline: Mapping[str, float] | None,
    report: StoredFile | None,
    by: User,
    now: datetime,
) -> Validation:
    validation = _lock_open(validation)
    version, model = validation.version, validation.version.model
    require(by, RIGHT, unit_id=model.unit_id, model_id=model.pk)
    _check(components, outcome)
    policy = policy_in_force(now)
    blockers = [] if policy else [Blocker("no_policy", "No policy is in force.", "a policy publisher")]
    if model.tier is None:
        blockers.append(Blocker("no_tier", "The model has no approved risk tier yet.", "a risk officer"))
    refuse_if(blockers)
    assert policy is not None  # noqa: S101  (refused above)
    tier = model.tier or 1
    blockers = policies.conclusion_blockers(
        validation,
        by=by,
        required=policy.document.validation_components[tier],
        components=components,
        outcome=outcome,
        open_challenges=validation.challenges.exclude(state=Challenge.State.ACCEPTED).count(),
        critical_open=validation.findings.filter(
            severity=ValidationFinding.Severity.CRITICAL, closed_at__isnull=True
        ).count(),
    )
    blockers += validation_open_blockers(version, by=by)
    if len(summary.strip()) < MIN_SUMMARY:
        blockers.append(Blocker("summary", f"The summary needs at least {MIN_SUMMARY} characters."))
    if not has_no_conflict and not conflict_declaration.strip():
        blockers.append(
            Blocker("conflict", "Describe the conflict of interest, or declare that there is none.")
        )
    refuse_if(blockers)
    validation.components, validation.outcome, validation.summary = (
        sorted(set(components)),
        outcome,
        summary.strip(),
    )
    validation.has_no_conflict, validation.conflict_declaration = (
        has_no_conflict,
        conflict_declaration.strip(),
    )
    validation.baseline = dict(baseline) if baseline is not None else _baseline(version)
    validation.report, validation.concluded_at = report, now
    validation.valid_until = now + timedelta(days=policy.document.validation_validity_days[tier])
    content = _content(validation)
    validation.content_digest = canonical.digest(content)
    statement = {
        "validation": str(validation.pk),
        "content": validation.content_digest,
        "outcome": outcome,
        "signer": str(by.pk),
    }
    validation.signature = sign(
        validation,
        meaning=Meaning.VALIDATE,
        statement=statement,
        by=by,
        role="independent_validator",
        now=now,
    )
    validation.state = Validation.State.CONCLUDED
    save_as(validation, by=by, now=now, reason=summary.strip())
    model_note_validation(
        model=model, validated_at=now, next_validation_on=portal_day(validation.valid_until), by=by, now=now
    )
    tell(
        "validation_concluded", validation, by=by, now=now, outcome=outcome, digest=validation.content_digest
    )
    lapses_settle_validated(validation=validation, by=by, now=now)
    return validation


def _check(components: Sequence[str], outcome: str) -> None:
    if outcome not in Validation.Outcome.values:
        raise invalid("outcome", "Choose an outcome.")
    if unknown := sorted(set(components) - set(Validation.Component.values)):
        raise invalid("components", f"Unknown: {', '.join(unknown)}.")


def _baseline(version: ModelVersion) -> dict[str, float]:
    overall = MetricValue.objects.filter(version=version, segment="").order_by("name", "pk")
    return dict(overall.values_list("name", "value"))


def _content(validation: Validation) -> dict[str, Any]:
    """Return everything a validator puts their name to."""
    version = validation.version
    return {
        "version": [version.model_id, version.number, version.artifact_sha256],
        "kind": validation.kind,
        "scope": validation.scope,
        "components": validation.components,
        "outcome": validation.outcome,
        "summary": validation.summary,
        "has_no_conflict": validation.has_no_conflict,
        "conflict_declaration": validation.conflict_declaration,
        "baseline": validation.baseline,
        "report": validation.report.sha256 if validation.report else "",
        "valid_until": validation.valid_until,
        "findings": [[row.title, row.severity, row.detail] for row in validation.findings.order_by("pk")],
        "challenges": [
            [row.number, row.question, row.answer] for row in validation.challenges.order_by("number")
        ],
    }
