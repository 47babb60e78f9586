"""A policy revision as typed data, read from its YAML text.

Reading checks the form (policy.schema.json), the cross-references and, against the facts that exist, every
expression. What passes here can be evaluated; whether it is strict enough is `approvals.policy.controls`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from approvals.facts import FactType
from approvals.policy.engine import ExpressionInvalid, compiler
from approvals.policy.messages import placeholders
from approvals.policy.vocabulary import DERIVED_TYPES
from approvals.states import Meaning, Severity
from mlops_portal.foundation.yaml_documents import DocumentInvalid, Problem, YamlDocument, read_yaml

HERE = FilePath(__file__).parent
TIERS = (1, 2, 3, 4)
ENVIRONMENTS = ("production", "non_production")
# Who may waive, from below to above; a renewal goes to a higher one.
AUTHORITIES = ("model_owner", "change_manager", "risk_officer", "head_of_model_risk")
# What a gate concerns unless it says otherwise.
GATE_SCOPE: Mapping[str, Any] = {"environments": ["production"], "governance": ["mandatory"]}
EXCLUSIONS = ("requester", "owner", "developer", "validator", "implementer", "earlier_stage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which changes something concerns."""

    kinds: frozenset[str]
    tiers: frozenset[int]
    environments: frozenset[str]
    governance: frozenset[str]

    def covers(self, *, kind: str, tier: int, environment: str, governance: str) -> bool:
        """Tell whether a change of this kind, tier, environment and governance is meant."""
        return (
            kind in self.kinds
            and tier in self.tiers
            and environment in self.environments
            and governance in self.governance
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverRule:
    """Who may open a failing gate, and for how long. A gate without one is never opened."""

    authority: str
    max_days: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Words of a gate and the expression under which they are true; without one they always are."""

    when: str
    say: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One thing that must be true."""

    id: str
    title: str
    control: str
    scope: Scope
    applies_when: str
    rule: str
    severity: Severity
    message: str
    observed: str
    limit: str | float | None
    direction: str
    unit: str
    evidence: str
    minimum_grade: Mapping[int, str]
    waiver: WaiverRule | None
    says: tuple[Clause, ...] = ()  # the fact beside the limit: the first that holds
    because: tuple[Clause, ...] = ()  # why it fails: all that hold, else the message
    missing: Mapping[str, str] = field(default_factory=dict)  # fact → what to say where it is missing

    @property
    def never_waived(self) -> bool:
        """Tell whether nobody can open this gate."""
        return self.waiver is None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRule:
    """One group of people who must agree."""

    id: str
    title: str
    role: str
    right: str
    tiers: frozenset[int]
    kinds: frozenset[str]
    meaning: Meaning
    independent: bool
    decides: bool
    quorum: int
    sla_hours: Mapping[int, int]
    exclusions: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the documentation. Weight 3 by law for the class, 2 by tier, 1 recommended, 0 does not concern."""

    id: str
    title: str
    kind: str
    tiers: frozenset[int]
    law: frozenset[str]
    only_for: frozenset[str]

    def weight(self, *, tier: int, traits: frozenset[str]) -> int:
        """Return the weight for a model of ``tier`` with ``traits`` (AI Act class, ``affects_persons``, …)."""
        if self.only_for and not self.only_for & traits:
            return 0
        if self.law & traits:
            return 3
        return 2 if tier in self.tiers else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficStep:
    """A share of the traffic and how long it is held."""

    percent: int
    hold_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A measure whose limit brings the earlier version back."""

    id: str
    title: str
    measure: str
    direction: str
    limit: float
    for_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainmentLane:
    """The way back: one person with strong sign-in, reviewed afterwards."""

    kinds: frozenset[str]
    applies_when: str
    stage: StageRule
    review_business_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FastLane:
    """Pre-approved changes of low tiers."""

    enabled: bool
    tiers: frozenset[int]
    kinds: frozenset[str]
    applies_when: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyLane:
    """One decides and countersigns in person; the rest review afterwards."""

    enabled: bool
    stage: StageRule
    countersign_hours: int
    review_business_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """A policy revision. ``data`` is its plain content, for digests and differences."""

    id: str
    title: str
    purpose: str
    urgent: bool
    scope: Scope
    reauth_seconds: int
    rationale_min_length: Mapping[int, int]
    approval_validity_days: Mapping[int, int]
    minimum_grade: Mapping[int, str]
    document_threshold: Mapping[int, float]
    sections: tuple[Section, ...]
    validation_validity_days: Mapping[int, int]
    validation_components: Mapping[int, tuple[str, ...]]
    risk_validity_days: Mapping[int, int]
    risk_dimensions: tuple[str, ...]
    monitoring_dimensions: Mapping[int, tuple[str, ...]]
    max_silence_hours: int
    vendor_assessment_days: Mapping[int, int]
    required_evaluations: tuple[str, ...]
    rehearsal_days: Mapping[int, int]
    rollback_triggers: tuple[Trigger, ...]
    traffic_plan: Mapping[int, tuple[TrafficStep, ...]]
    bake_hours: Mapping[int, int]
    materiality: Mapping[str, float]
    max_live_waivers: int
    max_waiver_renewals: int
    waiver_beyond: str
    lapse_deadline_business_days: Mapping[int, int]
    protected_aliases: tuple[str, ...]
    light_stage: StageRule
    containment: ContainmentLane
    fast: FastLane
    emergency: EmergencyLane
    stages: tuple[StageRule, ...]
    gates: tuple[Gate, ...]
    data: Mapping[str, Any]

    def stages_for(self, *, kind: str, tier: int) -> tuple[StageRule, ...]:
        """Return the stages of a normal change, in order."""
        return tuple(stage for stage in self.stages if tier in stage.tiers and kind in stage.kinds)

    def gates_for(self, *, kind: str, tier: int, environment: str, governance: str) -> tuple[Gate, ...]:
        """Return the gates that may concern a change; ``applies_when`` says which of them do."""
        return tuple(
            gate
            for gate in self.gates
            if gate.scope.covers(kind=kind, tier=tier, environment=environment, governance=governance)
        )

    def gate(self, gate_id: str) -> Gate:
        """Return one gate; a name that this revision does not know is a `KeyError`."""
        return {gate.id: gate for gate in self.gates}[gate_id]


@cache
def schema() -> dict[str, Any]:
    """Return the published JSON Schema of policy documents."""
    return json.loads((HERE / "policy.schema.json").read_text(encoding="utf-8"))


def default_policy_text() -> str:
    """Return the shipped policy."""
    return (HERE / "default.yaml").read_text(encoding="utf-8")


def parse_policy(text: str | bytes, *, facts: Mapping[str, FactType]) -> PolicyDocument:
    """Read a policy and compile it against ``facts``, or raise `DocumentInvalid` with every place that is wrong."""
    source = read_yaml(text)
    if problems := source.schema_problems(schema()):
        raise DocumentInvalid(problems)
    document = _document(source.data)
    if problems := [*_reference_problems(source, document), *_expression_problems(source, document, facts)]:
        raise DocumentInvalid(problems)
    return document


def known_types(facts: Mapping[str, FactType]) -> dict[str, FactType]:
    """Return the registered facts and those that the policy itself gives."""
    return {**facts, **DERIVED_TYPES}


def _tiers(data: Mapping[str, Any], convert: Any = lambda item: item) -> dict[int, Any]:
    return {int(tier): convert(item) for tier, item in data.items()}


def _scope(data: Mapping[str, Any], default: Scope | None = None) -> Scope:
    def part(name: str) -> frozenset[Any]:
        return frozenset(data[name]) if name in data or default is None else getattr(default, name)

    return Scope(
        kinds=part("kinds"),
        tiers=part("tiers"),
        environments=part("environments"),
        governance=part("governance"),
    )


def _gate(data: Mapping[str, Any], scope: Scope) -> Gate:
    waiver = data["waiver"]
    return Gate(
        id=data["id"],
        title=data["title"],
        control=data["control"],
        scope=_scope({**GATE_SCOPE, **{part: data[part] for part in Scope.__slots__ if part in data}}, scope),
        applies_when=data.get("applies_when", "true"),
        rule=data["rule"],
        severity=Severity(data["severity"]),
        message=data["message"],
        observed=data.get("observed", ""),
        limit=data.get("limit"),
        direction=data.get("direction", ""),
        unit=data.get("unit", ""),
        evidence=data["evidence"],
        minimum_grade=_tiers(data.get("minimum_grade", {})),
        waiver=None
        if waiver == "never"
        else WaiverRule(authority=waiver["authority"], max_days=_tiers(waiver["max_days"])),
        says=_clauses(data.get("says", ())),
        because=_clauses(data.get("because", ())),
        missing=dict(data.get("missing", {})),
    )


def _clauses(rows: Sequence[Mapping[str, Any]]) -> tuple[Clause, ...]:
    return tuple(Clause(when=row.get("when", ""), say=row["say"]) for row in rows)


def _stage(data: Mapping[str, Any], scope: Scope) -> StageRule:
    return StageRule(
        id=data["id"],
        title=data["title"],
        role=data["role"],
        right=data["right"],
        tiers=frozenset(data["tiers"]),
        kinds=frozenset(data.get("kinds", scope.kinds)),
        meaning=Meaning(data["meaning"]),
        independent=data["independent"],
        decides=data["decides"],
        quorum=data["quorum"],
        sla_hours=_tiers(data["sla_hours"]),
        exclusions=frozenset(data["exclusions"]),
    )


def _section(data: Mapping[str, Any]) -> Section:
    return Section(
        id=data["id"],
        title=data["title"],
        kind=data["kind"],
        tiers=frozenset(data.get("tiers", ())),
        law=frozenset(data.get("law", ())),
        only_for=frozenset(data.get("only_for", ())),
    )


def _lanes(lanes: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    containment, fast, emergency = lanes["containment"], lanes["fast"], lanes["emergency"]
    return {
        "light_stage": _stage(lanes["light"]["stage"], scope),
        "containment": ContainmentLane(
            kinds=frozenset(containment["kinds"]),
            applies_when=containment["applies_when"],
            stage=_stage(containment["stage"], scope),
            review_business_days=containment["review_business_days"],
        ),
        "fast": FastLane(
            enabled=fast["enabled"],
            tiers=frozenset(fast["tiers"]),
            kinds=frozenset(fast["kinds"]),
            applies_when=fast["applies_when"],
        ),
        "emergency": EmergencyLane(
            enabled=emergency["enabled"],
            stage=_stage(emergency["stage"], scope),
            countersign_hours=emergency["countersign_hours"],
            review_business_days=emergency["review_business_days"],
        ),
    }


def _document(data: dict[str, Any]) -> PolicyDocument:
    scope = _scope(data["applies"])
    return PolicyDocument(
        id=data["id"],
        title=data["title"],
        purpose=data["purpose"].strip(),
        urgent=data.get("urgent", False),
        scope=scope,
        reauth_seconds=data["signing"]["reauth_seconds"],
        rationale_min_length=_tiers(data["rationale_min_length"]),
        approval_validity_days=_tiers(data["approval_validity_days"]),
        minimum_grade=_tiers(data["evidence"]["minimum_grade"]),
        document_threshold=_tiers(data["documents"]["threshold"], float),
        sections=tuple(_section(section) for section in data["documents"]["sections"]),
        validation_validity_days=_tiers(data["validation"]["validity_days"]),
        validation_components=_tiers(data["validation"]["required_components"], tuple),
        risk_validity_days=_tiers(data["risk"]["validity_days"]),
        risk_dimensions=tuple(data["risk"]["dimensions"]),
        monitoring_dimensions=_tiers(data["monitoring"]["dimensions"], tuple),
        max_silence_hours=data["monitoring"]["max_silence_hours"],
        vendor_assessment_days=_tiers(data["vendor"]["assessment_days"]),
        required_evaluations=tuple(data["generative"]["required_evaluations"]),
        rehearsal_days=_tiers(data["rollback"]["rehearsal_days"]),
        rollback_triggers=tuple(Trigger(**trigger) for trigger in data["rollback"]["triggers"]),
        traffic_plan=_tiers(data["traffic_plan"], lambda steps: tuple(TrafficStep(**step) for step in steps)),
        bake_hours=_tiers(data["bake_hours"]),
        materiality=dict(data["materiality"]),
        max_live_waivers=data["waivers"]["max_live_per_version"],
        max_waiver_renewals=data["waivers"]["max_renewals"],
        waiver_beyond=data["waivers"]["beyond"],
        lapse_deadline_business_days=_tiers(data["lapses"]["deadline_business_days"]),
        protected_aliases=tuple(data["protected_aliases"]),
        **_lanes(data["lanes"], scope),
        stages=tuple(_stage(stage, scope) for stage in data["stages"]),
        gates=tuple(_gate(gate, scope) for gate in data["gates"]),
        data=data,
    )


def _reference_problems(source: YamlDocument, document: PolicyDocument) -> list[Problem]:
    problems = [
        *_repeated(source, ("gates",), [gate.id for gate in document.gates]),
        *_repeated(source, ("stages",), [stage.id for stage in document.stages]),
        *_repeated(source, ("documents", "sections"), [section.id for section in document.sections]),
    ]
    for tier in sorted(document.scope.tiers):
        for kind in sorted(document.scope.kinds):
            if not any(stage.decides for stage in document.stages_for(kind=kind, tier=tier)):
                problems += [source.problem(("stages",), f"nobody decides on “{kind}” at tier {tier}")]
        if not _rises_to_all([step.percent for step in document.traffic_plan[tier]]):
            problems.append(
                source.problem(("traffic_plan", str(tier)), "the shares should rise and end at 100")
            )
    for index, stage in enumerate(document.stages):
        if missing := sorted(stage.tiers - stage.sla_hours.keys()):
            problems.append(
                source.problem(("stages", index, "sla_hours"), f"has no hours for tier {missing[0]}")
            )
    for index, gate in enumerate(document.gates):
        if gate.waiver and (missing := sorted(gate.scope.tiers - gate.waiver.max_days.keys())):
            problems.append(
                source.problem(("gates", index, "waiver", "max_days"), f"has no days for tier {missing[0]}")
            )
        if gate.limit is not None and not gate.observed:
            problems.append(
                source.problem(("gates", index, "limit"), "a limit needs “observed”, the fact it limits")
            )
    return problems


def _rises_to_all(shares: Sequence[int]) -> bool:
    return list(shares) == sorted(set(shares)) and shares[-1] == 100


def _repeated(source: YamlDocument, path: tuple[str, ...], ids: Sequence[str]) -> list[Problem]:
    return [
        source.problem((*path, index, "id"), f"“{item}” is used twice")
        for index, item in enumerate(ids)
        if item in ids[:index]
    ]


def _expression_problems(
    source: YamlDocument, document: PolicyDocument, facts: Mapping[str, FactType]
) -> list[Problem]:
    types = known_types(facts)
    problems: list[Problem] = []
    expressions: list[tuple[tuple[str | int, ...], str]] = [
        (("lanes", "containment", "applies_when"), document.containment.applies_when),
        (("lanes", "fast", "applies_when"), document.fast.applies_when),
    ]
    for index, gate in enumerate(document.gates):
        expressions.append((("gates", index, "rule"), gate.rule))
        expressions.append((("gates", index, "applies_when"), gate.applies_when))
        expressions += [
            (("gates", index, part, place, "when"), clause.when)
            for part, place, clause in _clauses_of(gate)
            if clause.when
        ]
        problems += _name_problems(source, index, gate, types)
    compiled = compiler(types)
    for path, expression in expressions:
        try:
            if not compiled(expression).facts and path[-1] == "rule":
                problems.append(
                    source.problem(path, "asks for no fact, so it cannot tell one change from another")
                )
        except ExpressionInvalid as error:
            problems += [
                source.problem(path, p.message, line=p.line, column=p.column) for p in error.problems
            ]
    return problems


def _name_problems(
    source: YamlDocument, index: int, gate: Gate, types: Mapping[str, FactType]
) -> list[Problem]:
    named = [("observed", gate.observed), ("limit", gate.limit if isinstance(gate.limit, str) else "")]
    named += [("message", name) for name in placeholders(gate.message)]
    named += [("missing", name) for name in gate.missing]
    named += [(part, name) for part, _, clause in _clauses_of(gate) for name in placeholders(clause.say)]
    return [
        source.problem(("gates", index, part), f"no fact is called “{name}”")
        for part, name in named
        if name and name not in types
    ]


def _clauses_of(gate: Gate) -> list[tuple[str, int, Clause]]:
    return [
        (part, place, clause)
        for part, clauses in (("says", gate.says), ("because", gate.because))
        for place, clause in enumerate(clauses)
    ]
