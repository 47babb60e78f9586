"""Documents with their sections, and monitoring plans. The digest of a document covers file, link and sections."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Max

from mlops_portal.foundation.canonical import digest
from mlops_portal.foundation.errors import FieldError, Invalid, invalid
from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.files.models import StoredFile
from mlops_portal.foundation.history import bulk_save_as, save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import refuse_if
from registry import policies
from registry.events import tell
from registry.models import Document, DocumentSection, ModelVersion, MonitoringPlan, RegisteredModel
from registry.services import fields as plain_fields
from registry.services.governance import governance_evaluate
from registry.services.living import lock_living
from registry.states import Grade, SectionStatus

DOCUMENT_FIELDS = frozenset({"kind", "title", "link"})
SECTION_FIELDS = frozenset({"key", "title", "text"})
MEASURE_KEYS = {"measure", "dimension", "cadence_hours", "watch", "act", "stop", "route", "segment"}


def document_digest(document: Document, sections: Sequence[DocumentSection]) -> str:
    """Return the SHA-256 of what the document says, whoever stores it and however it is displayed."""
    return digest(
        {
            "kind": document.kind,
            "title": document.title,
            "file": document.file.sha256 if document.file else "",
            "link": document.link,
            "sections": [
                {
                    "key": section.key,
                    "title": section.title,
                    "text": section.text,
                    "not_applicable": section.status == SectionStatus.NOT_APPLICABLE,
                    "reason": section.reason,
                }
                for section in sorted(sections, key=lambda section: section.key)
            ],
        }
    )


@operation
def document_save(
    *,
    model: RegisteredModel,
    kind: str,
    title: str,
    by: User | None,
    now: datetime,
    version: ModelVersion | None = None,
    document: Document | None = None,
    file: StoredFile | None = None,
    link: str = "",
    sections: Sequence[Mapping[str, str]] = (),
    grade: str | None = None,
    reason: str = "",
) -> Document:
    """Save a document (a stored file, a link, or sections of {key, title, text}); a known one gets its next edition.

    Without ``file`` and ``sections`` the earlier ones stay. What changes is a draft again.

    Raises:
        Invalid: nothing to keep, or a field that does not fit.
        RuleViolation: ``by`` may not claim the grade.
    """
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    if version is not None and version.model_id != model.pk:
        raise invalid("version", "The version belongs to another model.")
    if document is None:
        saved = Document(model=model, version=version, unit_id=model.unit_id, edition=0)
    else:
        saved = lock(Document.objects.filter(model=model).select_related("file", "version"), document.pk)
    plain_fields.assign(saved, {"kind": kind, "title": title, "link": link}, allowed=DOCUMENT_FIELDS)
    if not saved.title:
        raise invalid("title", "A title is required.")
    saved.file = file or saved.file
    known = {row.key: row for row in DocumentSection.objects.filter(document=saved)} if saved.pk else {}
    written = build_sections(saved, known, sections, now)
    if not (saved.file or saved.link or known or written):
        raise invalid("file", "A file, a link or sections are required.")
    saved.grade = document_grade(saved.version, grade, by)
    saved.edition += 1
    saved.status, saved.approved_by, saved.approved_at = SectionStatus.DRAFT, None, None
    saved.uploaded_by, saved.updated_at = by, now
    saved.digest = document_digest(saved, list(({**known, **{row.key: row for row in written}}).values()))
    save_as(saved, by=by, now=now, reason=reason or f"Edition {saved.edition}")
    edition = reason or f"Edition {saved.edition}"
    for row in written:
        row.document = saved
    bulk_save_as([row for row in written if row.key not in known], by=by, now=now, reason=edition)
    for row in written:
        if row.key in known:
            save_as(row, by=by, now=now, reason=edition)
    tell(
        "document_saved", saved, by=by, now=now, title=saved.title, edition=saved.edition, digest=saved.digest
    )
    return saved


def document_grade(version: ModelVersion | None, grade: str | None, by: User | None) -> str:
    """Return the grade of a document: only one of a version can be more than declared."""
    if version is None:
        if grade not in (None, Grade.DECLARED):
            raise invalid("grade", "Only documents of a version have a grade above declared.")
        return Grade.DECLARED
    if grade is None:
        return policies.usual_grade(by, version=version)
    if grade not in Grade.values:
        raise invalid("grade", f"There is no grade {grade}.")
    refuse_if(policies.grade_blockers(grade, by=by, version=version))
    return grade


def build_sections(
    document: Document, known: Mapping[str, DocumentSection], rows: Sequence[Mapping[str, str]], now: datetime
) -> list[DocumentSection]:
    """Return the sections that ``rows`` change, unsaved.

    Raises:
        Invalid: naming row and field, all of them.
    """
    errors: list[FieldError] = []
    built: dict[str, DocumentSection] = {}
    for place, row in enumerate(rows, start=1):
        key = str(row.get("key", ""))
        section = known.get(key) or DocumentSection(model_id=document.model_id, unit_id=document.unit_id)
        try:
            changed = plain_fields.assign(section, dict(row), allowed=SECTION_FIELDS)
        except Invalid as refusal:
            errors += [
                FieldError(f"sections, row {place}, {error.where}", error.message) for error in refusal.errors
            ]
            continue
        if not section.key or key in built:
            errors.append(FieldError(f"sections, row {place}, key", "A key of its own is required."))
        if changed:
            _reopen(section, now)
            built[key] = section
    if errors:
        raise Invalid(errors)
    return list(built.values())


def _reopen(section: DocumentSection, now: datetime) -> None:
    section.status = SectionStatus.DRAFT if section.text.strip() else SectionStatus.ABSENT
    section.reason, section.approved_by, section.approved_at, section.updated_at = "", None, None, now


@operation
def section_save(
    *, section: DocumentSection, text: str, by: User | None, now: datetime, reason: str = ""
) -> DocumentSection:
    """Write one section; it and its document are drafts again, the document's digest and edition move on."""
    document, section = _locked(section, by)
    changed = plain_fields.assign(section, {"text": text}, allowed=("text",))
    if not changed:
        return section
    _reopen(section, now)
    save_as(section, by=by, now=now, reason=reason or "Section written")
    _next_edition(document, by=by, now=now, reason=reason or f"Section “{section.title}” written")
    tell("section_saved", section, by=by, now=now, title=section.title, edition=document.edition)
    return section


