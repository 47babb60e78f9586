"""Refusals that must leave evidence: recorded by the door, after the refused transaction was rolled back."""

from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.events import emit
from mlops_portal.foundation.operations import act


def keep_evidence(error: DomainError) -> None:
    """Enter the refusal in the ledger in a transaction of its own, when it asks for it."""
    if error.evidence is not None:
        with act():
            emit(error.evidence)
        error.evidence = None
