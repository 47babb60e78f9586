"""Sentences of the story."""

from collections.abc import Mapping

from mlops_portal.demonstration.blueprint import Blueprint

SECTIONS: Mapping[str, str] = {
    "general_description": "{title} {label}. {does}",
    "intended_purpose_and_users": "Used by trained staff and by the applications named as consumers. Not for any other purpose.",
    "version_history": "{label} replaces the version before it; what changed is listed on the comparison page.",
    "architecture_and_logic": "Inputs are checked, missing values are flagged, the score is computed and calibrated, reasons are attached.",
    "design_choices_and_assumptions": "Simple structure before small gains; monotone where experts expect it; no proxies of protected traits.",
    "compute_resources": "Training: 8 cores for 3 hours. Serving: 2 replicas with 2 cores each.",
    "data_sheet": "Sources, period, filters, known gaps and retention are stated; training and test periods do not overlap.",
    "human_oversight_measures": "Staff see score and reasons, may overrule with a reason, and every fortieth case is reviewed.",
    "predetermined_changes": "Quarterly retraining on the same features within the locked limits is foreseen; all else is a new request.",
    "validation_and_test_reports": "Out-of-time tests, stability, sensitivity and stress; results with intervals and code.",
    "cybersecurity_measures": "The image is scanned and signed; inputs are bounded; secrets come from the vault.",
    "performance_and_limits": "Performance overall and by segment with intervals, the limits it was judged by, and where it is weak.",
    "group_performance": "Performance and decision rates by group, with the smallest groups named and their uncertainty.",
    "metric_rationale": "The primary measure follows from the loss of the business; calibration matters because amounts are derived.",
    "risk_management_file": "Hazards, who is affected, how likely, what was done, what remains and who accepted it. Tier {tier}.",
    "lifecycle_changes": "All changes since the first release with their requests, decisions and reasons.",
    "standards_applied": "ISO/IEC 42001 and the group's model risk standard; harmonised standards once they are cited.",
    "declaration_of_conformity": "Prepared for the date from which the duty applies; signed by the accountable executive.",
    "monitoring_plan": "Measures, cadence, watch and act limits, who is called, and how drift starts a retraining.",
    "runbook_and_rollback": "How to tell that it is wrong, how to return to the version before, whom to call, how long it takes.",
}

RATIONALES = (
    (
        "The locked limits are met on data the model has not seen, no group is worse off, and the way back was tried; "
        "remaining drift is watched daily and has an owner."
    ),
    (
        "I read the validation and the comparison with the version in production. The gain is stable over the test months, "
        "the traffic plan is careful and the fallback is tested."
    ),
    (
        "Evidence is complete and reproduced. The change stays inside what was validated, consumers were told, and the "
        "monitoring plan covers the segments where the margin is thin."
    ),
    (
        "The request says plainly what gets better and what gets worse. Limits hold with room, reasons stay explainable, and "
        "operations confirmed the window and the way back."
    ),
)
REJECTIONS = (
    (
        "The gain rests on the last two test months; over the whole period it is within noise. The fallback is not described "
        "well enough to be used at night by somebody who does not know the model."
    ),
)
ACCEPTED = (
    "Accepted for this version only and not beyond its end: the team is on call day and night until the fallback is "
    "written, and the calling application can be switched within minutes."
)
PURPOSES = (
    "Retrained on newer data: the population moved and the version in production slowly loses sharpness.",
    "Adds features that were validated in the last quarter and removes one whose source ends this year.",
    "Better calibration for small segments, asked for by the consuming application.",
    "Quarterly retraining as foreseen in the documentation, with the same features and limits.",
)


def rationale(step: int) -> str:
    """Return a rationale long enough for every tier."""
    return RATIONALES[step % len(RATIONALES)]


def purpose(step: int) -> str:
    """Return what a release is for."""
    if step == 0:
        return "First release: the rules in use today are slower and miss more."
    return PURPOSES[step % len(PURPOSES)]


def challenge_about(plan: Blueprint) -> tuple[str, str]:
    """Return a validator's question and the developers' answer."""
    feature = plan.features[0] if plan.features else "the prompt"
    return (
        f"How does {plan.primary.name} move when {feature} is missing for a tenth of the cases?",
        (
            f"It moves by less than a third of its margin. The run is repeatable; missing values of {feature} are flagged "
            "and the share is watched with an act limit."
        ),
    )


def finding_about(plan: Blueprint, severity: str) -> tuple[str, str]:
    """Return title and detail of a validation's finding."""
    segment = plan.segments[0] if plan.segments else "the smallest segment"
    details = {
        "high": (
            f"Performance for {segment} is below its limit",
            f"The difference for {segment} does not come from chance. A refit without the newest feature closes most of it.",
        ),
        "medium": (
            f"Few cases of {segment} in the test data",
            f"The interval for {segment} is wide. Collect outcomes for another quarter and test again.",
        ),
        "low": (
            "Code of one derived feature is not reviewed",
            "The derivation is right but was merged without a second reader. Review it and note the result.",
        ),
    }
    return details[severity]
