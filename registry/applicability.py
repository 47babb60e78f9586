"""Whether governance is mandatory for a model, and how far it is adopted: computed from facts, with reasons.

Evidence decides where there is any; a declaration counts only where there is none, and one that evidence contradicts
is reported. Nothing known at all means mandatory. Pure: callers gather the facts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_portal.foundation.web.words import number
from registry.states import AdoptionStage, EuAiClass, Governance

# From here on a model is of the size of the enterprise.
ENTERPRISE_UNITS = 2
ENTERPRISE_CONSUMERS = 5
ENTERPRISE_DECISIONS_PER_DAY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernanceFacts:
    """What is known of a model. ``None`` means that nobody said so; an empty tuple that nothing was observed."""

    # Evidence: records of the portal, or observed.
    production_environments: tuple[str, ...] = ()
    consuming_units: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    decisions_per_day: int | None = None
    regimes: tuple[str, ...] = ()
    eu_ai_class: str = ""
    # Declared by the owner.
    is_production_critical: bool | None = None
    is_enterprise_scale: bool | None = None
    is_proof_of_concept: bool | None = None
    is_exploratory: bool | None = None
    states_no_regime: bool = False
    has_objective: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicability:
    """The answer with its sentences. ``contradictions`` are declarations that evidence refutes: each raises a task."""

    governance: Governance
    rests_on_evidence: bool
    rationale: tuple[str, ...]
    contradictions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """How far a model is adopted, with the reason shown beside it."""

    stage: AdoptionStage
    reason: str


def applicability(facts: GovernanceFacts) -> Applicability:
    """Say whether governance is mandatory, and why."""
    evidence = _evidence(facts)
    if evidence:
        return Applicability(
            governance=Governance.MANDATORY,
            rests_on_evidence=True,
            rationale=tuple(evidence),
            contradictions=tuple(_contradictions(facts)),
        )
    asked_for = _declared_mandatory(facts)
    if asked_for:
        return _declared(Governance.MANDATORY, asked_for)
    excused = _declared_optional(facts)
    if excused:
        return _declared(Governance.OPTIONAL, [*excused, "Nothing observed says otherwise."])
    nothing = "Nothing is declared and nothing was observed, so governance is mandatory until somebody says what it is."
    return _declared(Governance.MANDATORY, [nothing])


def _declared(governance: Governance, rationale: Sequence[str]) -> Applicability:
    return Applicability(
        governance=governance, rests_on_evidence=False, rationale=tuple(rationale), contradictions=()
    )


def _evidence(facts: GovernanceFacts) -> list[str]:
    reasons = []
    if facts.production_environments:
        reasons.append(f"It runs in production: {_names(facts.production_environments)}.")
    if facts.regimes:
        reasons.append(f"It is regulated: {_names(facts.regimes)}.")
    if facts.eu_ai_class in (EuAiClass.HIGH_RISK, EuAiClass.PROHIBITED):
        reasons.append(f"Its class under the EU AI Act is {EuAiClass(facts.eu_ai_class).label.lower()}.")
    reasons += _scale(facts)
    return reasons


def _scale(facts: GovernanceFacts) -> list[str]:
    reasons = []
    if len(facts.consuming_units) >= ENTERPRISE_UNITS:
        reasons.append(
            f"{len(facts.consuming_units)} business units use it: {_names(facts.consuming_units)}."
        )
    if len(facts.consumers) >= ENTERPRISE_CONSUMERS:
        reasons.append(f"{len(facts.consumers)} applications consume it.")
    if facts.decisions_per_day is not None and facts.decisions_per_day >= ENTERPRISE_DECISIONS_PER_DAY:
        reasons.append(f"It makes {number(facts.decisions_per_day)} decisions a day.")
    return reasons


def _contradictions(facts: GovernanceFacts) -> list[str]:
    found = []
    in_production = _names(facts.production_environments)
    if facts.is_proof_of_concept and facts.production_environments:
        found.append(f"It is declared a proof of concept and runs in production: {in_production}.")
    if facts.is_exploratory and facts.production_environments:
        found.append(f"It is declared exploratory and runs in production: {in_production}.")
    if facts.is_production_critical is False and (facts.regimes or facts.production_environments):
        found.append("It is declared not critical and is regulated or runs in production.")
    if facts.is_enterprise_scale is False and _scale(facts):
        found.append("It is declared not of enterprise scale, but " + " ".join(_scale(facts)))
    if (facts.is_proof_of_concept or facts.is_exploratory) and facts.regimes:
        found.append(f"It is declared an experiment and is regulated: {_names(facts.regimes)}.")
    if facts.states_no_regime and facts.eu_ai_class in (EuAiClass.HIGH_RISK, EuAiClass.PROHIBITED):
        label = EuAiClass(facts.eu_ai_class).label.lower()
        found.append(
            f"It is stated that no regime is in scope, and its class under the EU AI Act is {label}."
        )
    return found


def _declared_mandatory(facts: GovernanceFacts) -> list[str]:
    reasons = []
    if facts.is_production_critical:
        reasons.append("The owner declares it production-critical.")
    if facts.is_enterprise_scale:
        reasons.append("The owner declares it of enterprise scale.")
    return reasons


def _declared_optional(facts: GovernanceFacts) -> list[str]:
    reasons = []
    if facts.is_proof_of_concept:
        reasons.append("The owner declares it a proof of concept.")
    if facts.is_exploratory:
        reasons.append("The owner declares it exploratory.")
    if facts.is_production_critical is False:
        reasons.append("The owner declares it not critical.")
    return reasons


def adoption(facts: GovernanceFacts) -> Adoption:
    """Say how far a model is adopted, and why not further."""
    production, units = facts.production_environments, facts.consuming_units
    if not production and len(units) < ENTERPRISE_UNITS:
        return Adoption(stage=AdoptionStage.EXPERIMENTATION, reason=_experiment_reason(facts))
    if production and facts.regimes:
        reason = f"It runs in production ({_names(production)}) under {_names(facts.regimes)}."
        return Adoption(stage=AdoptionStage.REGULATED_PRODUCTION, reason=reason)
    if len(production) > 1 and facts.has_objective and (units or facts.consumers):
        reason = (
            f"It runs the same way in {len(production)} production environments ({_names(production)}) "
            f"for a stated objective and known consumers."
        )
        return Adoption(stage=AdoptionStage.INDUSTRIALISATION, reason=reason)
    if len(units) >= ENTERPRISE_UNITS:
        reason = f"{len(units)} business units use it: {_names(units)}."
    else:
        taken_up = f"of other units, only {units[0]} uses it" if units else "no other unit uses it"
        reason = f"It runs in production ({_names(production)}), which ends experimentation; {taken_up} yet."
    return Adoption(stage=AdoptionStage.SCALE_OUT, reason=reason)


def _experiment_reason(facts: GovernanceFacts) -> str:
    lacks = [] if facts.has_objective else ["no stated objective"]
    lacks.append("no production environment")
    if not facts.consumers:
        lacks.append("no consumer")
    reason = f"It has {', '.join(lacks)}, fewer than {ENTERPRISE_UNITS} consuming units."
    return f"{reason} A production environment or {ENTERPRISE_UNITS} consuming units end experimentation."


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4])
    return shown + (f" and {len(names) - 4} more" if len(names) > 4 else "")
