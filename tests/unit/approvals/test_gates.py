"""The gates of the shipped policy: one row per situation."""

import re

import pytest

from approvals.facts import Observed, Reading
from approvals.policy.document import default_policy_text, parse_policy
from approvals.policy.gates import class_of, document_score, evaluate_gates, needed_facts, stages_of
from approvals.policy.messages import fact_text, render
from approvals.policy.vocabulary import VOCABULARY_TYPES
from approvals.states import ChangeClass, GateOutcome

PASS, FAIL, NO_DATA, NONE = (
    GateOutcome.PASS,
    GateOutcome.FAIL,
    GateOutcome.NO_DATA,
    GateOutcome.NOT_APPLICABLE,
)


@pytest.mark.parametrize("tier", [1, 2, 3, 4])
def test_a_complete_version_passes_every_gate(read, tier):
    assert {name: r.message for name, r in read(tier=tier).items() if r.is_failing} == {}


@pytest.mark.parametrize(
    ("gate", "changed", "outcome", "words"),
    [
        pytest.param("ART-01", {"artifact_digest": ""}, FAIL, "no SHA-256", id="an artifact without digest"),
        pytest.param(
            "ART-01", {"artifact_digest": "AB" * 32}, FAIL, "no SHA-256", id="a digest in another spelling"
        ),
        pytest.param(
            "DOC-01", {"sections_approved": ()}, FAIL, "0\u202f% complete", id="no document is approved"
        ),
        pytest.param(
            "DOC-01", {"sections_approved": "all"}, NO_DATA, "not on record", id="documents mistyped"
        ),
        pytest.param("DOC-01", {"sections_approved": None}, NO_DATA, "not on record", id="documents unknown"),
        pytest.param(
            "PERF-01", {"threshold_failures": ("auc",)}, FAIL, "release limits: auc", id="a metric outside"
        ),
        pytest.param(
            "PERF-01", {"thresholds_without_metric": ("ks",)}, FAIL, "ks", id="a limit without a metric"
        ),
        pytest.param(
            "PERF-01",
            {"threshold_set_locked": False},
            FAIL,
            "No release limits are locked.",
            id="limits not locked",
        ),
        pytest.param(
            "PERF-01",
            {"threshold_count": 0},
            FAIL,
            "holds no release limit",
            id="a locked set without limits",
        ),
        pytest.param(
            "PERF-02", {"threshold_locked_before_evaluation": False}, FAIL, "after", id="limits fitted"
        ),
        pytest.param(
            "DATA-03",
            {"test_data_overlaps_by_date": True},
            FAIL,
            "The dates of test data",
            id="dates overlap",
        ),
        pytest.param(
            "DATA-03", {"test_data_overlaps_by_digest": True}, FAIL, "share a digest", id="same data"
        ),
        pytest.param("VAL-01", {"validation_age_days": 366}, FAIL, "366 days", id="an old validation"),
        pytest.param(
            "VAL-01",
            {"validation_ended_on": "3 Mar 2026"},
            FAIL,
            "The validation ended on 3 Mar 2026.",
            id="a validation that ended, however young it is for the tier of today",
        ),
        pytest.param(
            "VAL-01", {"validation_outcome": "rejected"}, FAIL, "rejected", id="a negative validation"
        ),
        pytest.param(
            "VAL-01", {"validation_outcome": None}, NO_DATA, "validated is not on record", id="no validation"
        ),
        pytest.param(
            "VAL-01", {"validation_independent": False}, FAIL, "not independent", id="validated by its maker"
        ),
        pytest.param(
            "VAL-01", {"validation_signed": False}, FAIL, "not signed", id="a validation nobody signed"
        ),
        pytest.param(
            "VAL-01", {"validation_components": ("outcomes_analysis",)}, FAIL, "outcomes", id="half of it"
        ),
        pytest.param(
            "VAL-02", {"critical_findings_open": 1}, FAIL, "open: 1", id="a critical finding is open"
        ),
        pytest.param(
            "MON-01", {"monitoring_dimensions": ("performance",)}, FAIL, "fairness", id="little monitored"
        ),
        pytest.param(
            "OPS-01", {"rollback_target": ""}, FAIL, "no version is named", id="no way back is named"
        ),
        pytest.param(
            "OPS-01", {"rollback_target_retrievable": False}, FAIL, "cannot be fetched", id="way back is lost"
        ),
        pytest.param(
            "OPS-01", {"is_first_deployment": True, "rollback_target": None}, PASS, "", id="first, fallback"
        ),
        pytest.param(
            "OPS-01", {"is_first_deployment": True, "fallback_described": False}, FAIL, "", id="first, none"
        ),
        pytest.param(
            "RATE-01",
            {"rating_approved": False},
            FAIL,
            "No risk rating is approved",
            id="a rating by one person",
        ),
        pytest.param("RATE-01", {"rating_age_days": 365}, PASS, "", id="a rating on its last day"),
        pytest.param("RATE-01", {"rating_age_days": 366}, FAIL, "366 days", id="a rating one day too old"),
        pytest.param("RATE-02", {"ai_act_class": ""}, FAIL, "is not set", id="not classified"),
        pytest.param("RATE-02", {"ai_act_class": "prohibited"}, FAIL, "prohibited", id="a prohibited use"),
        pytest.param(
            "SOD-01", {"separation_conflicts": ("Ada is owner",)}, FAIL, "Ada is owner", id="one person twice"
        ),
        pytest.param(
            "EVD-01", {"evidence_grades": ("declared",)}, FAIL, "declared", id="only declared evidence"
        ),
        pytest.param(
            "EVD-01", {"evidence_grades": ()}, FAIL, "no document is on record", id="no evidence at all"
        ),
        pytest.param(
            "USE-01", {"consuming_units_pending": ("Leasing",)}, FAIL, "Leasing", id="a unit has not accepted"
        ),
        pytest.param(
            "FAIR-01", {"groups_worse": ("age 18 to 25",)}, FAIL, "age 18 to 25", id="a group is worse"
        ),
        pytest.param("FAIR-01", {"segment_count": 0}, NONE, "", id="no groups measured"),
        pytest.param("FAIR-01", {"segment_count": None}, NO_DATA, "number of groups", id="groups unknown"),
        pytest.param("ALT-01", {}, NONE, "", id="alternatives are not asked when all is well"),
        pytest.param(
            "ALT-01",
            {"groups_worse": ("women",), "alternatives_described": False},
            FAIL,
            "alternatives",
            id="a worse group asks for alternatives",
        ),
        pytest.param(
            "ALT-01",
            {"consuming_units_pending": ("Leasing",), "alternatives_described": False},
            FAIL,
            "alternatives",
            id="any blocking gate that fails asks for alternatives",
        ),
        pytest.param(
            "ALT-01",
            {"rehearsal_age_days": 400, "alternatives_described": False},
            NONE,
            "",
            id="a gate that only warns asks for no alternatives",
        ),
        pytest.param("TPR-01", {}, NONE, "", id="no vendor"),
        pytest.param("TPR-01", {"is_third_party": True}, NO_DATA, "vendor", id="a vendor nobody assessed"),
        pytest.param("GEN-01", {}, NONE, "", id="not generative"),
        pytest.param(
            "GEN-01",
            {
                "component_kinds": ("analytical", "generative"),
                "evaluations": ("safety",),
                "generative_gaps": (),
            },
            FAIL,
            "prompt injection",
            id="one generative component is enough to ask",
        ),
        pytest.param(
            "AGT-01",
            {"component_kinds": ("agent",), "agent_controls_missing": ("stop switch",)},
            FAIL,
            "stop switch",
            id="an agent nobody can stop",
        ),
        pytest.param(
            "INV-01", {"inventory_missing": ("limitations",)}, FAIL, "limitations", id="record incomplete"
        ),
    ],
)
def test_gates(read, gate, changed, outcome, words):
    reading = read(**changed)[gate]
    assert reading.outcome == outcome
    assert words in reading.message


