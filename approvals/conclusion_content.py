"""What goes into a signed conclusion of a validation: what the records say, and what its validator writes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.models import Challenge, Validation, ValidationFinding
from approvals.signed_content import SignedPart, digest_of, digests_of
from approvals.states import Meaning
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import day_text, figure, sentence
from registry.models import MetricValue, ModelVersion

BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a validator writes: what they examined, what follows from it, for how long and on which conditions."""

    components: tuple[str, ...]
    outcome: str
    summary: str
    has_no_conflict: bool
    conflict_declaration: str
    conditions: tuple[Mapping[str, Any], ...]
    valid_until: datetime


# The parts by the words of the signature page; a receipt calls them the same.
PART_WORDS = {
    "version": "Version",
    "scope": "Scope",
    "findings": "Validation findings",
    "challenges": "Challenges",
    "report": "Report",
    "baseline": "Metrics as validated",
    "components": "Examined",
    "declaration": "Conflict of interest",
    "outcome": "Outcome",
    "conditions": "Conditions",
    "validity": "Valid until",
    "rationale": "Rationale",
}


def series(texts: Iterable[str], last: str = "and") -> str:
    """Join texts as a sentence does: `a, b and c`."""
    *others, end = [*texts] or [""]
    return f"{', '.join(others)} {last} {end}" if others else end


def record_parts(validation: Validation) -> tuple[SignedPart, ...]:
    """Return the parts that the records give: they may change while the validator writes."""
    version, report = validation.version, validation.report
    findings = list(validation.findings.select_related("owner", "closed_by").order_by("pk"))
    challenges = list(validation.challenges.order_by("number"))
    baseline = baseline_of(version)
    artifact = f"Artifact digest {version.artifact_sha256}" if version.artifact_sha256 else "No artifact"
    return (
        SignedPart(
            "version",
            PART_WORDS["version"],
            {"model": version.model_id, "number": version.number, "artifact": version.artifact_sha256},
            (str(version), artifact),
        ),
        SignedPart(
            "scope",
            PART_WORDS["scope"],
            {"kind": validation.kind, "scope": validation.scope},
            (
                f"{validation.get_kind_display()} validation",
                validation.scope.strip() or "No scope is written",
            ),
        ),
        SignedPart(
            "findings",
            PART_WORDS["findings"],
            [_finding(row) for row in findings],
            tuple(_told_finding(row) for row in findings) or ("None raised",),
        ),
        SignedPart(
            "challenges",
            PART_WORDS["challenges"],
            [[row.number, row.question, row.answer, row.state] for row in challenges],
            tuple(_told_challenge(row) for row in challenges) or ("None asked",),
        ),
        SignedPart(
            "report",
            PART_WORDS["report"],
            {"sha256": report.sha256 if report else ""},
            (f"{validation.report_name}, digest {report.sha256}",) if report else ("No file",),
        ),
        SignedPart(
            BASELINE,
            PART_WORDS[BASELINE],
            baseline,
            tuple(f"{name} {figure(value)}" for name, value in baseline.items()) or ("None recorded",),
        ),
    )


def baseline_of(version: ModelVersion) -> dict[str, float]:
    """Return the overall metrics of a version as recorded now."""
    overall = MetricValue.objects.filter(version=version, segment="").order_by("name", "pk")
    return dict(overall.values_list("name", "value"))


def baseline_in(recorded: Sequence[SignedPart]) -> dict[str, float]:
    """Return the metrics as validated, from the parts that list them."""
    return next(dict(part.content) for part in recorded if part.name == BASELINE)


def _finding(row: ValidationFinding) -> dict[str, Any]:
    return {
        "id": row.pk,
        "title": row.title,
        "severity": row.severity,
        "detail": row.detail,
        "owner": row.owner_id,
        "due_on": row.due_on,
        "is_closed": row.closed_at is not None,
        "closure_evidence": row.closure_evidence,
    }


def _told_finding(row: ValidationFinding) -> str:
    told = f"{row}: {row.get_severity_display().lower()}"
    if row.closed_by is not None:
        return f"{told}, closed by {row.closed_by.name}. {sentence(row.closure_evidence)}"
    return f"{told}, open. {row.owner.name} repairs it by {day_text(row.due_on)}."


def _told_challenge(row: Challenge) -> str:
    answer = f"Answer: {sentence(row.answer)}" if row.answer else "No answer yet."
    return f"{row.number}. {sentence(row.question)} {answer} {row.get_state_display()}."


def written_parts(words: Conclusion) -> tuple[SignedPart, ...]:
    """Return the parts that the validator writes."""
    labels = dict(Validation.Component.choices)
    examined = sorted(set(words.components))
    conflict = "No conflict of interest" if words.has_no_conflict else words.conflict_declaration
    return (
        SignedPart(
            "components",
            PART_WORDS["components"],
            examined,
            tuple(str(labels.get(name, name)) for name in examined),
        ),
        SignedPart(
            "declaration",
            PART_WORDS["declaration"],
            {"has_no_conflict": words.has_no_conflict, "conflict_declaration": words.conflict_declaration},
            (conflict,),
        ),
        SignedPart(
            "outcome", PART_WORDS["outcome"], words.outcome, (str(Validation.Outcome(words.outcome).label),)
        ),
        SignedPart(
            "conditions",
            PART_WORDS["conditions"],
            list(words.conditions),
            told_conditions(words.conditions) or ("None",),
        ),
        SignedPart(
            "validity", PART_WORDS["validity"], words.valid_until, (day_text(portal_day(words.valid_until)),)
        ),
        SignedPart("rationale", PART_WORDS["rationale"], words.summary, ("As written above",)),
    )


def told_conditions(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Write each condition as one line: what, the evidence wanted, who fulfils it and who verifies it, until when."""
    ids = {row[key] for row in rows for key in ("owner", "verifier")}
    names = dict(User.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}
    return tuple(
        f"{sentence(row['text'])} Evidence: {sentence(row['evidence'])} Owner {names.get(row['owner'])}, "
        f"verified by {names.get(row['verifier'])}, due {day_text(row['due_on'])}."
        for row in rows
    )


def statement_of(
    validation: Validation, recorded: Sequence[SignedPart], words: Conclusion, *, by: User
) -> dict[str, Any]:
    """Return exactly what the signature covers."""
    parts = [*recorded, *written_parts(words)]
    return {
        "validation": str(validation.pk),
        "content": digest_of(parts),
        "parts": digests_of(parts),
        "outcome": words.outcome,
        "meaning": Meaning.VALIDATE.value,
        "conditions": [dict(row) for row in words.conditions],
        "valid_until": words.valid_until,
        "rationale": words.summary,
        "signer": str(by.pk),
    }
