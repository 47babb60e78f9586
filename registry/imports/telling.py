"""How acts on imports are told; they belong to a unit and to no single model."""

from datetime import datetime
from typing import Any

from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.people.models import User
from registry.models import ImportMapping, ImportRun


def tell_of(
    subject: ImportRun | ImportMapping, verb: str, *, by: User | None, now: datetime, **data: Any
) -> None:
    """Emit one act on an import or a mapping."""
    emit(
        DomainEvent(
            verb=f"registry.{verb}",
            subject_label=subject._meta.label,
            subject_id=str(subject.pk),
            actor_id=None if by is None else str(by.pk),
            occurred_at=now,
            unit_id=subject.unit_id,
            data=data,
        )
    )
