"""Facts of the version's evidence: artifact, data, metrics, limits, documents, validation."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from approvals.facts import Answer, Observed, Reading, Subject
from approvals.model_facts.inventory import days_since
from approvals.model_facts.people import people_of
from approvals.model_facts.records import Records
from approvals.models import Validation
from mlops_portal.foundation import canonical
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.web.words import day_text, figure
from registry.models import Document, DocumentSection, MetricValue, ModelVersion, ThresholdSet, VersionDataset
from registry.states import GRADE_ORDER, DatasetRole, Grade, SectionStatus

GROUP_TOLERANCE = 0.01  # without an interval, one hundredth worse than the version in production is noise
MINIMUM, MAXIMUM = "min", "max"
EVALUATION_ROLES = (DatasetRole.TEST, DatasetRole.EVALUATION)


def evidence_facts(subject: Subject, records: Records) -> dict[str, Answer]:
    """Facts of one version. Without a version there is no evidence: every fact has no data."""
    version = records.versions.get(subject.version_id or 0)
    if version is None:
        return {}
    metrics = records.metrics.get(version.pk, [])
    documents = documents_of(records, subject)
    return {
        "artifact_digest": Observed(
            value=version.artifact_sha256,
            grade=version.artifact_grade,
            digests={"artifact": version.artifact_sha256} if version.artifact_sha256 else {},
        ),
        **_data_facts(records.data.get(version.pk, []), metrics),
        **_metric_facts(subject, records, version, metrics),
        **_document_facts(records, version, documents, metrics),
        **_validation_facts(subject, records, version),
    }


def documents_of(records: Records, subject: Subject) -> list[Document]:
    """Return the model's documents and those of this version."""
    return [
        row
        for row in records.documents.get(subject.model_id, [])
        if row.version_id in (None, subject.version_id)
    ]


def lowest_grade(grades: Iterable[str]) -> str:
    """Return the weakest of the grades, empty without any."""
    return min(grades, key=lambda grade: GRADE_ORDER[Grade(grade)], default="")


def metric_digest(metric: MetricValue) -> str:
    """Return the digest of what a metric says."""
    return canonical.digest(
        [
            metric.name, metric.segment, metric.suite, metric.value, metric.n, metric.lower, metric.upper,
            metric.grade, metric.run, metric.evaluated_at, metric.dataset.digest if metric.dataset else "",
        ]
    )  # fmt: skip


def metric_name(metric: MetricValue) -> str:
    """Name a metric with its segment."""
    return f"{metric.name} ({metric.segment})" if metric.segment else metric.name


def _data_facts(links: Sequence[VersionDataset], metrics: Sequence[MetricValue]) -> dict[str, Answer]:
    training = [link.dataset for link in links if link.role == DatasetRole.TRAINING]
    tested = {link.dataset_id: link.dataset for link in links if link.role in EVALUATION_ROLES}
    tested |= {metric.dataset.pk: metric.dataset for metric in metrics if metric.dataset}
    gaps = [] if training else ["training data"]
    gaps += [] if tested else ["test data"]
    every = {row.pk: row for row in [*training, *tested.values()]}
    for row in every.values():
        lacking = [
            words
            for words, value in (
                ("digest", row.digest),
                ("source", row.source),
                ("date range", row.from_on and row.to_on),
            )
            if not value
        ]
        gaps += [f"{row}: {', '.join(lacking)}"] if lacking else []
    # A data set is as well proved as the evaluation that used it.
    grade = lowest_grade(metric.grade for metric in metrics)
    digests = {f"dataset:{row.pk}": row.digest for row in every.values() if row.digest}

    def observed(value: bool | None) -> Observed | None:
        return None if value is None else Observed(value=value, grade=grade, digests=digests)

    return {
        "lineage_gaps": Observed(value=tuple(gaps), digests=digests),
        "test_data_overlaps_by_digest": observed(_same_digest(training, tested.values())),
        "test_data_overlaps_by_date": observed(_same_dates(training, tested.values())),
    }


def _same_digest(training: Sequence[Any], tested: Iterable[Any]) -> bool | None:
    mine, theirs = {row.digest for row in training}, {row.digest for row in tested}
    if not mine or not theirs or "" in mine | theirs:
        return None
    return bool(mine & theirs)


def _same_dates(training: Sequence[Any], tested: Iterable[Any]) -> bool | None:
    tests = list(tested)
    if not training or not tests or not all(row.from_on and row.to_on for row in [*training, *tests]):
        return None
    return any(one.from_on <= two.to_on and two.from_on <= one.to_on for one in training for two in tests)


def limits_for(
    sets: Sequence[ThresholdSet], metrics: Sequence[MetricValue]
) -> tuple[ThresholdSet | None, bool]:
    """Return the newest set locked before the evaluation began and True, else the newest one and False (RULES 3.2)."""
    if not sets:
        return None, False
    began = min((metric.evaluated_at for metric in metrics), default=None)
    before = [row for row in sets if began is None or (row.locked_at and row.locked_at <= began)]
    return (before[0], True) if before else (sets[0], False)


