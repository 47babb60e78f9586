"""Which policy is in force. What follows from the text of a policy alone is worked out once and kept."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db.models import Q

from approvals.facts import facts
from approvals.models import PolicyRevision
from approvals.policy.controls import Finding, laxness
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


@lru_cache(maxsize=KEPT)
def compiled_policy(text: str) -> PolicyDocument:
    """Return the document that a text gives, or raise `DocumentInvalid` with every place that is wrong."""
    return parse_policy(text, facts=facts.types())


@lru_cache(maxsize=KEPT)
def _laxness(text: str) -> tuple[Finding, ...]:
    return tuple(laxness(compiled_policy(text)))


def document_of(revision: PolicyRevision) -> PolicyDocument:
    """Return the compiled document of a revision."""
    return compiled_policy(revision.document)


def laxness_of(revision: PolicyRevision) -> tuple[Finding, ...]:
    """Return every place where a revision asks for less than the control it serves."""
    return _laxness(revision.document)


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
