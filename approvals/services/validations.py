"""Independent validations: opened by a validator, with challenges and findings. How one ends is in `conclusions`."""

from datetime import date, datetime
from typing import Any

from django.db.models import Max

from approvals import policies
from approvals.events import tell
from approvals.model_facts.people import Circle, circle_of, makers_of
from approvals.models import Challenge, ChangeRequest, Validation, ValidationFinding
from approvals.queries.condition_people import see_the_model
from approvals.states import OPEN_STATES
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.errors import Conflict, invalid
from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.behind import behind
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.words import day_text
from registry.models import ModelVersion, RegisteredModel
from registry.queries.offices import Offices, offices_of

RIGHT = "approvals.validate"


def _makers(version: ModelVersion, offices: Offices) -> Circle:
    """Return who built or registered the version, with the people behind service accounts."""
    ids = makers_of(version.model, version, offices)
    return circle_of(((pk, version.registered_at) for pk in ids), behind(ids))


def _requesters(version: ModelVersion) -> Circle:
    changes = ChangeRequest.objects.filter(version=version, state__in=OPEN_STATES)
    asked = list(changes.values_list("requester_id", "created_at"))
    return circle_of(asked, behind([pk for pk, _ in asked]))


def validation_open_blockers(version: ModelVersion, *, by: User) -> list[Blocker]:
    """Why ``by`` may not validate this version."""
    offices = offices_of(version.model, since=version.registered_at)
    return policies.validator_blockers(
        version,
        by=by,
        requesters=_requesters(version),
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


def lock_open(validation: Validation) -> Validation:
    """Lock a validation that is still being worked on."""
    lock(RegisteredModel.objects.all(), validation.model_id)
    found = lock(Validation.objects.select_related("version__model", "validator"), validation.pk)
    refuse_if(policies.concluded_blockers(found))
    return found


@operation
def report_attach(*, validation: Validation, upload: Any, by: User, now: datetime) -> Validation:
    """Keep the validator's report (a file with ``name`` and ``chunks``), or another in its place, until it is concluded.

    The conclusion signs its digest, so a report that was replaced while the validator wrote stops the signature.

    Raises:
        Invalid: no file was sent.
        RuleViolation: somebody else's validation, or a concluded one.
    """
    validation = lock_open(validation)
    require(by, RIGHT, unit_id=validation.unit_id, model_id=validation.model_id)
    refuse_if(policies.others_blockers(validation, "attaches the report", by=by))
    if not upload:
        raise invalid("file", "Send a file.")
    validation.report = files.store(upload.chunks(), name=upload.name, by=by, now=now)
    save_as(validation, by=by, now=now, reason="Report attached", fields=["report"])
    tell("validation_report_attached", validation, by=by, now=now, sha256=validation.report.sha256)
    return validation


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
    """Record what the validation found, with who repairs it and until when.

    Raises:
        Invalid: what is not possible, or an owner who does not see the model.
        RuleViolation: somebody else's validation, or one's own finding.
    """
    validation = lock_open(validation)
    if severity not in ValidationFinding.Severity.values:
        raise invalid("severity", "Choose critical, high, medium or low.")
    if due_on < portal_day(now):
        raise invalid("due_on", f"{day_text(due_on)} is in the past.")
    able = see_the_model(unit_id=validation.unit_id, model_id=validation.model_id)
    if not able.filter(pk=owner.pk).exists():
        raise invalid("owner", f"{owner.name} does not see this model, so nobody would repair it.")
    blockers = policies.others_blockers(validation, "raises findings", by=by)
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
    if by.pk in _makers(version, offices).people | offices.owners | {version.model.owner_id}:
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
    validation = lock_open(validation)
    refuse_if(policies.others_blockers(validation, "asks challenges", by=by))
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
    validation = lock_open(challenge.validation)
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
    validation = lock_open(challenge.validation)
    challenge = lock(Challenge.objects.all(), challenge.pk)
    blockers = policies.others_blockers(validation, "accepts answers", by=by)
    if challenge.state != Challenge.State.ANSWERED:
        blockers.append(Blocker("not_answered", "There is no answer to accept."))
    refuse_if(blockers)
    challenge.state = Challenge.State.ACCEPTED
    save_as(challenge, by=by, now=now, reason="Accepted")
    tell("challenge_accepted", validation, by=by, now=now, number=challenge.number)
    return challenge