@pytest.mark.parametrize("tier", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["deploy", "promote", "configuration", "resume", "retire"])
def test_about_a_change_of_which_nothing_is_known_no_gate_passes(read, kind, tier):
    readings = read(kind=kind, tier=tier, **dict.fromkeys(VOCABULARY_TYPES.keys() - {"kind", "tier"}))
    assert {reading.outcome for reading in readings.values()} == {NO_DATA}


def test_failing_gates_come_first_and_blocking_ones_before_warnings(read):
    asked = {"consuming_units_pending": ("Leasing",), "alternatives_described": True}
    readings = list(read(rehearsal_age_days=400, **asked).values())
    assert [reading.gate.id for reading in readings[:2]] == ["USE-01", "OPS-02"]
    assert [reading.blocks for reading in readings[:2]] == [True, False]


@pytest.mark.parametrize(
    ("tier", "grade", "failing"),
    [
        pytest.param(
            1, "declared", {"DOC-01", "DATA-03", "PERF-01", "FAIR-01"}, id="tier 1 rests on nothing declared"
        ),
        pytest.param(
            2, "pipeline", {"DOC-01", "DATA-03", "PERF-01", "FAIR-01"}, id="tier 2 asks for attested"
        ),
        pytest.param(2, "reproduced", set(), id="reproduced is better than attested"),
        pytest.param(
            3, "declared", {"DOC-01", "DATA-03", "PERF-01", "FAIR-01"}, id="tier 3 asks for a pipeline"
        ),
        pytest.param(3, "pipeline", set(), id="tier 3 accepts a pipeline"),
        pytest.param(4, "declared", set(), id="tier 4 accepts what is declared"),
        pytest.param(4, "", set(), id="no grade counts as declared"),
        pytest.param(2, "", {"DOC-01", "DATA-03", "PERF-01", "FAIR-01"}, id="no grade is no attestation"),
        pytest.param(
            2, "golden", {"DOC-01", "DATA-03", "PERF-01", "FAIR-01"}, id="a grade nobody knows is declared"
        ),
    ],
)
def test_evidence_below_the_grade_of_the_tier_fails(read, tier, grade, failing):
    readings = read(tier=tier, grade=grade, alternatives_described=True)
    assert {name for name, reading in readings.items() if reading.is_failing} == failing
    assert all("graded" in readings[name].message for name in failing)


