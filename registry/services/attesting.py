"""What an independent validator vouches for: documents of a version whose content they checked (RULES 3.1)."""

from datetime import datetime

from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import refuse_if
from registry import policies
from registry.events import tell
from registry.models import Document, ModelVersion
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
        save_as(document, by=by, now=now, reason=note or "Attested by a validator", fields=["grade"])
    if weaker:
        digests = [document.digest for document in weaker]
        tell("documents_attested", version, by=by, now=now, count=len(weaker), digests=digests, note=note)
    return weaker
