"""Answers to the questionnaire of inherent risk that lead to a tier."""

from collections.abc import Mapping

from mlops_portal.demonstration.blueprint import Blueprint

LOW = {
    "financial_exposure": "negligible",
    "reach": "few",
    "business_purpose": "internal_efficiency",
    "regulated": "none",
    "method": "linear",
    "change_rate": "fixed",
    "data_known": "documented",
    "personal_data": "none",
    "human_in_loop": "decides",
    "acts": "answers_only",
    "affects_people": "nobody",
    "explainable": "fully",
}
MODERATE = {
    **LOW,
    "financial_exposure": "limited",
    "reach": "hundreds",
    "business_purpose": "operations",
    "regulated": "general",
    "method": "ensemble",
    "change_rate": "scheduled",
    "human_in_loop": "confirms",
    "affects_people": "indirectly",
    "explainable": "reasons",
}
CONSIDERABLE = {
    **MODERATE,
    "financial_exposure": "high",
    "reach": "many",
    "business_purpose": "customer_decisions",
    "regulated": "sector",
    "personal_data": "personal",
    "affects_people": "service",
    "contestable": "by_a_person",
}
HIGHEST = {
    **CONSIDERABLE,
    "financial_exposure": "very_high",
    "regulated": "supervised",
    "human_in_loop": "samples",
    "affects_people": "access",
}
SAFETY = {
    **HIGHEST,
    "business_purpose": "regulatory_or_safety",
    "affects_people": "safety",
    "personal_data": "none",
}
ACTING = {
    "acts": "acts",
    "can_spend": "below_limit",
    "stop_switch": "exercised",
    "human_in_loop": "samples",
    "method": "foundation",
    "explainable": "roughly",
}


def answers_for(plan: Blueprint, tier: int) -> Mapping[str, str]:
    """Return answers that rate ``plan`` as ``tier``."""
    answers = {1: HIGHEST, 2: CONSIDERABLE, 3: MODERATE, 4: LOW}[tier]
    if tier == 1 and plan.use_case in ("visual_inspection", "predictive_maintenance"):
        answers = SAFETY
    if plan.kind == "agent" and tier <= 2:
        answers = {**(HIGHEST if tier == 1 else MODERATE), **ACTING}
    elif plan.kind == "generative":
        answers = {**answers, "method": "foundation" if tier <= 3 else "deep", "explainable": "roughly"}
    return answers
