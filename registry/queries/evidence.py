"""How complete the documents of a version are, and whether its data sets overlap."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from registry.models import Dataset, Document, DocumentSection, ModelVersion, VersionDataset
from registry.states import DatasetRole, SectionStatus

PLACEHOLDER_BELOW = 40
BY_LAW, BY_TIER, RECOMMENDED = 3, 2, 1
ABSENT, PARTIAL, COMPLETE = 0.0, 0.5, 1.0
HELD_OUT = (DatasetRole.TEST, DatasetRole.VALIDATION, DatasetRole.EVALUATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredPart:
    """A document, or one section of it, that is asked for. ``weight`` is BY_LAW, BY_TIER or RECOMMENDED."""

    kind: str
    section: str = ""
    weight: int = BY_TIER
    title: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartScore:
    """How far one required part is: 0 absent, 0.5 draft or older than the version, 1 approved and current."""

    part: RequiredPart
    quality: float
    applies: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """The score between 0 and 1 with its parts; None when nothing that is asked for applies."""

    score: float | None
    parts: tuple[PartScore, ...]

    @property
    def missing(self) -> list[PartScore]:
        """What is not complete."""
        return [part for part in self.parts if part.applies and part.quality < COMPLETE]


def document_completeness(version: ModelVersion, required: Sequence[RequiredPart]) -> Completeness:
    """Score the documents of a version: its own, and those of the model where it has none of the kind (kpis.md 1.10)."""
    own = Q(version=version) | Q(version__isnull=True)
    rows = Document.objects.filter(own, model_id=version.model_id).select_related("file")
    documents: dict[str, Document] = {}
    for document in rows.order_by("version_id", "edition", "pk"):
        known = documents.get(document.kind)
        if known is None or known.version_id is None or document.version_id is not None:
            documents[document.kind] = document
    found = DocumentSection.objects.filter(document__in=documents.values())
    sections = {(row.document_id, row.key): row for row in found}
    parts = tuple(_scored(part, documents, sections, version) for part in required)
    weight = sum(part.part.weight for part in parts if part.applies)
    gained = sum(part.part.weight * part.quality for part in parts if part.applies)
    return Completeness(score=gained / weight if weight else None, parts=parts)


def _scored(
    part: RequiredPart,
    documents: Mapping[str, Document],
    sections: Mapping[tuple[int, str], DocumentSection],
    version: ModelVersion,
) -> PartScore:
    document = documents.get(part.kind)
    if document is None:
        return PartScore(part=part, quality=ABSENT, applies=True, reason="There is no such document.")
    if not part.section:
        quality, reason = _document_quality(document, version)
        return PartScore(part=part, quality=quality, applies=True, reason=reason)
    section = sections.get((document.pk, part.section))
    if section is None:
        if document.file is not None and not any(key[0] == document.pk for key in sections):
            quality, reason = _document_quality(document, version)
            return PartScore(
                part=part, quality=min(quality, PARTIAL), applies=True, reason=reason or "Only a file."
            )
        return PartScore(part=part, quality=ABSENT, applies=True, reason="The section is absent.")
    if section.status == SectionStatus.NOT_APPLICABLE and section.reason.strip() and section.approved_by_id:
        return PartScore(part=part, quality=COMPLETE, applies=False, reason=section.reason)
    quality, reason = _text_quality(section, part, version)
    return PartScore(part=part, quality=quality, applies=True, reason=reason)


def _document_quality(document: Document, version: ModelVersion) -> tuple[float, str]:
    return _graded(document.status, document.updated_at, document.version_id, version)


def _text_quality(section: DocumentSection, part: RequiredPart, version: ModelVersion) -> tuple[float, str]:
    words = " ".join(section.text.split())
    if len(words) < PLACEHOLDER_BELOW:
        return ABSENT, f"It has fewer than {PLACEHOLDER_BELOW} characters."
    if part.template and words == " ".join(part.template.split()):
        return ABSENT, "It is the text of the template."
    return _graded(section.status, section.updated_at, section.document.version_id, version)


def _graded(
    status: str, updated_at: datetime, of_version: int | None, version: ModelVersion
) -> tuple[float, str]:
    if status != SectionStatus.APPROVED:
        return PARTIAL, "It is not approved."
    if updated_at < version.registered_at and of_version != version.pk:
        return PARTIAL, "It is older than the version."
    return COMPLETE, ""


def datasets_overlap(version: ModelVersion) -> list[str]:
    """Return how the data a version was tested on overlap its training data, by digest or date; empty when disjoint.

    Dates count for data sets of one name: two extracts of one source that share days share rows (RULES 3.2).
    """
    links = list(VersionDataset.objects.filter(version=version).select_related("dataset").order_by("pk"))
    training = [link.dataset for link in links if link.role == DatasetRole.TRAINING]
    held_out = [link for link in links if link.role in HELD_OUT]
    return [
        sentence
        for link in held_out
        for sentence in _overlaps(link.dataset, DatasetRole(link.role).label.lower(), training)
    ]


def _overlaps(dataset: Dataset, role: str, training: Iterable[Dataset]) -> list[str]:
    sentences = []
    for trained in training:
        if dataset.pk == trained.pk:
            sentences.append(f"{dataset} is used for training and {role}.")
        elif dataset.digest and dataset.digest == trained.digest:
            sentences.append(f"{dataset} ({role}) has the same content as {trained} (training).")
        elif dataset.name == trained.name and (days := _shared_days(dataset, trained)):
            sentences.append(f"{dataset} ({role}) and {trained} (training) share the days {days}.")
    return sentences


def _shared_days(first: Dataset, second: Dataset) -> str:
    if first.from_on is None or first.to_on is None or second.from_on is None or second.to_on is None:
        return ""
    begin, end = max(first.from_on, second.from_on), min(first.to_on, second.to_on)
    return f"{begin.isoformat()} to {end.isoformat()}" if begin <= end else ""