def test_a_reading_shows_what_was_seen_beside_the_limit(read):
    reading = read(sections_approved=("general_description",))["DOC-01"]
    assert (reading.limit, reading.limit_number) == ("minimum 100\u202f%", 1.0)
    assert reading.observed == "5.08\u202f%"
    assert reading.observed_number == pytest.approx(3 / 59)


@pytest.mark.parametrize(
    ("gate", "changed", "words"),
    [
        pytest.param("DATA-03", {}, "no overlap", id="data that are apart"),
        pytest.param(
            "DATA-03", {"test_data_overlaps_by_date": True}, "their dates overlap", id="dates overlap"
        ),
        pytest.param("INV-01", {}, "nothing missing", id="a complete record"),
        pytest.param("INV-01", {"inventory_missing": ("a", "b")}, "2 fields missing", id="two fields"),
        pytest.param("USE-01", {}, "nobody left to accept", id="every unit accepted"),
        pytest.param("RATE-02", {}, "high risk", id="a class in words"),
        pytest.param("RATE-02", {"ai_act_class": ""}, "not classified", id="no class"),
        pytest.param("PERF-01", {}, "3 limits met", id="limits met"),
        pytest.param(
            "PERF-01", {"threshold_failures": ("auc",)}, "1 limit missed, none allowed", id="of what"
        ),
        pytest.param("PERF-01", {"threshold_set_locked": False}, "no limits locked", id="nothing to meet"),
        pytest.param("PERF-02", {}, "locked before it", id="limits that could not be fitted"),
        pytest.param("VAL-01", {}, "approved, 200 days old", id="a validation"),
        pytest.param(
            "VAL-01",
            {"validation_ended_on": "3 Mar 2026"},
            "approved, ended on 3 Mar 2026",
            id="a validation that ended",
        ),
        pytest.param("OPS-02", {"rehearsal_age_days": 298}, "298 days ago", id="a rehearsal"),
        pytest.param("OPS-02", {"rehearsal_age_days": None}, "no data", id="no rehearsal"),
        pytest.param("GOV-01", {"governance_evaluated": False}, "not evaluated", id="nobody looked"),
    ],
)
def test_what_is_observed_reads_as_the_fact(read, gate, changed, words):
    assert read(**changed)[gate].observed == words