def _release_limits(chosen: ThresholdSet | None) -> list[dict[str, Any]]:
    rows = chosen.limits if chosen else []
    return [row for row in rows if row.get("release") is not None and row.get("blocking", True)]


def _is_met(value: float, limit: dict[str, Any]) -> bool:
    release = float(limit["release"])
    return value >= release if limit.get("direction", MINIMUM) == MINIMUM else value <= release


def _metric_facts(
    subject: Subject, records: Records, version: ModelVersion, metrics: Sequence[MetricValue]
) -> dict[str, Answer]:
    chosen, in_time = limits_for(records.limits.get(version.model_id, []), metrics)
    by_key = {(row.name, row.segment, row.suite): row for row in metrics}
    by_name = {(row.name, row.segment): row for row in metrics}
    failures, missing, readings, used = [], [], [], []
    limits = _release_limits(chosen)
    for limit in limits:
        segment, suite = limit.get("segment") or "", limit.get("suite") or ""
        metric = by_key.get((limit["metric"], segment, suite)) or by_name.get((limit["metric"], segment))
        label = limit.get("title") or f"{limit['metric']} {segment}".strip()
        if metric is None:
            missing.append(label)
            continue
        used.append(metric)
        met = _is_met(metric.value, limit)
        if not met:
            failures.append(label)
        readings.append(_limit_reading(label, metric, limit, met=met))
    digests = {f"metric:{metric_name(row)}": metric_digest(row) for row in used}
    if chosen:
        digests[f"limits:{chosen.number}"] = canonical.digest(chosen.limits)
    grade = lowest_grade(row.grade for row in used)
    return {
        "metric_count": len(metrics),
        "threshold_set_locked": chosen is not None,
        "threshold_locked_before_evaluation": Observed(value=in_time and bool(metrics), digests=digests),
        "threshold_count": len(limits),
        "threshold_failures": Observed(
            value=tuple(failures), grade=grade, digests=digests, readings=tuple(readings)
        ),
        "thresholds_without_metric": tuple(missing),
        **_group_facts(subject, records, version, metrics, limits),
        "evaluations": _suites(metrics),
    }


def _suites(metrics: Sequence[MetricValue]) -> Observed:
    evaluated = [row for row in metrics if row.suite]
    return Observed(
        value=tuple(sorted({row.suite for row in evaluated})),
        grade=lowest_grade(row.grade for row in evaluated),
        digests={f"metric:{metric_name(row)}": metric_digest(row) for row in evaluated},
    )


def _limit_reading(label: str, metric: MetricValue, limit: dict[str, Any], *, met: bool) -> Reading:
    direction = limit.get("direction", MINIMUM)
    words = "minimum" if direction == MINIMUM else "maximum"
    return Reading(
        label=label,
        observed=figure(metric.value),
        limit=f"{words} {figure(float(limit['release']))}",
        ok=met,
        observed_number=metric.value,
        limit_number=float(limit["release"]),
        direction=direction,
        segment=metric.segment,
    )


def _group_facts(
    subject: Subject,
    records: Records,
    version: ModelVersion,
    metrics: Sequence[MetricValue],
    limits: Sequence[dict[str, Any]],
) -> dict[str, Answer]:
    groups = [row for row in metrics if row.segment]
    model = records.models[version.model_id]
    champion = records.champion(subject)
    other = {
        (row.name, row.segment, row.suite): row for row in records.metrics.get(champion.pk, [])
    } if champion and champion.pk != version.pk else {}  # fmt: skip
    limited = {(row["metric"], row.get("segment") or ""): row for row in limits}
    worse, readings = [], []
    for row in groups:
        limit = limited.get((row.name, row.segment))
        if limit is not None and not _is_met(row.value, limit):
            worse.append(metric_name(row))
            readings.append(_limit_reading(metric_name(row), row, limit, met=False))
            continue
        before = other.get((row.name, row.segment, row.suite))
        if before is None or row.name != model.primary_metric:
            continue
        fell = _is_worse(before, row, higher_is_better=model.primary_metric_higher_is_better)
        worse += [metric_name(row)] if fell else []
        readings.append(
            Reading(
                label=metric_name(row),
                observed=figure(row.value),
                limit=f"in production {figure(before.value)}",
                ok=not fell,
                observed_number=row.value,
                limit_number=before.value,
                direction=MINIMUM if model.primary_metric_higher_is_better else MAXIMUM,
                segment=row.segment,
            )
        )
    return {
        "segment_count": len({row.segment for row in groups}),
        "groups_worse": Observed(
            value=tuple(worse),
            grade=lowest_grade(row.grade for row in groups),
            digests={f"metric:{metric_name(row)}": metric_digest(row) for row in groups},
            readings=tuple(readings),
        ),
    }


