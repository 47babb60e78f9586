"""Measured values of versions, overall and by segment, each with its grade of evidence."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mlops_portal.foundation.errors import FieldError, Invalid
from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import refuse_if
from mlops_portal.foundation.web.words import number
from registry import policies
from registry.events import tell
from registry.models import MetricValue, ModelVersion
from registry.services import fields as plain_fields
from registry.services.versions import lock_version
from registry.states import GRADE_ORDER, Grade

FIELDS = frozenset(
    {"name", "segment", "value", "n", "lower", "upper", "suite", "dataset", "run", "evaluated_at"}
)
WRITTEN = ["value", "n", "lower", "upper", "dataset", "run", "evaluated_at", "grade", "recorded_by"]
MAX_AT_ONCE = 10_000

Key = tuple[str, str, str]


def build_metrics(
    version: ModelVersion, rows: Sequence[Mapping[str, Any]], *, grade: str, by: User | None, now: datetime
) -> list[MetricValue]:
    """Return unsaved metrics after checking each row.

    Raises:
        Invalid: naming row and field, all of them.
    """
    errors: list[FieldError] = []
    if len(rows) > MAX_AT_ONCE:
        raise Invalid([FieldError("metrics", f"At most {number(MAX_AT_ONCE)} values are recorded at once.")])
    built: dict[Key, MetricValue] = {}
    for place, row in enumerate(rows, start=1):
        metric = MetricValue(
            version=version, model_id=version.model_id, unit_id=version.unit_id, grade=grade, recorded_by=by
        )
        try:
            plain_fields.assign(metric, {"evaluated_at": now, **row}, allowed=FIELDS)
        except Invalid as refusal:
            errors += [FieldError(f"row {place}, {error.where}", error.message) for error in refusal.errors]
            continue
        for name in ("name", "value"):
            if getattr(metric, name) in ("", None):
                errors.append(FieldError(f"row {place}, {name}", "This is required."))
        key = (metric.name, metric.segment, metric.suite)
        if key in built:
            errors.append(FieldError(f"row {place}", f"{metric} occurs twice."))
        built[key] = metric
    if errors:
        raise Invalid(errors)
    return list(built.values())


@operation
def metrics_record(
    *,
    version: ModelVersion,
    metrics: Sequence[Mapping[str, Any]],
    by: User | None,
    now: datetime,
    grade: str | None = None,
) -> list[MetricValue]:
    """Record values (name, value, and segment, n, lower, upper, suite, dataset, run, evaluated_at).

    A value recorded before is replaced when its grade is not stronger; history keeps it. Without ``grade`` a
    pipeline bound to the version's repository gives *pipeline*, everybody else *declared*.

    Raises:
        RuleViolation: ``by`` may not claim the grade, or a stronger value stands.
        Invalid: naming row and field.
    """
    version = lock_version(version)
    grade = policies.usual_grade(by, version=version) if grade is None else grade
    if grade not in Grade.values:
        raise Invalid([FieldError("grade", f"There is no grade {grade}.")])
    if grade not in (Grade.ATTESTED, Grade.REPRODUCED):  # those are a validator's, as `grade_blockers` says
        require(by, "registry.edit", unit_id=version.unit_id, model_id=version.model_id)
    refuse_if(policies.grade_blockers(grade, by=by, version=version))
    built = build_metrics(version, metrics, grade=grade, by=by, now=now)
    return _write(version, built, by=by, now=now)


def _write(
    version: ModelVersion, built: list[MetricValue], *, by: User | None, now: datetime
) -> list[MetricValue]:
    known = {(row.name, row.segment, row.suite): row for row in MetricValue.objects.filter(version=version)}
    fresh, replaced, stronger = [], [], []
    for metric in built:
        before = known.get((metric.name, metric.segment, metric.suite))
        if before is None:
            fresh.append(metric)
        elif GRADE_ORDER[Grade(before.grade)] > GRADE_ORDER[Grade(metric.grade)]:
            stronger.append(before)
        else:
            for name in WRITTEN:
                setattr(before, name, getattr(metric, name))
            replaced.append(before)
    refuse_if(policies.weaker_evidence_blockers(stronger))
    if fresh:
        bulk_save_as(fresh, by=by, now=now, reason="Metric recorded")
    if replaced:
        bulk_save_as(replaced, by=by, now=now, reason="Metric replaced", fields=WRITTEN)
    if fresh or replaced:
        names = sorted({metric.name for metric in built})
        grade = built[0].grade
        tell("metrics_recorded", version, by=by, now=now, count=len(built), names=names, grade=grade)
    return [*fresh, *replaced]