DRAFT = {
    "metric_count": 0,
    "threshold_set_locked": False,
    "threshold_locked_before_evaluation": False,
    "threshold_count": 0,
    "segment_count": 0,
    "evidence_grades": (),
    "rating_approved": False,
    "rating_age_days": None,
    "rating_dimensions": (),
    "ai_act_class": "",
    "validation_outcome": "",
    "validation_signed": False,
    "validation_independent": False,
    "validation_age_days": None,
    "validation_components": (),
    "test_data_overlaps_by_digest": None,
    "test_data_overlaps_by_date": None,
    "monitoring_dimensions": (),
}


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("PERF-01", "No release limits are locked."),
        ("PERF-02", "No release limits are locked. No evaluation is on record."),
        ("RATE-01", "No risk rating is approved for the tier that the model has."),
        ("RATE-02", "The class under the EU AI Act is not set."),
        ("VAL-01", "No validation of this version is concluded."),
        (
            "DATA-03",
            (
                "The date ranges of test data and training data are not both on record."
                " The digests of test data and training data are not both on record."
            ),
        ),
        ("EVD-01", "No metric and no document is on record."),
    ],
)
def test_a_draft_is_told_what_is_missing_and_nothing_that_is_not_so(read, gate, message):
    assert read(**DRAFT)[gate].message == message


@pytest.mark.parametrize("fact", sorted(VOCABULARY_TYPES.keys() - {"kind", "tier"}))
def test_whatever_is_missing_no_reader_meets_the_name_of_a_fact_or_an_empty_clause(read, fact):
    every = {"is_third_party": True, "component_kinds": ("agent", "generative"), fact: None}
    for kind in ("deploy", "retire"):
        for name, reading in read(kind=kind, **every).items():
            told = f"{reading.message} {reading.observed}"
            assert not re.search(r"[a-z]_[a-z]|[{}“]|: none|no data old|\bnone\.", told), (name, told)


def test_a_gate_shows_the_lines_of_the_fact_that_it_observes(policy):
    line = Reading(label="Data sheet", observed="draft", ok=False)
    names = ("sections_approved", "sections_draft", "sections_not_applicable", "model_traits")
    observations = {name: Observed(value=(), readings=(line,), digests={"sheet": "01"}) for name in names}
    readings = evaluate_gates(
        policy,
        kind="deploy",
        tier=1,
        environment="production",
        governance="mandatory",
        observations=observations,
        types=VOCABULARY_TYPES,
    )
    (reading,) = (reading for reading in readings if reading.gate.id == "DOC-01")
    assert reading.readings == (line,)
    assert reading.digests == {"sheet": "01"}


@pytest.mark.parametrize(
    ("kind", "environment", "governance", "expected"),
    [
        pytest.param(
            "deploy", "non_production", "mandatory", {"ART-01", "SOD-01", "AGT-01"}, id="an experiment"
        ),
        pytest.param(
            "deploy",
            "production",
            "optional",
            {"ART-01", "SOD-01", "AGT-01", "GOV-02"},
            id="optional to production",
        ),
        pytest.param("retire", "production", "mandatory", {"SOD-01", "INV-01", "DEP-01"}, id="a retirement"),
        pytest.param("suspend", "production", "mandatory", set(), id="containing is not checked"),
        pytest.param(
            "rollback", "production", "mandatory", {"ART-01", "SOD-01", "PERF-01", "VAL-01"}, id="a way back"
        ),
    ],
)
def test_which_gates_a_change_meets(read, kind, environment, governance, expected):
    assert set(read(kind=kind, environment=environment, governance=governance)) == expected


def test_a_change_that_the_policy_says_nothing_about_is_blocked_and_cannot_be_waived(read):
    (reading,) = read(kind="retrain").values()
    assert reading.blocks
    assert reading.gate.never_waived
    assert "MRM-07 says nothing" in reading.message


def test_what_is_optional_never_goes_to_production(read):
    assert read(environment="production", governance="optional")["GOV-02"].blocks


def test_the_approved_way_back_is_not_blocked_by_an_expired_validation(read):
    assert not any(reading.blocks for reading in read(kind="rollback", validation_age_days=2000).values())


def test_another_target_than_the_approved_one_is_a_release(read):
    readings = read(kind="rollback", rollback_target_preapproved=False, validation_age_days=2000)
    assert readings["VAL-01"].blocks


