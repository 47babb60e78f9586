"""What the gates say about a change now, with the waivers that open them and the dossier as it would be frozen now.

Reads only. Services store the result, the review page shows it, the executor asks again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db.models import Q

from approvals import model_facts
from approvals.dossier_content import dossier_of, subject_of
from approvals.dossier_format import Dossier
from approvals.facts import Observed, facts
from approvals.models import ChangeRequest, GateResult, Waiver
from approvals.policy.gates import GateReading, class_of, derived_facts, evaluate_gates, needed_facts
from approvals.policy_in_force import PolicyInForce, policy_in_force, policy_of
from approvals.states import ChangeClass, GateOutcome, Severity
from mlops_portal.foundation.web.words import plural

STRICTEST_TIER = 1
Outcome = GateResult.Outcome


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of one change at one time."""

    at: datetime
    policy: PolicyInForce
    tier: int
    governance: str
    change_class: ChangeClass
    is_production: bool
    readings: tuple[GateReading, ...]
    live_waivers: Mapping[str, Waiver]
    observations: Mapping[str, Observed | None]
    dossier: Dossier

    def waiver_for(self, reading: GateReading) -> Waiver | None:
        """Return the live waiver that opens a failing gate. A gate that nobody may waive stays shut."""
        if not reading.is_failing or reading.gate.never_waived:
            return None
        return self.live_waivers.get(reading.gate.id)

    def outcome_of(self, reading: GateReading) -> str:
        """Return the outcome that is stored: a failing gate with a live waiver is waived."""
        return Outcome.WAIVED if self.waiver_for(reading) else Outcome(reading.outcome.value)

    @cached_property
    def blocking(self) -> tuple[GateReading, ...]:
        """Gates that stop the change: blocking, failing, without a live waiver."""
        return tuple(row for row in self.readings if row.blocks and self.waiver_for(row) is None)

    @cached_property
    def relied_on(self) -> tuple[Waiver, ...]:
        """Waivers without which a blocking gate would stop the change."""
        found = (self.waiver_for(row) for row in self.readings if row.blocks)
        return tuple(waiver for waiver in found if waiver)

    @cached_property
    def warnings(self) -> tuple[GateReading, ...]:
        """Failing gates that only warn."""
        return tuple(row for row in self.readings if row.is_failing and row.gate.severity == Severity.WARN)

    @property
    def groups_worse(self) -> tuple[str, ...]:
        """Groups that got worse or miss their limit."""
        found = self.observations.get("groups_worse")
        return tuple(map(str, found.value)) if found and isinstance(found.value, tuple) else ()

    @property
    def document_score(self) -> float | None:
        """Completeness of the documents, as the gates saw it."""
        found = derived_facts(self.policy.document, tier=self.tier, observations=self.observations).get(
            "document_score"
        )
        return float(found.value) if found and isinstance(found.value, int | float) else None

    @property
    def headline(self) -> str:
        """The fact in one line, not the way round it."""
        if self.blocking:
            first, others = self.blocking[0], len(self.blocking) - 1
            verb = "has no data" if first.outcome == GateOutcome.NO_DATA else "fails"
            more = f" {plural(others, 'more gate fails,more gates fail')}." if others else ""
            return f"{first.gate.id} {verb}: {first.message}"[: 255 - len(more)] + more
        if self.relied_on:
            return (
                f"Evidence complete with {len(self.relied_on)} waiver{'s' if len(self.relied_on) > 1 else ''}"
            )
        return "Evidence complete"

    def live_outcomes(self) -> list[dict[str, str]]:
        """Outcomes in the form that is recorded with a decision."""
        return [
            {
                "gate": row.gate.id,
                "title": row.gate.title,
                "severity": row.gate.severity.value,
                "outcome": str(self.outcome_of(row)),
                "observed": row.observed,
                "limit": row.limit,
            }
            for row in self.readings
        ]


def tier_of(change: ChangeRequest) -> int:
    """Return the model's tier; without one the strictest rules are shown, and filing is refused."""
    return change.model.tier or STRICTEST_TIER


def is_production(change: ChangeRequest) -> bool:
    """Tell whether a change concerns production. Without an environment it concerns wherever the model runs."""
    return change.environment is None or change.environment.is_production


def live_waivers(change: ChangeRequest, at: datetime) -> dict[str, Waiver]:
    """Return the waivers that open gates of this version now, by gate. One without version opens its change only."""
    rows = Waiver.objects.filter(state=Waiver.State.GRANTED, valid_until__gt=at, decided_at__lte=at)
    if change.version_id is None:
        rows = rows.filter(change=change)
    else:
        rows = rows.filter(Q(change__environment_id=change.environment_id), version_id=change.version_id)
    return {row.gate: row for row in rows.order_by("valid_until", "pk")}


def policy_for(change: ChangeRequest, at: datetime) -> PolicyInForce | None:
    """Return the revision a change was filed under; before filing, the one in force."""
    return policy_of(change.policy_revision) if change.policy_revision else policy_in_force(at)


def evaluate(change: ChangeRequest, *, at: datetime, policy: PolicyInForce) -> Evaluation:
    """Ask every gate. The number of statements does not depend on the number of gates."""
    tier = tier_of(change)
    subject = subject_of(change, tier=tier)
    environment = "production" if is_production(change) else "non_production"
    document, types = policy.document, facts.types()
    records = model_facts.load([subject], at, known=[change])
    with model_facts.sharing(records):
        observations = facts.resolve(needed_facts(document, types), [subject], now=at)[subject]
    readings = tuple(
        evaluate_gates(
            document,
            kind=change.kind,
            tier=tier,
            environment=environment,
            governance=change.model.governance,
            observations=observations,
            types=types,
        )
    )
    waivers = live_waivers(change, at)
    relied = [
        waivers[row.gate.id]
        for row in readings
        if row.blocks and not row.gate.never_waived and row.gate.id in waivers
    ]
    dossier = dossier_of(
        change,
        subject=subject,
        records=records,
        policy=policy,
        readings=readings,
        waivers=relied,
    )
    return Evaluation(
        at=at,
        policy=policy,
        tier=tier,
        governance=change.model.governance,
        change_class=class_of(
            document, kind=change.kind, environment=environment, observations=observations, types=types
        ),
        is_production=environment == "production",
        readings=readings,
        live_waivers=waivers,
        observations=observations,
        dossier=dossier,
    )
