"""Which policy is in force. Revisions never change, so a compiled one is kept for good."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from approvals.facts import facts
from approvals.models import PolicyRevision
from approvals.policy.document import PolicyDocument, parse_policy

KEPT = 32


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """A revision with its document."""

    revision: PolicyRevision
    document: PolicyDocument

    @property
    def name(self) -> str:
        """The name people quote, such as ``MRM-07 v3``."""
        return f"{self.revision.policy.key.upper()} v{self.revision.number}"


_compiled: OrderedDict[str, PolicyDocument] = OrderedDict()


def document_of(revision: PolicyRevision) -> PolicyDocument:
    """Return the compiled document of a revision."""
    found = _compiled.get(revision.digest)
    if found is None:
        found = parse_policy(revision.document, facts=facts.types())
        _compiled[revision.digest] = found
        if len(_compiled) > KEPT:
            _compiled.popitem(last=False)
    return found


def policy_in_force(at: datetime) -> PolicyInForce | None:
    """Return what was in force at ``at``, or None: then nothing may be filed or decided."""
    revision = (
        PolicyRevision.objects.select_related("policy")
        .filter(
            Q(state=PolicyRevision.State.PUBLISHED) | Q(state=PolicyRevision.State.SUPERSEDED),
            effective_from__lte=at,
        )
        .order_by("-effective_from", "-number")
        .first()
    )
    return None if revision is None else PolicyInForce(revision, document_of(revision))


def policy_of(revision: PolicyRevision) -> PolicyInForce:
    """Return a given revision with its document."""
    return PolicyInForce(revision, document_of(revision))
