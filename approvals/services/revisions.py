"""Policy revisions: drafted by one, published by another, never edited afterwards."""

from datetime import datetime

from django.db.models import Max

from approvals.events import tell
from approvals.models import ChangeRequest, Policy, PolicyRevision
from approvals.policy.document import default_policy_text
from approvals.policy_in_force import compiled_policy, laxness_of
from approvals.states import ChangeState
from mlops_portal.foundation.canonical import sha256
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.work import jobs

REFRESH_JOB = "approvals.refresh"
RIGHT = "approvals.publish_policy"


@operation
def revision_draft(*, text: str, by: User | None, now: datetime) -> PolicyRevision:
    """Keep ``text`` as a new revision of the policy it names.

    Raises:
        DocumentInvalid: naming every place that is wrong, with line and column.
    """
    require(by, RIGHT)
    document = compiled_policy(text)
    policy = Policy.objects.filter(key=document.id.lower()).first()
    if policy is None:
        policy = Policy(key=document.id.lower(), title=document.title, created_at=now)
        save_as(policy, by=by, now=now, reason="First revision")
    last = policy.revisions.aggregate(last=Max("number"))["last"] or 0
    revision = PolicyRevision(
        policy=policy,
        number=last + 1,
        document=text,
        digest=sha256(text.encode()),
        is_urgent=document.urgent,
        drafted_by=by,
        drafted_at=now,
    )
    save_as(revision, by=by, now=now, reason="Drafted")
    tell("policy_drafted", revision, by=by, now=now, policy=policy.key, number=revision.number)
    return revision


def publication_blockers(revision: PolicyRevision, *, by: User) -> list[Blocker]:
    """Why this person cannot publish a revision: two people do, once."""
    found = []
    if revision.state != PolicyRevision.State.DRAFT:
        found.append(Blocker("published", "This revision was published already."))
    if revision.drafted_by_id == by.pk:
        message = "Somebody other than the drafter publishes a policy."
        found.append(Blocker("own_draft", message, "another policy publisher"))
    return found


@operation
def revision_put_in_force(
    *, revision: PolicyRevision, reason: str, by: User, now: datetime
) -> PolicyRevision:
    """Let a revision succeed the one in force. Its publication is signed one service above.

    Raises:
        RuleViolation: it was published already, the drafter publishes, or it is laxer than a control without a reason.
    """
    revision = lock(PolicyRevision.objects.select_related("policy"), revision.pk)
    require(by, RIGHT)
    findings = laxness_of(revision)
    blockers = publication_blockers(revision, by=by)
    if findings and not reason:
        blockers += [
            Blocker("laxer", f"{row.control}, {row.where}: {row.message}", "a signed reason")
            for row in findings
        ]
    refuse_if(blockers)
    for earlier in revision.policy.revisions.filter(state=PolicyRevision.State.PUBLISHED):
        earlier.state = PolicyRevision.State.SUPERSEDED
        save_as(earlier, by=by, now=now, reason=f"Superseded by v{revision.number}", fields=["state"])
    revision.state, revision.laxness_reason = (
        PolicyRevision.State.PUBLISHED,
        reason if findings else "",
    )
    revision.published_by, revision.published_at, revision.effective_from = by, now, now
    save_as(
        revision,
        by=by,
        now=now,
        reason=reason or "Published",
        fields=["state", "laxness_reason", "published_by", "published_at", "effective_from"],
    )
    tell("policy_published", revision, by=by, now=now, policy=revision.policy.key, number=revision.number)
    if revision.is_urgent:
        _reopen(revision, by=by, now=now)
    return revision


def _reopen(revision: PolicyRevision, *, by: User, now: datetime) -> None:
    """Put undecided and unexecuted requests under an urgent revision; a job refreshes each of them."""
    states = [ChangeState.IN_REVIEW, ChangeState.APPROVED, ChangeState.SCHEDULED]
    affected = ChangeRequest.objects.filter(state__in=states, policy_revision__policy=revision.policy)
    for change in affected.exclude(policy_revision=revision).order_by("pk"):
        change.policy_revision = revision
        change.row_revision += 1
        save_as(
            change,
            by=by,
            now=now,
            reason="Urgent policy revision",
            fields=["policy_revision", "row_revision"],
        )
        tell("change_reopened", change, by=by, now=now, policy=str(revision))
        jobs.start(
            kind=REFRESH_JOB, by=None, params={"change_id": change.pk}, now=now, unit_id=change.unit_id
        )


@operation
def install_default_policy(*, by: User | None, second: User, now: datetime) -> PolicyRevision:
    """Put the shipped policy in force on a fresh installation, unsigned; what is there stays."""
    known = PolicyRevision.objects.filter(state=PolicyRevision.State.PUBLISHED).first()
    if known is not None:
        return known
    revision = revision_draft(text=default_policy_text(), by=by, now=now)
    return revision_put_in_force(revision=revision, reason="", by=second, now=now)
