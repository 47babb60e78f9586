"""Publishing a policy revision: what will be signed, and signing it over exactly what the publisher read."""

from datetime import datetime

from approvals.events import event_of
from approvals.models import PolicyRevision
from approvals.publication_content import meaning_of, record_parts, statement_of
from approvals.services.reading import RecordChanged, RecordPreview, refuse_other_record
from approvals.services.revisions import RIGHT, publication_blockers, revision_put_in_force
from approvals.services.signing import prove, sign
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import RuleViolation, refuse_if

MIN_REASON = 20


def publication_preview(*, revision: PolicyRevision, by: User) -> RecordPreview:
    """Return what publishing would sign now, and what keeps ``by`` from it."""
    blockers = publication_blockers(revision, by=by)
    return RecordPreview(meaning_of(revision), record_parts(revision), tuple(blockers))


def revision_publish(
    *,
    revision: PolicyRevision,
    reason: str,
    read_digest: str,
    password: str,
    code: str,
    by: User,
    now: datetime,
) -> PolicyRevision:
    """Put a revision in force, as another person than the drafter, signed over the document and what it changes.

    Where it is laxer than a control it serves, the reason says why less is enough (RULES 3.4). An urgent one is
    applied to open requests.

    Raises:
        RecordChanged: another revision came in force meanwhile; nothing was signed.
        RuleViolation: it was published already, or the drafter publishes.
        Invalid: the password or the code is not right.
    """
    reason = reason.strip()
    if len(reason) < MIN_REASON:
        raise invalid("reason", f"Give a reason of at least {MIN_REASON} characters.")
    try:
        _refuse(revision, read_digest, by=by)
        prove(by, password=password, code=code, subject=revision, now=now)
        return _publish(revision=revision, reason=reason, read_digest=read_digest, by=by, now=now)
    except (RecordChanged, RuleViolation) as refusal:
        reasons = [row.code for row in getattr(refusal, "blockers", [])] or [refusal.code]
        refusal.evidence = event_of("decision_refused", revision, by=by, now=now, data={"reasons": reasons})
        raise


def _refuse(revision: PolicyRevision, read_digest: str, *, by: User) -> None:
    require(by, RIGHT)
    refuse_if(publication_blockers(revision, by=by))
    refuse_other_record(record_parts(revision), read_digest)


@operation
def _publish(
    *, revision: PolicyRevision, reason: str, read_digest: str, by: User, now: datetime
) -> PolicyRevision:
    revision = lock(PolicyRevision.objects.select_related("policy", "drafted_by"), revision.pk)
    _refuse(revision, read_digest, by=by)
    statement, meaning = statement_of(revision, record_parts(revision), reason, by=by), meaning_of(revision)
    sign(revision, meaning=meaning, statement=statement, by=by, role="policy_publisher", now=now)
    return revision_put_in_force(revision=revision, reason=reason, by=by, now=now)