@pytest.mark.parametrize(
    ("kind", "environment", "known", "change_class"),
    [
        pytest.param("deploy", "production", {}, ChangeClass.NORMAL, id="production takes the normal way"),
        pytest.param("deploy", "non_production", {}, ChangeClass.LIGHT, id="elsewhere it is light"),
        pytest.param("suspend", "production", {}, ChangeClass.CONTAINMENT, id="suspending contains"),
        pytest.param(
            "rollback",
            "production",
            {"rollback_target_preapproved": True},
            ChangeClass.CONTAINMENT,
            id="back",
        ),
        pytest.param(
            "rollback", "production", {"rollback_target_preapproved": False}, ChangeClass.NORMAL, id="aside"
        ),
        pytest.param(
            "rollback", "production", {}, ChangeClass.NORMAL, id="a way back nobody knows takes the long one"
        ),
    ],
)
def test_class_of_a_change(policy, kind, environment, known, change_class):
    observations = {name: Observed(value=value) for name, value in {"kind": kind, **known}.items()}
    found = class_of(
        policy, kind=kind, environment=environment, observations=observations, types=VOCABULARY_TYPES
    )
    assert found == change_class


@pytest.mark.parametrize(
    ("tier", "roles"),
    [
        (1, ["model_owner", "independent_validator", "risk_officer", "change_manager"]),
        (2, ["model_owner", "independent_validator", "change_manager"]),
        (3, ["model_owner", "change_manager"]),
        (4, ["model_owner", "independent_approver"]),
    ],
)
def test_who_signs_at_which_tier(policy, tier, roles):
    stages = stages_of(policy, change_class=ChangeClass.NORMAL, kind="deploy", tier=tier)
    assert [stage.role for stage in stages] == roles
    assert any(stage.independent and stage.decides for stage in stages)
    assert all("requester" in stage.exclusions for stage in stages)


@pytest.mark.parametrize(("tier", "hours"), [(1, 120), (2, 72), (3, 24), (4, 24)])
def test_the_hours_of_all_stages_are_the_green_band_of_the_tier(policy, tier, hours):
    assert sum(stage.sla_hours[tier] for stage in policy.stages_for(kind="deploy", tier=tier)) == hours


@pytest.mark.parametrize(
    ("approved", "draft", "excused", "score"),
    [
        pytest.param((), (), (), 0.0, id="nothing"),
        pytest.param(("*",), (), (), 1.0, id="everything"),
        pytest.param((), ("*",), (), 0.5, id="drafts count half"),
        pytest.param((), (), ("*",), 0.0, id="excusing everything is not complete"),
        # Tier 4 without a class: 5 sections of weight 2, 12 of weight 1, 3 that do not concern it.
        pytest.param(("general_description",), (), (), 2 / 22, id="two points of the tier's twenty-two"),
        pytest.param(
            ("data_sheet",), (), ("runbook_and_rollback",), 1 / 20, id="what is excused leaves the sum"
        ),
    ],
)
def test_document_score(policy, approved, draft, excused, score):
    every = frozenset(section.id for section in policy.sections)
    sets = [every if names == ("*",) else frozenset(names) for names in (approved, draft, excused)]
    found, missing = document_score(
        policy, tier=4, approved=sets[0], draft=sets[1], excused=sets[2], traits=frozenset()
    )
    assert found == pytest.approx(score)
    assert not set(missing) & (sets[0] | sets[2])


def test_a_policy_names_the_facts_it_needs_and_the_vocabulary_has_no_other(policy):
    assert needed_facts(policy, VOCABULARY_TYPES) == set(VOCABULARY_TYPES)


def test_a_policy_does_not_compile_against_facts_that_nobody_registered():
    without = {name: kind for name, kind in VOCABULARY_TYPES.items() if name != "artifact_digest"}
    with pytest.raises(Exception, match="artifact_digest"):
        parse_policy(default_policy_text(), facts=without)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "", "no data"),
        (True, "", "yes"),
        (0.975, "percent", "97.5\u202f%"),
        (1, "days", "1 day"),
        (1200, "days", "1\u202f200 days"),
        ((), "", "none"),
        (("a_b", "c"), "", "a b, c"),
        (tuple("abcdefgh"), "", "a, b, c, d, e, f and 2 more"),
        (("a", "b"), "count", "2"),
        (0.123456789012, "", "0.123457"),
        (0.79996, "", "0.79996"),
    ],
)
def test_facts_are_written_for_people(value, unit, text):
    assert fact_text(value, unit) == text


def test_only_named_facts_are_written_into_a_message():
    assert render("{a} {b.__class__} {0} {missing}", {"a": "x{b}"}) == "x{b} {b.__class__} {0} no data"
