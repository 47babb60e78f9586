"""No gate laxer than the control it serves (RULES 3.4)."""

from pathlib import Path

import pytest

from approvals.policy.controls import CATALOGUE, check_parameters, laxness
from approvals.policy.document import default_policy_text, parse_policy
from approvals.policy.vocabulary import VOCABULARY_TYPES

TEXT = default_policy_text()
SHARED = Path(__file__).parents[4] / "shared" / "controls.yaml"


def test_the_shipped_policy_is_as_strict_as_the_catalogue(policy):
    assert laxness(policy) == []


@pytest.mark.parametrize(
    ("old", "new", "control", "where"),
    [
        pytest.param("{1: 365, 2: 365, 3: 730, 4: 1095}\n  required", "{1: 366, 2: 365, 3: 730, 4: 1095}\n  required", "VAL-INDEP", "validation.validity_days.1", id="a validation may be a day older"),
        pytest.param("3: [outcomes_analysis, implementation_check]", "3: [outcomes_analysis]", "VAL-INDEP", "validation.required_components.3", id="a component less"),
        pytest.param("threshold: {1: 1.0", "threshold: {1: 0.99", "DOC-COMPLETE", "documents.threshold.1", id="fewer documents"),
        pytest.param("id: metric_rationale", "id: metric_reasons", "DOC-COMPLETE", "documents.sections", id="a section less"),
        pytest.param("{1: attested, 2: attested", "{1: attested, 2: pipeline", "EVD-GRADE", "evidence.minimum_grade.2", id="weaker evidence at tier 2"),
        pytest.param("1: [performance, data_drift, prediction_drift, service_health, fairness]", "1: [performance, data_drift, service_health]", "MON-LIVE", "monitoring.dimensions.1", id="less monitored"),
        pytest.param("max_silence_hours: 24", "max_silence_hours: 25", "MON-PLAN", "monitoring.max_silence_hours", id="a longer silence"),
        pytest.param("reauth_seconds: 300", "reauth_seconds: 301", "REC-SIGNATURE", "signing.reauth_seconds", id="a longer session at signing"),
        pytest.param("cumulative_change: 0.10", "cumulative_change: 0.11", "VAL-INDEP", "materiality.cumulative_change", id="more small changes"),
        pytest.param("max_renewals: 2", "max_renewals: 3", "EXC-BOUNDED", "waivers.max_renewals", id="a third renewal"),
        pytest.param("max_live_per_version: 3", "max_live_per_version: 4", "CHG-LAPSE", "waivers.max_live_per_version", id="a fourth waiver"),
        pytest.param("deadline_business_days: {1: 2", "deadline_business_days: {1: 3", "CHG-LAPSE", "lapses.deadline_business_days.1", id="a later deadline"),
        pytest.param("countersign_hours: 24", "countersign_hours: 48", "CHG-EMERGENCY", "lanes.emergency.countersign_hours", id="a later countersignature"),
        pytest.param("rehearsal_days: {1: 180", "rehearsal_days: {1: 181", "CHG-ROLLBACK", "rollback.rehearsal_days.1", id="an older rehearsal"),
        pytest.param("required_evaluations: [safety, ", "required_evaluations: [", "CHG-TESTED", "generative.required_evaluations", id="an evaluation less"),
        pytest.param("{1: 30, 2: 60, 3: 90, 4: 90}}\n\n  - id: VAL-02", "{1: 30, 2: 60, 3: 91, 4: 90}}\n\n  - id: VAL-02", "VAL-BEFORE-USE", "gates.VAL-01.waiver.max_days.3", id="use before validation for 91 days"),
        pytest.param("{1: 30, 2: 60, 3: 90, 4: 180}}\n\n  - id: DATA-01", "{1: 30, 2: 60, 3: 90, 4: 181}}\n\n  - id: DATA-01", "EXC-BOUNDED", "gates.DOC-01.waiver.max_days.4", id="a waiver of 181 days"),
        pytest.param("evidence: artifact\n    waiver: never", "evidence: artifact\n    waiver: {authority: head_of_model_risk, max_days: {1: 1, 2: 1, 3: 1, 4: 1}}", "CHG-DIGEST", "gates.ART-01.waiver", id="a waiver of the digest, for a day"),
        pytest.param("role: risk_officer\n    right: approvals.approve_risk\n    tiers: [1]", "role: risk_adviser\n    right: approvals.approve_risk\n    tiers: [1]", "CHG-APPROVED", "stages (tier 1, deploy)", id="no risk officer"),
        pytest.param("exclusions: [requester, owner, developer, implementer, earlier_stage]", "exclusions: [requester, owner, implementer, earlier_stage]", "CHG-SOD", "stages.validation", id="a developer validates"),
        pytest.param("exclusions: [requester]", "exclusions: []", "CHG-SOD", "stages.acceptance", id="a requester accepts"),
        pytest.param("enabled: false\n    tiers: [4]", "enabled: false\n    tiers: [2, 4]", "CHG-APPROVED", "lanes.fast.tiers", id="a fast lane for tier 2"),
        pytest.param("kinds: [rollback, suspend]", "kinds: [rollback, suspend, deploy]", "CHG-APPROVED", "lanes.containment.kinds", id="a deployment as a way back"),
        pytest.param("observed: monitoring_dimensions\n", "observed: monitoring_dimensions\n    tiers: [1, 2, 3]\n", "MON-LIVE", "gates", id="a gate that leaves out a tier"),
        pytest.param("rule: size(lineage_gaps) == 0\n    severity: block", "rule: size(lineage_gaps) == 0\n    severity: warn", "DATA-LINEAGE", "gates", id="a gate that only warns"),
        pytest.param("rule: critical_findings_open == 0", "rule: critical_findings_open == 0 || tier <= 4", "VAL-FINDINGS", "gates", id="a rule that always holds"),
        pytest.param("applies_when: is_third_party\n    rule: vendor", "applies_when: is_third_party && tier > 4\n    rule: vendor", "TPR-DILIGENCE", "gates.TPR-01", id="one of two gates of a control never applies"),
        pytest.param("applies_when: segment_count > 0", "applies_when: segment_count > 0 && tier > 4", "MON-FAIRNESS", "gates", id="a gate that never applies"),
    ],
)  # fmt: skip
def test_a_laxer_policy_is_found(old, new, control, where):
    assert TEXT.count(old) >= 1
    findings = laxness(parse_policy(TEXT.replace(old, new, 1), facts=VOCABULARY_TYPES))
    assert (control, where) in {(finding.control, finding.where) for finding in findings}
    assert all(finding.message.endswith(".") for finding in findings)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("threshold: {1: 1.0, 2: 1.0, 3: 0.9", "threshold: {1: 1.0, 2: 1.0, 3: 1.0"),
        ("reauth_seconds: 300", "reauth_seconds: 0"),
        ("max_live_per_version: 3", "max_live_per_version: 0"),
    ],
)
def test_a_stricter_policy_is_not_found(old, new):
    assert laxness(parse_policy(TEXT.replace(old, new, 1), facts=VOCABULARY_TYPES)) == []


def test_every_gate_serves_a_control_of_the_catalogue(policy):
    assert {gate.control for gate in policy.gates} <= check_parameters().keys()


@pytest.mark.skipif(not SHARED.exists(), reason="The source of the catalogue is not beside this checkout.")
def test_the_packaged_catalogue_is_the_published_one():
    assert CATALOGUE.read_bytes() == SHARED.read_bytes()
