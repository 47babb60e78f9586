"""Whether a policy is laxer than the control catalogue it serves.

Every comparison is one finding with the policy's value and the control's. Publishing a laxer policy needs a signed
reason; the service that publishes asks `laxness`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from approvals.facts import FactType, FactValue, Observed
from approvals.policy.document import TIERS, Gate, PolicyDocument, StageRule
from approvals.policy.gates import evaluate_gates
from approvals.policy.vocabulary import VOCABULARY_TYPES
from approvals.states import Meaning, Severity

CATALOGUE = Path(__file__).parent / "controls.yaml"
RELEASE_KINDS = ("deploy", "promote")
# Controls that a release into production may not pass without a blocking gate.
GATED_CONTROLS: Mapping[str, tuple[int, ...]] = {
    "INV-COMPLETE": TIERS,
    "INV-TIERED": TIERS,
    "INV-OWNERS": TIERS,
    "VAL-INDEP": TIERS,
    "VAL-FINDINGS": TIERS,
    "CHG-SOD": TIERS,
    "CHG-TESTED": TIERS,
    "CHG-DIGEST": TIERS,
    "CHG-ROLLBACK": (1, 2),
    "MON-LIVE": TIERS,
    "MON-FAIRNESS": TIERS,
    "DOC-COMPLETE": TIERS,
    "DATA-LINEAGE": TIERS,
    "EVD-GRADE": (1, 2),
    "TPR-DILIGENCE": TIERS,
    "HUM-OVERSIGHT": (1, 2),
}
# Gates nobody may waive: the digest of what runs, and separation of duties.
NEVER_WAIVED = ("CHG-DIGEST", "CHG-SOD")
# How the catalogue and a policy name the same duty of a stage.
INDEPENDENT_EXCLUSIONS = frozenset({"requester", "owner", "developer", "implementer", "earlier_stage"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a policy asks for less than a control."""

    control: str
    where: str
    message: str


@cache
def check_parameters() -> dict[str, dict[str, Any]]:
    """Return the parameters of every check of the packaged catalogue."""
    catalogue = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return {check["id"]: check["parameters"] for check in catalogue["checks"]}


def _range(parameters: Mapping[str, Any], tier: int) -> Any:
    """Look up a value whose keys are ranges of tiers such as ``1-2``."""
    for key, value in parameters.items():
        first, last = str(key).split("-")
        if int(first) <= tier <= int(last):
            return value
    return []


def _at_most(
    control: str, where: str, policy: Mapping[int, float], limit: Mapping[int, float]
) -> Iterator[Finding]:
    for tier, most in limit.items():
        found = policy.get(tier)
        if found is None or found > most:
            said = "nothing" if found is None else f"{found:g}"
            yield Finding(
                control,
                f"{where}.{tier}",
                f"Tier {tier}: the policy says {said}, the control at most {most:g}.",
            )


def _at_least(
    control: str, where: str, policy: Mapping[int, float], limit: Mapping[int, float]
) -> Iterator[Finding]:
    for tier, least in limit.items():
        if policy[tier] < least:
            yield Finding(
                control,
                f"{where}.{tier}",
                f"Tier {tier}: the policy says {policy[tier]:g}, the control at least {least:g}.",
            )


def _number(control: str, where: str, policy: float, most: float) -> Iterator[Finding]:
    if policy > most:
        yield Finding(control, where, f"The policy says {policy:g}, the control at most {most:g}.")


def _includes(control: str, where: str, policy: Iterable[str], needed: Iterable[str]) -> Iterator[Finding]:
    if missing := sorted(set(needed) - set(policy)):
        yield Finding(control, where, f"The control also asks for: {', '.join(missing)}.")


def _documents(policy: PolicyDocument, checks: Mapping[str, Any]) -> Iterator[Finding]:
    asked = checks["DOC-COMPLETE"]
    yield from _at_least(
        "DOC-COMPLETE", "documents.threshold", policy.document_threshold, asked["thresholds"]
    )
    sections = [section.id for section in policy.sections]
    yield from _includes("DOC-COMPLETE", "documents.sections", sections, asked["template_sections"])


def _validation(policy: PolicyDocument, checks: Mapping[str, Any]) -> Iterator[Finding]:
    asked = checks["VAL-INDEP"]
    yield from _at_most(
        "VAL-INDEP", "validation.validity_days", policy.validation_validity_days, asked["max_age_days"]
    )
    for tier in TIERS:
        needed = _range(asked["required_components"], tier)
        where = f"validation.required_components.{tier}"
        yield from _includes("VAL-INDEP", where, policy.validation_components[tier], needed)
    most = asked["cumulative_change_max"]
    yield from _number(
        "VAL-INDEP", "materiality.cumulative_change", policy.materiality["cumulative_change"], most
    )


