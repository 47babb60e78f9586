"""Policies as people read them: rules as sentences, differences between two revisions as lines and as rules."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.policy.document import Gate, PolicyDocument, StageRule
from approvals.states import ChangeKind, Severity
from mlops_portal.foundation.web.words import percent, share
from registry.queries.comparison import DiffLine, text_difference

KINDS = dict(ChangeKind.choices)
PLACE = re.compile(r"\{([a-z_]+)[^}]*\}")
LONG = 400


@dataclass(frozen=True, slots=True)
class Rule:
    """One gate as a sentence."""

    gate: Gate
    message: str
    concerns: str
    opens: str


@dataclass(frozen=True, slots=True)
class StageLine:
    """One stage as a sentence."""

    stage: StageRule
    concerns: str
    hours: str
    closed_to: str


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that differs between two revisions."""

    kind: str
    name: str
    was: str
    now: str


def _words(names: Sequence[Any]) -> str:
    texts = [str(name) for name in names]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else "none"


def _kinds(kinds: frozenset[str]) -> str:
    return (
        "every change"
        if kinds >= set(KINDS)
        else _words([KINDS[name].lower() for name in KINDS if name in kinds])
    )


def _tiers(tiers: frozenset[int]) -> str:
    return "every tier" if len(tiers) == 4 else f"tier {_words(sorted(tiers))}"


def gate_rule(gate: Gate) -> Rule:
    """Write a gate as a sentence."""
    where = "production" if gate.scope.environments == {"production"} else "every environment"
    governed = ", mandatory governance" if gate.scope.governance == {"mandatory"} else ""
    if gate.waiver is None:
        opens = "Only a fix opens it: no waiver exists."
    else:
        days = sorted(set(gate.waiver.max_days.values()))
        span = f"{days[0]} to {days[-1]}" if len(days) > 1 else f"{days[0] if days else 0}"
        opens = (
            f"A fix, or a waiver by the {gate.waiver.authority.replace('_', ' ')} for at most {span} days."
        )
    if gate.severity == Severity.WARN:
        opens = "Advisory: it warns and stops nothing."
    said = [clause.say for clause in gate.because] or [gate.message]
    message = PLACE.sub(lambda found: f"[{found.group(1).replace('_', ' ')}]", " ".join(said))
    concerns = f"{_kinds(gate.scope.kinds).capitalize()}; {_tiers(gate.scope.tiers)}; {where}{governed}"
    return Rule(gate, message, concerns, opens)


def stage_line(stage: StageRule) -> StageLine:
    """Write a stage as a sentence."""
    hours = ", ".join(f"tier {tier}: {hours:g} h" for tier, hours in sorted(stage.sla_hours.items()))
    closed = (
        _words([name.replace("_", " ") for name in sorted(stage.exclusions)])
        if stage.exclusions
        else "nobody"
    )
    return StageLine(stage, f"{_kinds(stage.kinds).capitalize()}; {_tiers(stage.tiers)}", hours, closed)


def by_tier(document: PolicyDocument) -> list[tuple[str, list[Any]]]:
    """Return the numbers that depend on the tier, one row each."""
    tiers = (1, 2, 3, 4)
    plans: Mapping[int, Any] = document.traffic_plan
    return [
        ("Rationale, characters at least", [document.rationale_min_length[tier] for tier in tiers]),
        ("Approval may be used within, days", [document.approval_validity_days[tier] for tier in tiers]),
        ("Evidence of blocking gates, at least", [document.minimum_grade[tier] for tier in tiers]),
        ("Documents complete, at least", [share(document.document_threshold[tier]) for tier in tiers]),
        ("Validation valid, days", [document.validation_validity_days[tier] for tier in tiers]),
        ("Risk rating valid, days", [document.risk_validity_days[tier] for tier in tiers]),
        (
            "Traffic plan where an operator takes the steps",
            [" → ".join(percent(step.percent) for step in plans[tier]) or "none" for tier in tiers],
        ),
        ("Watched after release, hours", [document.bake_hours[tier] for tier in tiers]),
        (
            "Lapse settled within, business days",
            [document.lapse_deadline_business_days[tier] for tier in tiers],
        ),
    ]


def read(document: PolicyDocument) -> dict[str, Any]:
    """Return the readable form of a revision."""
    lanes = [document.light_stage, document.containment.stage]
    return {
        "rules": [gate_rule(gate) for gate in document.gates],
        "stages": [stage_line(stage) for stage in document.stages],
        "lanes": [stage_line(stage) for stage in lanes],
        "numbers": by_tier(document),
        "document": document,
    }


def difference(was: PolicyDocument, now: PolicyDocument) -> list[RuleChange]:
    """Say rule by rule what changed from one revision to the next."""
    changes = _compare(
        "Gate", {one.id: _gate_text(one) for one in was.gates}, {one.id: _gate_text(one) for one in now.gates}
    )
    changes += _compare(
        "Stage",
        {one.id: _stage_text(one) for one in was.stages},
        {one.id: _stage_text(one) for one in now.stages},
    )
    before, after = dict(by_tier(was)), dict(by_tier(now))
    changes += _compare(
        "Number",
        {name: _words(row) for name, row in before.items()},
        {name: _words(row) for name, row in after.items()},
    )
    return changes


def _gate_text(gate: Gate) -> str:
    rule = gate_rule(gate)
    limit = f" Limit {gate.direction} {gate.limit}." if gate.limit is not None else ""
    return f"{gate.title}. {gate.severity.label}. {rule.concerns}. {gate.rule}.{limit} {rule.opens}"


def _stage_text(stage: StageRule) -> str:
    line = stage_line(stage)
    return f"{stage.title}: {stage.quorum} {stage.role.replace('_', ' ')}. {line.concerns}. {line.hours}. Closed to {line.closed_to}."


def _compare(kind: str, was: Mapping[str, str], now: Mapping[str, str]) -> list[RuleChange]:
    names = [*was, *(name for name in now if name not in was)]
    return [
        RuleChange(kind, name, was.get(name, ""), now.get(name, ""))
        for name in names
        if was.get(name) != now.get(name)
    ]


def lines(was: str, now: str) -> list[DiffLine]:
    """Return the difference of two documents line by line, at most 400 lines of it."""
    return text_difference(was, now)[:LONG]