def _locked(section: DocumentSection, by: User | None) -> tuple[Document, DocumentSection]:
    model = lock_living(section.model_id)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    document = lock(Document.objects.select_related("file", "uploaded_by"), section.document_id)
    section = lock(DocumentSection.objects.all(), section.pk)
    section.document = document
    return document, section


def _next_edition(document: Document, *, by: User | None, now: datetime, reason: str) -> None:
    document.edition += 1
    document.status, document.approved_by, document.approved_at = SectionStatus.DRAFT, None, None
    document.uploaded_by, document.updated_at = by, now
    document.digest = document_digest(document, list(document.sections.all()))
    save_as(document, by=by, now=now, reason=reason)


def require_approval(document: Document, by: User) -> None:
    """Whoever may edit, rate or lock limits may approve what somebody else wrote."""
    rights = ("registry.edit", "registry.rate", "registry.lock_thresholds")
    if not any(policies.holds(by, right, document.unit_id) for right in rights):
        require(by, "registry.edit", unit_id=document.unit_id, model_id=document.model_id)


@operation
def section_approve(*, section: DocumentSection, by: User, now: datetime) -> DocumentSection:
    """Approve what somebody else wrote.

    Raises:
        RuleViolation: one's own, or empty.
    """
    _document, section = _locked_for_approval(section, by)
    if not section.text.strip():
        raise invalid("text", "An empty section is not approved.")
    refuse_if(policies.section_approval_blockers(section, by=by))
    section.status, section.approved_by, section.approved_at = SectionStatus.APPROVED, by, now
    save_as(
        section, by=by, now=now, reason="Section approved", fields=["status", "approved_by", "approved_at"]
    )
    tell("section_approved", section, by=by, now=now, title=section.title)
    return section


def _locked_for_approval(section: DocumentSection, by: User) -> tuple[Document, DocumentSection]:
    lock_living(section.model_id)
    document = lock(Document.objects.select_related("file", "uploaded_by"), section.document_id)
    section = lock(DocumentSection.objects.all(), section.pk)
    section.document = document
    require_approval(document, by)
    return document, section


@operation
def section_not_applicable(
    *, section: DocumentSection, reason: str, by: User, now: datetime
) -> DocumentSection:
    """Take a section out of the count, with a reason and as its approver (kpis.md 1.10)."""
    document, section = _locked_for_approval(section, by)
    if not reason.strip():
        raise invalid("reason", "Say why the section does not apply.")
    refuse_if(policies.section_approval_blockers(section, by=by))
    section.status, section.reason = SectionStatus.NOT_APPLICABLE, reason
    section.approved_by, section.approved_at, section.updated_at = by, now, now
    save_as(section, by=by, now=now, reason=reason)
    document.digest = document_digest(document, list(document.sections.all()))
    save_as(document, by=by, now=now, reason=reason, fields=["digest"])
    tell("section_not_applicable", section, by=by, now=now, title=section.title, reason=reason)
    return section


