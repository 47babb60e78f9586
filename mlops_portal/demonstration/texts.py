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

# What a gate that passes lets somebody say. Nobody says it over a gate that fails, is waived or does not apply.
CLAIMS: Mapping[str, str] = {
    "PERF-01": "the locked limits are met on data the model has not seen",
    "FAIR-01": "no group is worse off than its limit allows",
    "VAL-01": "the independent validation is in time for this tier",
    "OPS-02": "the way back was rehearsed",
    "DOC-01": "the documents are complete for the tier",
    "MON-01": "monitoring covers what the tier asks for",
    "OPS-01": "a way back is named",
    "PERF-02": "the limits were locked before anybody saw a result",
    "DEP-01": "no consumer depends on it any more",
}
OPENINGS: Mapping[str, tuple[str, ...]] = {
    "acceptance": ("I own this model and accept the request", "I accept this for the business that uses it"),
    "validation": ("I read the evidence of this version", "I compared the records with my own validation"),
    "risk": (
        "I read the validation and the comparison with what runs now",
        "I weighed what gets better and worse",
    ),
    "change": ("I checked window, plan and who goes back", "I read how it starts and how it is taken back"),
    "independent": (
        "I took no part in this and read all of it",
        "I read the request as somebody outside of it",
    ),
    "light": (
        "I read the request and where it would run",
        "I read what is tried, with whom and for how long",
    ),
}
CLOSINGS = (
    "The request names whom it concerns, what changes for them and who goes back if need be.",
    "The dossier agrees with the records that it names, and what stays open has an owner there.",
    "What it costs if it goes wrong is written down, and so is who notices it first and what they do.",
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


def finding_about(plan: Blueprint, severity: str, weakness: str) -> tuple[str, str]:
    """Return title and detail of a validation's finding; ``weakness`` is what the metrics say of the worse group."""
    segment = plan.worse or (plan.segments[0] if plan.segments else "the smallest segment")
    details = {
        "high": (
            f"Performance for {segment} is outside its limit",
            f"{weakness} Refit with more cases of {segment} and test again.",
        ),
        "medium": (
            f"Few cases of {segment} in the test data",
            f"Collect outcomes of {segment} for another quarter and test again.",
        ),
        "low": (
            "Code of one derived feature is not reviewed",
            "The derivation is right but was merged without a second reader. Review it and note the result.",
        ),
    }
    return details[severity]


def repair_about(plan: Blueprint, severity: str) -> str:
    """Return what a validator saw of the repair of a finding."""
    segment = plan.segments[0] if plan.segments else "the smallest segment"
    if severity == "low":
        return "A second developer reviewed the derivation; the note stands beside the code."
    return f"Another quarter of outcomes of {segment} was collected and read by the validator."


def condition_about(plan: Blueprint) -> tuple[str, str]:
    """Return what a validator asks for, and the evidence wanted, of a version that is worse for one group."""
    return (
        f"Report the performance for {plan.worse} every month beside that of the version before it.",
        f"Three monthly reports for {plan.worse}, in the documents of the version",
    )
