"""All documents of a version in one act: what a pipeline writes together and an owner approves together."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mlops_portal.foundation.errors import FieldError, Invalid, invalid
from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.behind import behind
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import refuse_if
from registry import policies
from registry.events import tell
from registry.models import Document, DocumentSection, ModelVersion
from registry.services import fields as plain_fields
from registry.services.evidence import build_sections, document_digest, document_grade, require_approval
from registry.services.living import lock_living
from registry.services.versions import lock_version
from registry.states import SectionStatus

WRITTEN = frozenset({"kind", "title", "link"})


@operation
def documents_save(
    *,
    version: ModelVersion,
    documents: Sequence[Mapping[str, Any]],
    by: User | None,
    now: datetime,
    grade: str | None = None,
) -> list[Document]:
    """Save new documents of a version, each of {kind, title, link, sections}; all or none.

    Raises:
        Invalid: naming document and field, all of them.
        RuleViolation: ``by`` may not claim the grade.
    """
    lock_living(version.model_id)
    version = lock_version(version)
    require(by, "registry.edit", unit_id=version.unit_id, model_id=version.model_id)
    errors: list[FieldError] = []
    saved: list[Document] = []
    sections: list[tuple[Document, list[DocumentSection]]] = []
    for place, wanted in enumerate(documents, start=1):
        try:
            document, own = _build(version, wanted, by=by, now=now)
        except Invalid as refusal:
            errors += [FieldError(f"document {place}, {row.where}", row.message) for row in refusal.errors]
            continue
        saved.append(document)
        sections.append((document, own))
    if errors:
        raise Invalid(errors)
    claimed = document_grade(version, grade, by)
    for document in saved:
        document.grade = claimed
    bulk_save_as(saved, by=by, now=now, reason="Edition 1")
    for document, own in sections:
        for row in own:
            row.document = document
    rows = [row for _, own in sections for row in own]
    bulk_save_as(rows, by=by, now=now, reason="Edition 1")
    for document in saved:
        tell(
            "document_saved",
            document,
            by=by,
            now=now,
            title=document.title,
            edition=1,
            digest=document.digest,
        )
    return saved


def _build(
    version: ModelVersion, wanted: Mapping[str, Any], *, by: User | None, now: datetime
) -> tuple[Document, list[DocumentSection]]:
    document = Document(
        model_id=version.model_id,
        version=version,
        unit_id=version.unit_id,
        edition=1,
        status=SectionStatus.DRAFT,
        uploaded_by=by,
        updated_at=now,
    )
    values = {name: value for name, value in wanted.items() if name != "sections"}
    plain_fields.assign(document, values, allowed=WRITTEN)
    if not document.title:
        raise invalid("title", "A title is required.")
    sections = build_sections(document, {}, wanted.get("sections", ()), now)
    if not (document.link or sections):
        raise invalid("link", "A link or sections are required.")
    document.digest = document_digest(document, sections)
    return document, sections


@operation
def documents_approve(*, version: ModelVersion, by: User, now: datetime) -> list[Document]:
    """Approve every document of a version that is not approved yet, with its drafted sections; all or none.

    Raises:
        RuleViolation: one of them is one's own.
    """
    lock_living(version.model_id)
    version = lock_version(version)
    rows = Document.objects.filter(version=version).exclude(status=SectionStatus.APPROVED)
    rows = rows.select_related("uploaded_by").prefetch_related("sections")
    documents = list(rows.order_by("pk"))
    known = behind([document.uploaded_by_id for document in documents])
    for document in documents:
        require_approval(document, by)
        refuse_if(policies.document_approval_blockers(document, by=by, known=known))
    drafts = list(
        DocumentSection.objects.filter(document__in=documents, status=SectionStatus.DRAFT).order_by("pk")
    )
    fields = ["status", "approved_by", "approved_at"]
    for row in drafts:
        row.status, row.approved_by, row.approved_at = SectionStatus.APPROVED, by, now
    for document in documents:
        document.status, document.approved_by, document.approved_at = SectionStatus.APPROVED, by, now
    bulk_save_as(drafts, by=by, now=now, reason="Document approved", fields=fields)
    bulk_save_as(documents, by=by, now=now, reason="Document approved", fields=fields)
    for document in documents:
        edition, content = document.edition, document.digest
        tell("document_approved", document, by=by, now=now, edition=edition, digest=content)
    return documents
