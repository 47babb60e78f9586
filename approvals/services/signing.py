"""Electronic signatures: identity proved with two components, the statement kept beside its digest (RULES 4.1-4.3)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Model

from approvals.events import event_of
from approvals.models import Signature
from approvals.states import Meaning
from mlops_portal.foundation import canonical
from mlops_portal.foundation.errors import Invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people import credentials
from mlops_portal.foundation.people.models import User


def prove(person: User, *, password: str, code: str, subject: Model, now: datetime) -> None:
    """Prove that ``person`` is present. Call it outside of a transaction, so that a failure is counted.

    Raises:
        Invalid: with the failed attempt as evidence.
    """
    try:
        credentials.check_password_and_code(person, password=password, code=code)
    except Invalid as refusal:
        fields = [error.where for error in refusal.errors]
        refusal.evidence = event_of("signing_failed", subject, by=person, now=now, data={"component": fields})
        raise


def sign(
    subject: Model,
    *,
    meaning: Meaning,
    statement: Mapping[str, Any],
    by: User,
    role: str = "",
    on_behalf_of: User | None = None,
    now: datetime,
) -> Signature:
    """Write the signature of a person who has proved their presence. ``statement`` is exactly what the digest covers."""
    plain = canonical.plain(dict(statement))
    signature = Signature(
        subject_label=subject._meta.label,
        subject_id=str(subject.pk),
        unit_id=getattr(subject, "unit_id", None),
        model_id=getattr(subject, "model_id", None),
        signer=by,
        printed_name=by.name,
        role=role,
        on_behalf_of=on_behalf_of,
        meaning=meaning,
        statement=plain,
        digest=canonical.digest(plain),
        method=Signature.Method.PASSWORD_CODE,
        signed_at=now,
    )
    return save_as(signature, by=by, now=now, reason=f"Signed: {Meaning(meaning).label.lower()}")
