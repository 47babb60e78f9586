"""The shipped policy, read once, and facts about a version that passes every gate."""

import pytest

from approvals.facts import Observed
from approvals.policy.document import default_policy_text, parse_policy
from approvals.policy.gates import evaluate_gates
from approvals.policy.vocabulary import VOCABULARY_TYPES

GOOD = {
    "tier": 1,
    "is_production": True,
    "is_first_deployment": False,
    "component_kinds": ("analytical",),
    "is_third_party": False,
    "separation_conflicts": (),
    "inventory_missing": (),
    "owners_problems": (),
    "rating_approved": True,
    "rating_age_days": 100,
    "ai_act_class": "high_risk",
    "governance_evaluated": True,
    "governance_missing": (),
    "consuming_units_pending": (),
    "artifact_digest": "ab" * 32,
    "lineage_gaps": (),
    "metric_count": 3,
    "threshold_set_locked": True,
    "threshold_locked_before_evaluation": True,
    "threshold_count": 3,
    "thresholds_without_metric": (),
    "segment_count": 4,
    "evidence_grades": ("attested", "reproduced"),
    "validation_outcome": "approved",
    "validation_signed": True,
    "validation_independent": True,
    "validation_age_days": 200,
    "validation_ended_on": "",
    "critical_findings_open": 0,
    "rollback_target": "version 6",
    "rollback_target_retrievable": True,
    "rollback_target_preapproved": True,
    "fallback_described": True,
    "rehearsal_age_days": 20,
    "dependents_incompatible": (),
    "consumers_unconfirmed": (),
    "environments_serving": (),
    "documents_archived": True,
}


@pytest.fixture(scope="session")
def policy():
    return parse_policy(default_policy_text(), facts=VOCABULARY_TYPES)


@pytest.fixture
def read(policy):
    """Evaluate the shipped policy for a version that passes, with some facts changed; answers by gate id."""

    def ask(
        *,
        kind="deploy",
        tier=1,
        environment="production",
        governance="mandatory",
        grade="attested",
        **changed,
    ):
        graded = {
            "sections_approved": tuple(section.id for section in policy.sections),
            "sections_draft": (),
            "sections_not_applicable": (),
            "model_traits": ("high_risk",),
            "test_data_overlaps_by_digest": False,
            "test_data_overlaps_by_date": False,
            "threshold_failures": (),
            "groups_worse": (),
        }
        every = {
            "rating_dimensions": policy.risk_dimensions,
            "validation_components": policy.validation_components[tier],
            "monitoring_dimensions": policy.monitoring_dimensions[tier],
        }
        values = {**GOOD, **graded, **every, "kind": kind, "tier": tier, **changed}
        observations = {
            name: None if value is None else Observed(value=value, grade=grade if name in graded else "")
            for name, value in values.items()
        }
        readings = evaluate_gates(
            policy,
            kind=kind,
            tier=tier,
            environment=environment,
            governance=governance,
            observations=observations,
            types=VOCABULARY_TYPES,
        )
        return {reading.gate.id: reading for reading in readings}

    return ask