def _ages(policy: PolicyDocument, checks: Mapping[str, Any]) -> Iterator[Finding]:
    for control in ("INV-TIERED", "RISK-ASSESS"):
        yield from _at_most(
            control, "risk.validity_days", policy.risk_validity_days, checks[control]["max_age_days"]
        )
    yield from _includes(
        "INV-TIERED", "risk.dimensions", policy.risk_dimensions, checks["INV-TIERED"]["dimensions"]
    )
    vendor = checks["TPR-DILIGENCE"]["max_age_days"]
    yield from _at_most("TPR-DILIGENCE", "vendor.assessment_days", policy.vendor_assessment_days, vendor)
    rehearsal = checks["CHG-ROLLBACK"]["rehearsal_days"]
    yield from _at_most("CHG-ROLLBACK", "rollback.rehearsal_days", policy.rehearsal_days, rehearsal)


def _monitoring(policy: PolicyDocument, checks: Mapping[str, Any]) -> Iterator[Finding]:
    for tier, needed in checks["MON-LIVE"]["dimensions"].items():
        yield from _includes(
            "MON-LIVE", f"monitoring.dimensions.{tier}", policy.monitoring_dimensions[tier], needed
        )
    silence = checks["MON-PLAN"]["max_silence_hours"]
    yield from _number("MON-PLAN", "monitoring.max_silence_hours", policy.max_silence_hours, silence)
    suites = checks["CHG-TESTED"]["suites"]["is_generative"]
    yield from _includes("CHG-TESTED", "generative.required_evaluations", policy.required_evaluations, suites)


def _evidence(policy: PolicyDocument, checks: Mapping[str, Any]) -> Iterator[Finding]:
    accepted = checks["EVD-GRADE"]["grades"]
    for tier in (1, 2):
        if policy.minimum_grade[tier] not in accepted:
            message = f"Tier {tier}: the policy accepts {policy.minimum_grade[tier]}, the control {' or '.join(accepted)}."
            yield Finding("EVD-GRADE", f"evidence.minimum_grade.{tier}", message)


def _signing(policy: PolicyDocument, checks: Mapping[str, Any]) -> Iterator[Finding]:
    most = checks["REC-SIGNATURE"]["reauth_seconds"]
    yield from _number("REC-SIGNATURE", "signing.reauth_seconds", policy.reauth_seconds, most)
    emergency, asked = policy.emergency, checks["CHG-EMERGENCY"]
    where = "lanes.emergency"
    yield from _number(
        "CHG-EMERGENCY", f"{where}.countersign_hours", emergency.countersign_hours, asked["countersign_hours"]
    )
    review = asked["review_business_days"]
    yield from _number(
        "CHG-EMERGENCY", f"{where}.review_business_days", emergency.review_business_days, review
    )


def _waivers(policy: PolicyDocument, checks: Mapping[str, Any]) -> Iterator[Finding]:
    bounded, lapse = checks["EXC-BOUNDED"], checks["CHG-LAPSE"]
    yield from _number(
        "CHG-LAPSE", "waivers.max_live_per_version", policy.max_live_waivers, lapse["max_live_waivers"]
    )
    for control, asked in (("EXC-BOUNDED", bounded), ("CHG-LAPSE", lapse)):
        yield from _number(control, "waivers.max_renewals", policy.max_waiver_renewals, asked["max_renewals"])
    deadlines = policy.lapse_deadline_business_days
    yield from _at_most(
        "CHG-LAPSE", "lapses.deadline_business_days", deadlines, lapse["deadline_business_days"]
    )
    for gate in policy.gates:
        if gate.waiver is not None:
            yield from _gate_waiver(gate, bounded["max_days"], checks["VAL-BEFORE-USE"])


def _gate_waiver(gate: Gate, max_days: Mapping[str, int], before_use: Mapping[str, Any]) -> Iterator[Finding]:
    if gate.waiver is None:
        return
    where = f"gates.{gate.id}.waiver"
    if gate.control in NEVER_WAIVED:
        yield Finding(gate.control, where, f"{gate.id} serves a control that nobody may waive.")
    most = max_days["policy_waiver"]
    kind, control = "policy waiver", "EXC-BOUNDED"
    if gate.control == "VAL-INDEP":
        most, kind = (
            min(max_days["use_before_validation"], before_use["max_exception_days"]),
            "use before validation",
        )
        control = "VAL-BEFORE-USE"
    for tier, days in sorted(gate.waiver.max_days.items()):
        if days > most:
            message = f"Tier {tier}: a waiver of {gate.id} may last {days} days, the control allows {most} for a {kind}."
            yield Finding(control, f"{where}.max_days.{tier}", message)


