"""Gates over facts: what each says, with the sentence, the number and the limit that a reader sees."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from approvals.facts import FactType, FactValue, Observed, Reading
from approvals.policy.document import Gate, PolicyDocument, StageRule, known_types
from approvals.policy.engine import Compile, compiler
from approvals.policy.messages import fact_text, placeholders, render
from approvals.policy.sentences import clause_facts, joined, missing_sentences, observed_words, reasons
from approvals.policy.vocabulary import DERIVED_TYPES
from approvals.states import FAILING_OUTCOMES, ChangeClass, GateOutcome, Severity

GRADES = ("declared", "pipeline", "attested", "reproduced")
# What each derived fact is worked out from, so that a caller knows what to resolve.
DERIVED_FROM = {
    "document_score": ("sections_approved", "sections_draft", "sections_not_applicable", "model_traits"),
    "documents_missing": ("sections_approved", "sections_draft", "sections_not_applicable", "model_traits"),
}
# What the other gates say: a gate that names it is asked after them, and does not count itself.
BLOCKING_GATES_FAILING = "blocking_gates_failing"
Observations = Mapping[str, Observed | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReading:
    """What one gate says about one change."""

    gate: Gate
    outcome: GateOutcome
    message: str
    observed: str = ""
    limit: str = ""
    observed_number: float | None = None
    limit_number: float | None = None
    grade: str = ""
    required_grade: str = ""
    missing: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
    facts: Mapping[str, FactValue | None] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_failing(self) -> bool:
        """Tell whether the gate fails; no data is a failure."""
        return self.outcome in FAILING_OUTCOMES

    @property
    def blocks(self) -> bool:
        """Tell whether the change stops here unless a live waiver of the named authority opens the gate."""
        return self.is_failing and self.gate.severity == Severity.BLOCK


def needed_facts(document: PolicyDocument, facts: Mapping[str, FactType]) -> frozenset[str]:
    """Return the registered facts that a policy asks for, derived ones replaced by what they come from."""
    compiled = compiler(known_types(facts))
    named: set[str] = set()
    for gate in document.gates:
        named |= _gate_facts(gate, compiled) | clause_facts(gate, compiled)
    for expression in (document.containment.applies_when, document.fast.applies_when):
        named |= compiled(expression).facts
    sources = {source for name in named for source in DERIVED_FROM.get(name, ())}
    return frozenset((named - DERIVED_TYPES.keys()) | sources)


def _gate_facts(gate: Gate, compiled: Compile) -> set[str]:
    named = set(compiled(gate.rule).facts | compiled(gate.applies_when).facts)
    named |= {gate.observed, gate.limit if isinstance(gate.limit, str) else "", *placeholders(gate.message)}
    return named - {""}


def derived_facts(document: PolicyDocument, *, tier: int, observations: Observations) -> dict[str, Observed]:
    """Return what follows from the policy and the registered facts; what lacks its source is left out."""
    values: dict[str, FactValue | None] = {
        "limit_document_score": document.document_threshold[tier],
        "limit_validation_age_days": document.validation_validity_days[tier],
        "limit_rating_age_days": document.risk_validity_days[tier],
        "limit_vendor_age_days": document.vendor_assessment_days[tier],
        "limit_rehearsal_age_days": document.rehearsal_days.get(tier),
        "required_validation_components": document.validation_components[tier],
        "required_monitoring_dimensions": document.monitoring_dimensions[tier],
        "required_rating_dimensions": document.risk_dimensions,
        "required_evaluations": document.required_evaluations,
        "accepted_grades": GRADES[GRADES.index(document.minimum_grade[tier]) :],
    }
    derived = {name: Observed(value=value) for name, value in values.items() if value is not None}
    sources = [
        source
        for name in DERIVED_FROM["document_score"]
        if (source := observations.get(name)) is not None and isinstance(source.value, tuple | list)
    ]
    if len(sources) == len(DERIVED_FROM["document_score"]):
        approved, draft, excused, traits = (frozenset(map(str, source.value)) for source in sources)  # type: ignore[arg-type]
        score, missing = document_score(
            document, tier=tier, approved=approved, draft=draft, excused=excused, traits=traits
        )
        rests_on = _joined(sources)
        # Approved, draft and excused sections come from one reading of the documents: each line once.
        lines = tuple(dict.fromkeys(line for source in sources for line in source.readings))
        derived["document_score"] = Observed(value=score, readings=lines, **rests_on)
        derived["documents_missing"] = Observed(value=missing, **rests_on)
    return derived


def _rank(grade: str) -> int:
    """Return the place of a grade; one that nobody gave or knows counts as declared."""
    return GRADES.index(grade) if grade in GRADES else 0


def _joined(sources: Collection[Observed]) -> dict[str, Any]:
    """Return what facts rest on together: the weakest grade and all evidence."""
    grades = [source.grade for source in sources if source.grade]
    return {
        "grade": min(grades, key=_rank, default=""),
        "digests": {name: digest for source in sources for name, digest in source.digests.items()},
    }


def document_score(
    document: PolicyDocument,
    *,
    tier: int,
    approved: frozenset[str],
    draft: frozenset[str],
    excused: frozenset[str],
    traits: frozenset[str],
) -> tuple[float, tuple[str, ...]]:
    """Return completeness (KPI 1.10) and the sections that are not approved and current."""
    total, reached, missing = 0.0, 0.0, []
    for section in document.sections:
        weight = section.weight(tier=tier, traits=traits)
        if not weight or section.id in excused:
            continue
        quality = 1.0 if section.id in approved else 0.5 if section.id in draft else 0.0
        total, reached = total + weight, reached + weight * quality
        if quality < 1:
            missing.append(section.id)
    return (reached / total if total else 0.0), tuple(missing)


def evaluate_gates(
    document: PolicyDocument,
    *,
    kind: str,
    tier: int,
    environment: str,
    governance: str,
    observations: Observations,
    types: Mapping[str, FactType],
) -> list[GateReading]:
    """Say for every gate of a change what it says, failing ones first, else in the order of the policy."""
    if not document.scope.covers(kind=kind, tier=tier, environment=environment, governance=governance):
        return [_uncovered(document)]
    compiled = compiler(known_types(types))
    complete: Observations = {**observations, **derived_facts(document, tier=tier, observations=observations)}
    gates = document.gates_for(kind=kind, tier=tier, environment=environment, governance=governance)
    about_others = [gate for gate in gates if BLOCKING_GATES_FAILING in _gate_facts(gate, compiled)]
    said = {
        gate.id: _evaluate(gate, document, tier, complete, compiled)
        for gate in gates
        if gate not in about_others
    }
    failing = tuple(name for name, reading in said.items() if reading.blocks)
    complete = {**complete, BLOCKING_GATES_FAILING: Observed(value=failing)}
    said |= {gate.id: _evaluate(gate, document, tier, complete, compiled) for gate in about_others}
    readings = [said[gate.id] for gate in gates]
    order = {GateOutcome.FAIL: 0, GateOutcome.NO_DATA: 0, GateOutcome.PASS: 2, GateOutcome.NOT_APPLICABLE: 3}
    return sorted(
        readings, key=lambda reading: order[reading.outcome] + (reading.is_failing and not reading.blocks)
    )


def _uncovered(document: PolicyDocument) -> GateReading:
    """Say that the policy does not speak about a change. Silence is no permission."""
    gate = Gate(
        id="POL-01",
        title="The policy covers this change",
        control="GOV-POLICY",
        scope=document.scope,
        applies_when="true",
        rule="false",
        severity=Severity.BLOCK,
        message=f"{document.id} says nothing about this kind of change, tier, environment and governance.",
        observed="",
        limit=None,
        direction="",
        unit="",
        evidence="record",
        minimum_grade={},
        waiver=None,
    )
    return GateReading(gate=gate, outcome=GateOutcome.FAIL, message=gate.message)


def _evaluate(
    gate: Gate, document: PolicyDocument, tier: int, observations: Observations, compiled: Compile
) -> GateReading:
    named = _gate_facts(gate, compiled)
    used = {name: found for name in sorted(named) if (found := observations.get(name)) is not None}
    values: dict[str, FactValue | None] = {
        name: used[name].value if name in used else None for name in sorted(named)
    }
    # What only the words rest on is no content of the gate: it is in no dossier.
    spoken: dict[str, FactValue | None] = {
        name: found.value if (found := observations.get(name)) is not None else None
        for name in clause_facts(gate, compiled)
    } | values
    applies = compiled(gate.applies_when).answer(values)
    if applies.holds is False:
        return GateReading(gate=gate, outcome=GateOutcome.NOT_APPLICABLE, message="", facts=values)
    answer = compiled(gate.rule).answer(values)
    grade, required = _joined(used.values())["grade"], _required_grade(gate, document, tier)
    undecided = applies if applies.holds is None else answer
    if undecided.holds is None:
        lacks = missing_sentences(gate, undecided.missing)
        sentences = list(dict.fromkeys([*reasons(gate, spoken, compiled), *lacks]))
        outcome = GateOutcome.NO_DATA
        message = joined(sentences, f"Cannot be decided: {undecided.reason}.")
    elif not answer.holds:
        outcome = GateOutcome.FAIL
        message = joined(reasons(gate, spoken, compiled), render(gate.message, values))
    elif required and _rank(grade) < _rank(required):
        outcome = GateOutcome.FAIL
        message = f"The evidence is graded {grade or GRADES[0]}; tier {tier} needs {required} or better."
    else:
        outcome, message = GateOutcome.PASS, ""
    limit = values[gate.limit] if isinstance(gate.limit, str) else gate.limit
    observed = values.get(gate.observed)
    return GateReading(
        gate=gate,
        outcome=outcome,
        message=message,
        observed=observed_words(gate, spoken, compiled, decided=undecided.holds is not None),
        limit=_limit_text(gate, limit),
        observed_number=_number(observed),
        limit_number=_number(limit),
        grade=grade,
        required_grade=required,
        missing=tuple(name for name, value in values.items() if value is None),
        readings=used[gate.observed].readings if gate.observed in used else (),
        facts=values,
        digests=_joined(used.values())["digests"],
    )


# Grades describe what was measured or written; the portal's own records have none.
GRADED_EVIDENCE = frozenset({"metric", "document", "dataset", "evaluation"})


def _required_grade(gate: Gate, document: PolicyDocument, tier: int) -> str:
    """Return the grade that this gate's evidence must have: the gate's own where it is stricter."""
    if gate.evidence not in GRADED_EVIDENCE:
        return gate.minimum_grade.get(tier, "")
    general = document.minimum_grade[tier] if gate.severity == Severity.BLOCK else GRADES[0]
    return max(general, gate.minimum_grade.get(tier, GRADES[0]), key=_rank)


def _limit_text(gate: Gate, limit: FactValue | None) -> str:
    return f"{gate.direction} {fact_text(limit, gate.unit)}".strip() if gate.limit is not None else ""


def _number(value: FactValue | None) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def class_of(
    document: PolicyDocument,
    *,
    kind: str,
    environment: str,
    observations: Observations,
    types: Mapping[str, FactType],
) -> ChangeClass:
    """Return the way a change takes: the way back first, then light, else the normal one.

    Light is for what is not production, whatever the governance; what is optional may not go to production at all
    (gate GOV-02). A way back whose condition cannot be decided takes the normal way.
    """
    values = {name: observed.value if observed else None for name, observed in observations.items()}
    compiled = compiler(known_types(types))
    lane = document.containment
    if kind in lane.kinds and compiled(lane.applies_when).answer(values).holds:
        return ChangeClass.CONTAINMENT
    return ChangeClass.NORMAL if environment == "production" else ChangeClass.LIGHT


def stages_of(
    document: PolicyDocument, *, change_class: ChangeClass, kind: str, tier: int
) -> Sequence[StageRule]:
    """Return the stages of a change on its way."""
    match change_class:
        case ChangeClass.LIGHT:
            return (document.light_stage,)
        case ChangeClass.CONTAINMENT:
            return (document.containment.stage,)
        case ChangeClass.EMERGENCY:
            return (document.emergency.stage,)
        case _:
            return document.stages_for(kind=kind, tier=tier)
