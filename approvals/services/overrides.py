"""Overrides of governance: what will be signed, and signing it over exactly what the risk officer read (RULES 2.1)."""

from datetime import datetime

from approvals.events import event_of
from approvals.override_content import record_parts, statement_of
from approvals.services.reading import RecordChanged, RecordPreview, refuse_other_record
from approvals.services.signing import prove, sign
from approvals.states import Meaning
from mlops_portal.foundation import canonical
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import RuleViolation, refuse_if
from registry.models import GovernanceOverride, RegisteredModel
from registry.services.governance import governance_override, override_blockers
from registry.services.living import lock_living

RIGHT = "registry.approve_rating"
MIN_REASON = 40


def override_preview(*, model: RegisteredModel, by: User, now: datetime) -> RecordPreview:
    """Return what an override would sign now, and what keeps ``by`` from it."""
    blockers = override_blockers(model=model, by=by, now=now)
    return RecordPreview(Meaning.ACCEPT_RISK, record_parts(model, now=now), tuple(blockers))


def override_sign(
    *,
    model: RegisteredModel,
    reason: str,
    read_digest: str,
    password: str,
    code: str,
    by: User,
    now: datetime,
) -> GovernanceOverride:
    """Override governance, signed with a reason over what the facts say, as the person read it.

    Raises:
        RecordChanged: model, tier or facts differ from what was read; nothing was signed.
        RuleViolation: with every reason.
        Invalid: the password or the code is not right.
    """
    reason = reason.strip()
    if len(reason) < MIN_REASON:
        raise invalid("reason", f"Give a reason of at least {MIN_REASON} characters.")
    try:
        _refuse(model, read_digest, by=by, now=now)
        prove(by, password=password, code=code, subject=model, now=now)
        return _override(model=model, reason=reason, read_digest=read_digest, by=by, now=now)
    except (RecordChanged, RuleViolation) as refusal:
        reasons = [row.code for row in getattr(refusal, "blockers", [])] or [refusal.code]
        refusal.evidence = event_of("decision_refused", model, by=by, now=now, data={"reasons": reasons})
        raise


def _refuse(model: RegisteredModel, read_digest: str, *, by: User, now: datetime) -> None:
    require(by, RIGHT, unit_id=model.unit_id, model_id=model.pk)
    refuse_if(override_blockers(model=model, by=by, now=now))
    refuse_other_record(record_parts(model, now=now), read_digest)


@operation
def _override(
    *, model: RegisteredModel, reason: str, read_digest: str, by: User, now: datetime
) -> GovernanceOverride:
    model = lock_living(model.pk)
    _refuse(model, read_digest, by=by, now=now)
    statement = statement_of(model, record_parts(model, now=now), reason, by=by)
    override = governance_override(
        model=model, reason=reason, signature_digest=canonical.digest(statement), by=by, now=now
    )
    sign(override, meaning=Meaning.ACCEPT_RISK, statement=statement, by=by, role="risk_officer", now=now)
    return override