def _stages(policy: PolicyDocument, checks: Mapping[str, Any]) -> Iterator[Finding]:
    independent = set(checks["CHG-SOD"]["independent_steps"])
    for tier, roles in checks["CHG-APPROVED"]["approver_roles"].items():
        for kind in sorted(set(RELEASE_KINDS) & policy.scope.kinds):
            stages = policy.stages_for(kind=kind, tier=tier)
            where = f"stages (tier {tier}, {kind})"
            yield from _includes("CHG-APPROVED", where, [stage.role for stage in stages], roles)
            if not any(stage.independent and stage.decides for stage in stages):
                yield Finding("CHG-SOD", where, "No independent stage decides.")
    for stage in policy.stages:
        yield from _stage(stage, independent)


def _stage(stage: StageRule, independent: set[str]) -> Iterator[Finding]:
    where = f"stages.{stage.id}"
    needed = (
        INDEPENDENT_EXCLUSIONS if stage.role in independent or stage.independent else frozenset({"requester"})
    )
    if missing := sorted(needed - stage.exclusions):
        message = (
            f"“{stage.title}” may be filled by: {', '.join(item.replace('_', ' ') for item in missing)}."
        )
        yield Finding("CHG-SOD", where, message)
    if stage.role in independent and not (stage.independent and stage.decides):
        yield Finding("CHG-SOD", where, f"“{stage.title}” should be independent and decide.")
    if stage.role == "model_owner" and (
        stage.independent or stage.decides or stage.meaning != Meaning.ATTEST
    ):
        yield Finding(
            "CHG-APPROVED",
            where,
            "The owner's stage is an acceptance; it neither decides nor is independent.",
        )


def _light(policy: PolicyDocument, _checks: Mapping[str, Any]) -> Iterator[Finding]:
    if "requester" not in policy.light_stage.exclusions or not policy.light_stage.independent:
        yield Finding(
            "CHG-SOD", "lanes.light", "The one approver of the light way must be another than the requester."
        )
    if {1, 2} & policy.fast.tiers:
        yield Finding("CHG-APPROVED", "lanes.fast.tiers", "Tiers 1 and 2 are never approved beforehand.")
    if outside := sorted(policy.containment.kinds - {"rollback", "suspend"}):
        yield Finding(
            "CHG-APPROVED", "lanes.containment.kinds", f"This is not a way back: {', '.join(outside)}."
        )


def _gates(policy: PolicyDocument, types: Mapping[str, FactType]) -> Iterator[Finding]:
    """Try every gate on changes about which nothing is known.

    A gate that stops none of them (``rule: true || …``, ``applies_when: tier > 4``) serves nothing, and a control
    that no stopping gate serves is not served.
    """
    stopping: set[str] = set()
    for tier in TIERS:
        for kind in sorted(policy.scope.kinds):
            stopped = _stopped(policy, kind, tier, types, "mandatory")
            stopping |= {gate.id for gate in (*stopped, *_stopped(policy, kind, tier, types, "optional"))}
            served = {gate.control for gate in stopped}
            for control, tiers in GATED_CONTROLS.items() if kind in RELEASE_KINDS else ():
                if tier in tiers and control not in served:
                    message = f"No blocking gate serves {control} when the change of a tier {tier} model is to {kind}."
                    yield Finding(control, "gates", message)
    for gate in policy.gates:
        if (
            gate.severity == Severity.BLOCK
            and "production" in gate.scope.environments
            and gate.id not in stopping
        ):
            message = f"{gate.id} lets every change through about which nothing is known."
            yield Finding(gate.control, f"gates.{gate.id}", message)


def _stopped(
    policy: PolicyDocument, kind: str, tier: int, types: Mapping[str, FactType], governance: str
) -> list[Gate]:
    known: dict[str, FactValue] = {"kind": kind, "tier": tier, "is_production": True}
    readings = evaluate_gates(
        policy,
        kind=kind,
        tier=tier,
        environment="production",
        governance=governance,
        observations={name: Observed(value=value) for name, value in known.items()},
        types=types,
    )
    return [reading.gate for reading in readings if reading.blocks]


COMPARISONS: tuple[Callable[[PolicyDocument, Mapping[str, Any]], Iterator[Finding]], ...] = (
    _documents,
    _validation,
    _ages,
    _monitoring,
    _evidence,
    _signing,
    _waivers,
    _stages,
    _light,
)


def laxness(document: PolicyDocument, *, types: Mapping[str, FactType] = VOCABULARY_TYPES) -> list[Finding]:
    """Return every place where ``document`` asks for less than the control it serves; empty for a policy as strict."""
    checks = check_parameters()
    findings = [finding for compare in COMPARISONS for finding in compare(document, checks)]
    return [*findings, *_gates(document, types)]
