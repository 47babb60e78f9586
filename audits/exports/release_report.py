"""The report of a release as plain texts: what the typesetter prints and what `record.json` holds."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings

from approvals.dossier_format import PARTS
from approvals.models import Decision, Signature
from audits.exports.release_content import Release
from audits.queries import LedgerState
from audits.reading.records import ToldStep
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.web.words import day_text, exact, figure, name_of, number, spaced, utc_text
from registry.models import Deployment

CLASSIFICATION = "Confidential: evidence of a decision"
WITNESS = "signed by this portal, not witnessed"
ALIGNED = (
    "This report states what the records of the portal say. A gate that passes says that portal data meet the rule; it is "
    "aligned with the frameworks it serves, not proof of compliance with them."
)
HISTORY_SHOWN = 60


def _moment(value: datetime | None, absent: str = "none") -> str:
    """Write a moment with its zone: a report is read long after, and elsewhere."""
    return utc_text(value) if value else absent


def report_of(
    release: Release,
    *,
    history: Iterable[tuple[str, ToldStep]],
    ledger: LedgerState,
    by: User | None,
    now: datetime,
) -> dict[str, Any]:
    """Return the report: only strings, numbers, lists and mappings."""
    change, dossier = release.change, release.dossier
    return {
        "title": f"{change.code} {change.title}",
        "kind": "Release evidence report",
        "organisation": settings.PORTAL_ORGANISATION,
        "classification": CLASSIFICATION,
        "made": _moment(now),
        "made_by": name_of(by),
        "zone": "UTC",
        "as_of": _moment(release.at),
        "aligned": ALIGNED,
        "facts": _facts(release),
        "ledger": [
            ["Signed entries", number(ledger.size)],
            ["Tree head", ledger.root],
            ["Signed at", _moment(ledger.signed_at)],
            ["Key", ledger.key],
            ["Witness", WITNESS],
        ],
        "dossier": {"number": dossier.number if dossier else 0, "digest": dossier.digest if dossier else ""},
        "parts": [
            {"title": title, "digest": dossier.parts.get(name, "") if dossier else ""}
            for name, title in PARTS.items()
        ],
        "gates": _gates(release),
        "signatures": _signatures(release),
        "conditions": [
            {
                "text": one.text,
                "owner": one.owner.name,
                "verifier": one.verifier.name,
                "due": day_text(one.due_on),
                "state": one.get_state_display(),
                "evidence": one.evidence,
            }
            for one in release.conditions
        ],
        "waivers": [
            {
                "gate": one.gate,
                "authority": _role(one.authority),
                "reason": one.reason,
                "control": one.compensating_control,
                "state": one.get_state_display(),
                "until": _moment(one.valid_until),
            }
            for one in release.waivers
        ],
        "validations": _validations(release),
        "steps": [
            {
                "execution": one.execution.number,
                "step": one.step,
                "attempt": one.attempt,
                "state": one.get_state_display(),
                "intended": _moment(one.intended_at),
                "finished": _moment(one.finished_at, "not yet"),
            }
            for one in release.steps
        ],
        "executions": [
            {
                "number": one.number,
                "connector": one.connector.replace("_", " "),
                "state": one.get_state_display(),
                "by": name_of(one.started_by),
                "started": _moment(one.started_at),
                "finished": _moment(one.finished_at, "not yet"),
            }
            for one in release.executions
        ],
        "rollback": _rollback(release),
        "metrics": _metrics(release),
        "history": [
            {
                "number": "not yet" if told.number is None else f"#{told.number}",
                "at": _moment(told.step.at),
                "who": told.step.actor,
                "record": label,
                "what": told.word,
                "reason": told.step.reason,
                "changes": [f"{one.label}: {one.before} → {one.after}" for one in told.shown if not one.is_first],
            }
            for label, told in list(history)[:HISTORY_SHOWN]
        ],
    }  # fmt: skip


def _role(key: str) -> str:
    return ROLES[key].label if key in ROLES else key.replace("_", " ")


def _facts(release: Release) -> list[list[str]]:
    change = release.change
    revision = change.policy_revision
    return [
        ["Model", change.model.name],
        ["Version", str(change.version) if change.version else "none"],
        ["Unit", change.unit.name],
        ["Kind", f"{change.get_kind_display()}, {change.get_change_class_display().lower()}"],
        ["Environment", change.environment.name if change.environment else "none"],
        ["Decided as", f"Tier {change.decided_tier}" if change.decided_tier else "not decided yet"],
        ["State", change.get_state_display()],
        ["Requested by", change.requester.name],
        ["Filed", _moment(change.submitted_at, "not filed")],
        ["Decided", _moment(change.decided_at, "not decided")],
        ["Policy", f"{revision.policy}, revision {revision.number}" if revision else "none"],
        ["Purpose", change.purpose or "none stated"],
    ]


def _gates(release: Release) -> list[dict[str, Any]]:
    order = {"fail": 0, "no_data": 1, "waived": 2, "pass": 3}
    rows = sorted(release.gates, key=lambda one: (order.get(one.outcome, 4), one.position))
    return [
        {
            "gate": one.gate,
            "title": one.title,
            "outcome": spaced(one.outcome),
            "tone": one.outcome,
            "blocks": "blocks" if one.is_blocking else "advises",
            "observed": one.observed or "none",
            "limit": one.limit or "none",
            "grade": one.get_grade_display() or "none",
            "message": one.message,
            "digest": one.evidence_digest,
            "at": _moment(one.evaluated_at),
        }
        for one in rows
    ]


def _signatures(release: Release) -> list[dict[str, str]]:
    """Write every signature as a block: validations, waivers and decisions in the order of their time."""
    blocks = [
        (one.signature, f"Validation: {one.get_outcome_display()}", one.summary, "")
        for one in release.validations
        if one.signature
    ]
    blocks += [
        (one.signature, f"Waiver of {one.gate} until {_moment(one.valid_until)}", one.note or one.reason, "")
        for one in release.waivers
        if one.signature
    ]
    blocks += [(one.signature, _decided(one), one.rationale, _void(one)) for one in release.decisions]
    return [_block(*block) for block in sorted(blocks, key=lambda block: (block[0].signed_at, block[0].pk))]


def _decided(decision: Decision) -> str:
    return f"{decision.act_word} at {decision.stage.title}, revision {decision.dossier_number}"


def _void(decision: Decision) -> str:
    if not decision.voided_at:
        return ""
    if decision.is_answered:
        return f"Answered {_moment(decision.voided_at)}: the request was filed again"
    return f"Void since {_moment(decision.voided_at)}: {decision.void_reason}"


def _block(signature: Signature, what: str, rationale: str, void: str) -> dict[str, str]:
    if signature.revoked_at:
        void = f"Revoked {_moment(signature.revoked_at)}: {signature.revocation_reason}"
    passkey = signature.method == Signature.Method.PASSKEY
    return {
        "name": signature.printed_name,
        "role": _role(signature.role),
        "meaning": signature.meaning.replace("_", " "),
        "what": what,
        "rationale": rationale or "none given",
        "at": _moment(signature.signed_at),
        "signed_at": exact(signature.signed_at),
        "digest": signature.digest,
        "method": "passkey" if passkey else "recorded by the portal",
        "void": void,
    }


def _validations(release: Release) -> list[dict[str, Any]]:
    return [
        {
            "kind": one.get_kind_display(),
            "outcome": one.get_outcome_display() or one.get_state_display(),
            "validator": one.validator.name,
            "scope": one.scope,
            "concluded": _moment(one.concluded_at, "open"),
            "until": _moment(one.valid_until),
            "report": f"{one.report_name}, digest {one.report.sha256}" if one.report else "no file",
            "conflict": "none declared"
            if one.has_no_conflict
            else one.conflict_declaration or "not declared",
            "findings": [
                f"VF-{row.pk} {row.title} ({row.get_severity_display()}), {row.owner.name}, due {day_text(row.due_on)}, "
                f"{'closed' if row.closed_at else 'open'}"
                for row in release.findings
                if row.validation_id == one.pk
            ],
            "challenges": [
                f"{row.question} — {row.answer or 'not answered'} ({row.get_state_display()})"
                for row in release.challenges
                if row.validation_id == one.pk
            ],
        }
        for one in release.validations
    ]


def _rollback(release: Release) -> list[list[str]]:
    change = release.change
    return [
        ["Target", str(change.rollback_target) if change.rollback_target else "none"],
        ["Plan", change.rollback_plan or "none"],
        ["Triggers", change.rollback_triggers or "none"],
        ["Owner", name_of(change.rollback_owner) if change.rollback_owner else "none"],
        *[
            [
                f"Deployment {one.pk}",
                f"{one.environment.name}, {one.get_state_display().lower()}, {_ran(one)}",
            ]
            for one in release.deployments
        ],
    ]


def _ran(deployment: Deployment) -> str:
    return f"started {_moment(deployment.started_at)}, ended {_moment(deployment.ended_at, 'still serves')}"


def _metrics(release: Release) -> list[dict[str, str]]:
    rows = []
    for one in release.metrics:
        limit = release.limits.limit_of(one.name, one.segment) if release.limits else None
        bound = "none"
        if limit and limit.get("release") is not None:
            bound = (
                f"{'at least' if limit.get('direction') == 'min' else 'at most'} {figure(limit['release'])}"
            )
        rows.append(
            {
                "name": one.name,
                "segment": one.segment or "overall",
                "value": figure(one.value),
                "limit": bound,
                "n": number(one.n),
                "grade": one.get_grade_display(),
                "at": _moment(one.evaluated_at),
            }
        )
    return rows