@operation
def document_approve(*, document: Document, by: User, now: datetime) -> Document:
    """Approve an edition somebody else wrote, with its drafted sections.

    Raises:
        RuleViolation: one's own, or approved already.
    """
    lock_living(document.model_id)
    document = lock(Document.objects.select_related("uploaded_by"), document.pk)
    require_approval(document, by)
    refuse_if(policies.document_approval_blockers(document, by=by))
    rows = DocumentSection.objects.filter(document=document, status=SectionStatus.DRAFT)
    drafts, fields = list(rows.order_by("pk")), ["status", "approved_by", "approved_at"]
    for section in drafts:
        section.status, section.approved_by, section.approved_at = SectionStatus.APPROVED, by, now
    bulk_save_as(drafts, by=by, now=now, reason="Document approved", fields=fields)
    document.status, document.approved_by, document.approved_at = SectionStatus.APPROVED, by, now
    save_as(document, by=by, now=now, reason="Document approved", fields=fields)
    tell("document_approved", document, by=by, now=now, edition=document.edition, digest=document.digest)
    return document


def _measure_errors(measures: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    errors = [] if measures else [FieldError("measures", "At least one measure is required.")]
    for place, row in enumerate(measures, start=1):
        if not isinstance(row, Mapping):
            errors.append(FieldError(f"row {place}", "An object is expected."))
            continue
        unknown = sorted(map(str, row.keys() - MEASURE_KEYS))
        errors += [FieldError(f"row {place}, {name}", "There is no such field.") for name in unknown]
        if not str(row.get("measure") or "").strip():
            errors.append(FieldError(f"row {place}, measure", "A measure is required."))
        cadence = row.get("cadence_hours")
        if not isinstance(cadence, int | float) or isinstance(cadence, bool) or cadence <= 0:
            errors.append(FieldError(f"row {place}, cadence_hours", "Hours above 0 are expected."))
    return errors


def _named(measure: Mapping[str, Any]) -> dict[str, Any]:
    dimension = measure.get("dimension")
    return (
        {**measure, "dimension": "_".join(dimension.lower().split())}
        if isinstance(dimension, str)
        else dict(measure)
    )


@operation
def monitoring_plan_save(
    *,
    model: RegisteredModel,
    measures: Sequence[Mapping[str, Any]],
    by: User | None,
    now: datetime,
    owner: User | None = None,
    reason: str = "",
) -> MonitoringPlan:
    """Save the next monitoring plan: measures of {measure, dimension, cadence_hours, watch, act, route}. It is current.

    A dimension may be written in words, “Data drift”; kept is the name that policies compare, `data_drift`.
    """
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    if errors := _measure_errors(measures):
        raise Invalid(errors)
    last = MonitoringPlan.objects.filter(model=model).aggregate(last=Max("number"))["last"] or 0
    for earlier in MonitoringPlan.objects.filter(model=model, is_current=True):
        earlier.is_current = False
        save_as(earlier, by=by, now=now, reason=f"Replaced by plan {last + 1}", fields=["is_current"])
    plan = MonitoringPlan(
        model=model,
        unit_id=model.unit_id,
        number=last + 1,
        owner=owner or model.owner,
        created_at=now,
        created_by=by,
    )
    plain_fields.assign(plan, {"measures": [_named(row) for row in measures]}, allowed=("measures",))
    save_as(plan, by=by, now=now, reason=reason or "Monitoring plan saved")
    tell("monitoring_plan_saved", plan, by=by, now=now, number=plan.number, measures=len(plan.measures))
    governance_evaluate(model=model, now=now)
    return plan


@operation
def document_upload(
    *,
    model: RegisteredModel,
    kind: str,
    title: str,
    by: User,
    now: datetime,
    version: ModelVersion | None = None,
    upload: Any = None,
    link: str = "",
    sections: Sequence[Mapping[str, str]] = (),
) -> Document:
    """Keep an uploaded file (an object with ``name`` and ``chunks``), if any, and save the document that refers to it."""
    stored = files.store(upload.chunks(), name=upload.name, by=by, now=now) if upload else None
    return document_save(
        model=model,
        version=version,
        kind=kind,
        title=title,
        file=stored,
        link=link,
        sections=sections,
        by=by,
        now=now,
    )