def _is_worse(before: MetricValue, after: MetricValue, *, higher_is_better: bool) -> bool:
    """Tell whether a group lost: outside the interval of the version in place, or beyond noise without one."""
    if higher_is_better:
        floor = (
            before.lower if before.lower is not None else before.value - abs(before.value) * GROUP_TOLERANCE
        )
        return after.value < floor
    ceiling = before.upper if before.upper is not None else before.value + abs(before.value) * GROUP_TOLERANCE
    return after.value > ceiling


def _is_current(row: DocumentSection, document: Document, version: ModelVersion) -> bool:
    """A version's own document is current; a model's document must not be older than the version."""
    return document.version_id == version.pk or max(row.updated_at, row.approved_at or row.updated_at) >= (
        version.registered_at
    )


def _document_facts(
    records: Records, version: ModelVersion, documents: Sequence[Document], metrics: Sequence[MetricValue]
) -> dict[str, Answer]:
    approved, draft, excused = set(), set(), set()
    for document in documents:
        for row in records.sections.get(document.pk, []):
            if row.status == SectionStatus.NOT_APPLICABLE:
                excused |= {row.key} if row.reason and row.approved_by_id else set()
            elif row.status == SectionStatus.APPROVED and _is_current(row, document, version):
                approved.add(row.key)
            elif row.status in (SectionStatus.APPROVED, SectionStatus.DRAFT):
                draft.add(row.key)
    digests = {f"document:{row.pk}": row.digest for row in documents}
    readings = tuple(
        Reading(
            label=row.title,
            observed=row.get_status_display(),
            ok=row.status in (SectionStatus.APPROVED, SectionStatus.NOT_APPLICABLE),
        )
        for row in documents
    )
    grade = lowest_grade(row.grade for row in documents)

    def observed(keys: set[str]) -> Observed:
        return Observed(value=tuple(sorted(keys)), grade=grade, digests=digests, readings=readings)

    return {
        "sections_approved": observed(approved),
        "sections_draft": observed(draft - approved),
        "sections_not_applicable": observed(excused),
        "evidence_grades": tuple(
            sorted({*(row.grade for row in metrics), *(row.grade for row in documents)})
        ),
        **_vendor_facts(records, version, documents),
    }


def _vendor_facts(
    records: Records, version: ModelVersion, documents: Sequence[Document]
) -> dict[str, Answer]:
    model = records.models[version.model_id]
    assessments = [row for row in documents if row.kind == "vendor_assessment" and row.approved_at]
    newest: datetime | None = max((row.approved_at for row in assessments if row.approved_at), default=None)
    cleared = {
        section.key
        for row in assessments
        for section in records.sections.get(row.pk, [])
        if section.status == SectionStatus.APPROVED
    }
    lacks = {
        "vendor": model.vendor,
        "pinned version": model.vendor_version,
        "contract": model.contract_ref,
        "exit plan": model.exit_plan,
        "own tests": records.metrics.get(version.pk),
    }
    return {
        "vendor_assessment_age_days": days_since(newest, records.now),
        "vendor_gaps": tuple(name for name, value in lacks.items() if not value),
        "licence_cleared": "licence" in cleared,
    }


def _ended_on(validation: Validation, now: datetime) -> str:
    if validation.valid_until is None or validation.valid_until > now:
        return ""
    return day_text(portal_day(validation.valid_until))


def _validation_facts(subject: Subject, records: Records, version: ModelVersion) -> dict[str, Answer]:
    critical = len(records.critical.get(version.pk, []))
    validation = records.validations.get(version.pk)
    if validation is None:
        return {
            "validation_outcome": "",
            "validation_signed": False,
            "validation_independent": False,
            "validation_age_days": None,
            "validation_ended_on": "",
            "validation_components": (),
            "critical_findings_open": critical,
        }
    signature = validation.signature
    signed = (
        signature is not None
        and signature.revoked_at is None
        and signature.statement.get("content") == validation.content_digest
    )
    model = records.models[version.model_id]
    change = records.changes.get(subject.change_id or 0)
    made = people_of(
        model,
        version,
        requester_id=change.requester_id if change else None,
        asked_at=change.created_at if change else records.now,
        validator_ids=frozenset(),
        behind=records.behind,
    )
    return {
        "validation_outcome": Observed(
            value=validation.outcome, digests={f"validation:{validation.pk}": validation.content_digest}
        ),
        "validation_signed": signed,
        "validation_independent": validation.validator_id
        not in made.owners | made.developers | made.requesters
        and bool(validation.has_no_conflict),
        "validation_age_days": days_since(validation.concluded_at, records.now),
        "validation_ended_on": _ended_on(validation, records.now),
        "validation_components": tuple(sorted(validation.components)),
        "critical_findings_open": critical,
    }
