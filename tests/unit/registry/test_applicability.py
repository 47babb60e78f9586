"""Whether governance is mandatory, and how far a model is adopted (RULES 2.1 to 2.4)."""

import pytest

from registry.applicability import GovernanceFacts, adoption, applicability
from registry.states import AdoptionStage, Governance

MANDATORY, OPTIONAL = Governance.MANDATORY, Governance.OPTIONAL


@pytest.mark.parametrize(
    ("facts", "governance", "on_evidence", "words"),
    [
        pytest.param({}, MANDATORY, False, "Nothing is declared", id="nothing known is mandatory"),
        pytest.param(
            {"production_environments": ("eu-west",)}, MANDATORY, True, "eu-west", id="it runs in production"
        ),
        pytest.param({"regimes": ("SR 26-2",)}, MANDATORY, True, "SR 26-2", id="it is regulated"),
        pytest.param(
            {"eu_ai_class": "high_risk"}, MANDATORY, True, "high risk", id="the AI Act calls it high risk"
        ),
        pytest.param(
            {"consuming_units": ("Cards", "Leasing")}, MANDATORY, True, "2 business units", id="two units"
        ),
        pytest.param(
            {"consumers": tuple("abcde")}, MANDATORY, True, "5 applications", id="five applications"
        ),
        pytest.param(
            {"decisions_per_day": 10_000}, MANDATORY, True, "10\u202f000 decisions", id="many decisions"
        ),
        pytest.param(
            {"is_production_critical": True}, MANDATORY, False, "production-critical", id="declared critical"
        ),
        pytest.param(
            {"is_enterprise_scale": True}, MANDATORY, False, "enterprise scale", id="declared of that scale"
        ),
        pytest.param(
            {"is_proof_of_concept": True}, OPTIONAL, False, "proof of concept", id="a proof of concept"
        ),
        pytest.param({"is_exploratory": True}, OPTIONAL, False, "exploratory", id="exploratory"),
        pytest.param(
            {"is_production_critical": False}, OPTIONAL, False, "not critical", id="declared not critical"
        ),
        pytest.param(
            {"is_proof_of_concept": True, "is_production_critical": True},
            MANDATORY,
            False,
            "production-critical",
            id="of two declarations the stricter one counts",
        ),
        pytest.param(
            {"is_proof_of_concept": True, "decisions_per_day": 50, "consumers": ("notebook",)},
            OPTIONAL,
            False,
            "Nothing observed says otherwise",
            id="little use does not end an experiment",
        ),
        pytest.param(
            {"is_proof_of_concept": False}, MANDATORY, False, "Nothing is declared", id="a no says nothing"
        ),
    ],
)
def test_applicability(facts, governance, on_evidence, words):
    found = applicability(GovernanceFacts(**facts))
    assert (found.governance, found.rests_on_evidence) == (governance, on_evidence)
    assert words in " ".join(found.rationale)
    assert found.contradictions == ()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        pytest.param(
            {"is_proof_of_concept": True, "production_environments": ("eu",)},
            "proof of concept and runs",
            id="poc",
        ),
        pytest.param(
            {"is_exploratory": True, "production_environments": ("eu",)},
            "exploratory and runs",
            id="exploring",
        ),
        pytest.param(
            {"is_production_critical": False, "regimes": ("SR 26-2",)},
            "not critical and is",
            id="not critical",
        ),
        pytest.param(
            {"is_enterprise_scale": False, "decisions_per_day": 20_000},
            "20\u202f000 decisions",
            id="not that large",
        ),
        pytest.param(
            {"is_exploratory": True, "regimes": ("GDPR",)},
            "experiment and is regulated: GDPR",
            id="regulated",
        ),
    ],
)
def test_evidence_beats_a_declaration_and_says_so(facts, words):
    found = applicability(GovernanceFacts(**facts))
    assert (found.governance, found.rests_on_evidence) == (MANDATORY, True)
    assert words in " ".join(found.contradictions)


@pytest.mark.parametrize(
    ("facts", "stage", "words"),
    [
        pytest.param(
            {}, AdoptionStage.EXPERIMENTATION, "or 2 consuming units end experimentation", id="nothing yet"
        ),
        pytest.param(
            {"has_objective": True, "consumers": ("app",)},
            AdoptionStage.EXPERIMENTATION,
            "production",
            id="not released",
        ),
        pytest.param(
            {"production_environments": ("eu",)},
            AdoptionStage.SCALE_OUT,
            "(eu), which ends experimentation; no other unit uses it yet.",
            id="first release",
        ),
        pytest.param(
            {"production_environments": ("eu",), "consuming_units": ("Plant",)},
            AdoptionStage.SCALE_OUT,
            "of other units, only Plant uses it yet.",
            id="a first other unit",
        ),
        pytest.param(
            {"consuming_units": ("A", "B")}, AdoptionStage.SCALE_OUT, "2 business units", id="several units"
        ),
        pytest.param(
            {"production_environments": ("eu", "us"), "has_objective": True, "consumers": ("app",)},
            AdoptionStage.INDUSTRIALISATION,
            "2 production environments",
            id="the same way in two environments",
        ),
        pytest.param(
            {"production_environments": ("eu", "us"), "consumers": ("app",)},
            AdoptionStage.SCALE_OUT,
            "eu, us",
            id="two environments without an objective",
        ),
        pytest.param(
            {"production_environments": ("eu",), "regimes": ("SR 26-2",)},
            AdoptionStage.REGULATED_PRODUCTION,
            "under SR 26-2",
            id="production under a regime",
        ),
        pytest.param(
            {"regimes": ("SR 26-2",)},
            AdoptionStage.EXPERIMENTATION,
            "production",
            id="a regime is no production",
        ),
    ],
)
def test_adoption(facts, stage, words):
    found = adoption(GovernanceFacts(**facts))
    assert found.stage == stage
    assert words in found.reason
