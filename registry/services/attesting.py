"""What an independent validator vouches for: documents and metrics of a version that they checked (RULES 3.1)."""

from datetime import datetime

from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import refuse_if
from registry import policies
from registry.events import tell
from registry.models import Document, MetricValue, ModelVersion
from registry.services.versions import lock_version
from registry.states import GRADE_ORDER, Grade


@operation
def documents_attest(*, version: ModelVersion, by: User, now: datetime, note: str = "") -> list[Document]:
    """Attest the documents of a version as they stand; the next edition of one is as weak as its author again.

    Raises:
        RuleViolation: ``by`` is no validator here, or built or owns what they would attest.
    """
    version = lock_version(version)
    refuse_if(policies.grade_blockers(Grade.ATTESTED, by=by, version=version))
    documents = list(Document.objects.filter(version=version).order_by("pk"))
    weaker = [row for row in documents if GRADE_ORDER[Grade(row.grade)] < GRADE_ORDER[Grade.ATTESTED]]
    for document in weaker:
        document.grade = Grade.ATTESTED
    if weaker:
        bulk_save_as(weaker, by=by, now=now, reason=note or "Attested by a validator", fields=["grade"])
        digests = [document.digest for document in weaker]
        tell("documents_attested", version, by=by, now=now, count=len(weaker), digests=digests, note=note)
    return weaker


@operation
def metrics_attest(*, version: ModelVersion, by: User, now: datetime, note: str = "") -> list[MetricValue]:
    """Attest the metrics of a version as they stand; a value recorded anew is as weak as its author again.

    Raises:
        RuleViolation: ``by`` is no validator here, or built or owns what they would attest.
    """
    version = lock_version(version)
    refuse_if(policies.grade_blockers(Grade.ATTESTED, by=by, version=version))
    metrics = list(MetricValue.objects.filter(version=version).order_by("pk"))
    weaker = [row for row in metrics if GRADE_ORDER[Grade(row.grade)] < GRADE_ORDER[Grade.ATTESTED]]
    for metric in weaker:
        metric.grade = Grade.ATTESTED
    if weaker:
        reason = note or "Attested by a validator"
        bulk_save_as(weaker, by=by, now=now, reason=reason, fields=["grade"])
        names = sorted({metric.name for metric in weaker})
        grade = str(Grade.ATTESTED)
        tell("metrics_recorded", version, by=by, now=now, count=len(weaker), names=names, grade=grade)
    return weaker


@operation
def evidence_attest(*, version: ModelVersion, by: User, now: datetime, note: str = "") -> int:
    """Attest documents and metrics of a version in one act; return how many became stronger."""
    documents = documents_attest(version=version, by=by, now=now, note=note)
    metrics = metrics_attest(version=version, by=by, now=now, note=note)
    return len(documents) + len(metrics)
