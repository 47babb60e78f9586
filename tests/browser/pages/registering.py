"""What a developer and an owner enter for a new model of the highest tier: as few fields as the policy allows."""

from pathlib import Path

from tests.browser.pages.visitor import Visitor

RECORD = {
    "unit": "Retail Lending",
    "kind": "Analytical",
    "use_case": "Credit risk",
    "owner": "Hanne Moller",
    "developer": "Tomas Reyl",
    "validator": "Samuel Osei",
    "accountable_executive": "Jonas Ekman",
    "description": "Estimates the probability that an instalment loan is not repaid within a year.",
    "objective": "Fewer defaults at the same rate of approval.",
    "intended_use": "Applications of private customers for instalment loans.",
    "prohibited_uses": "Collections and pricing.",
    "assumptions": "Stated income is checked before disbursement.",
    "limitations": "Not built for companies.",
    "is_production_critical": "Yes",
    "is_model_decision": "Yes",
    "is_model_rationale": "A quantitative method whose score decides on credit.",
    "primary_metric": "AUC",
}
ANSWERS = {
    "financial_exposure": "very_high",
    "reach": "many",
    "business_purpose": "customer_decisions",
    "regulated": "supervised",
    "method": "ensemble",
    "change_rate": "scheduled",
    "data_known": "documented",
    "personal_data": "personal",
    "human_in_loop": "samples",
    "acts": "answers_only",
    "affects_people": "access",
    "contestable": "by_a_person",
    "explainable": "reasons",
}
PLAN = (
    ("AUC against last quarter", "performance"),
    ("PSI of stated income", "data_drift"),
    ("PSI of the score", "prediction_drift"),
    ("Share of failed calls", "service_health"),
    ("Approval ratio of applicants under 25", "fairness"),
)


def register_model(visitor: Visitor, *, name: str, title: str) -> str:
    """Register a model; return the address of its page."""
    visitor.open("/models/register/").fill(name=name, title=title, **RECORD).press("Register model")
    return visitor.path


def rate_and_limit(visitor: Visitor, model: str) -> None:
    """Answer the questionnaire, propose limits and save the monitoring plan."""
    visitor.open(f"{model}rate/")
    visitor.fill(**{f"answer-{question}": answer for question, answer in ANSWERS.items()})
    visitor.fill(
        eu_ai_class="Minimal",
        eu_ai_class_rationale="A person decides.",
        rationale="Answered with the credit desk.",
    ).press("Propose the rating")
    visitor.open(f"{model}limits/propose/")
    visitor.fill(**{"code-0": "AUC", "title-0": "AUC", "metric-0": "AUC", "release-0": "0.75"})
    visitor.fill(rationale="Below this the desk earns less than with the earlier rules.").press(
        "Propose the limits"
    )
    plan_monitoring(visitor, model)


def plan_monitoring(visitor: Visitor, model: str) -> None:
    """Write what is watched, a row for each dimension that the tier asks for."""
    visitor.open(f"{model}monitoring-plan/")
    while visitor.page.locator(f"#main [name='measures-{len(PLAN) - 1}-measure']").count() == 0:
        visitor.press("Add rows")
    for number, (measure, dimension) in enumerate(PLAN):
        row = {
            "measure": measure,
            "dimension": dimension,
            "watch": "0.10",
            "act": "0.20",
            "cadence_hours": "24",
        }
        row["route"] = "on call of the lending platform"
        visitor.fill(**{f"measures-{number}-{name}": value for name, value in row.items()})
    visitor.fill(owner="Hanne Moller").press("Save the plan")


def register_version(visitor: Visitor, model: str, *, digest: str) -> str:
    """Register a version with its metric and its data; return the address of its page."""
    visitor.open(f"{model}versions/register/")
    visitor.fill(label="1.0.0", source="s3://aldermoor-models/instalment", artifact_sha256=digest)
    visitor.press("Register version")
    version = visitor.path
    visitor.open(f"{version}metric/").fill(name="AUC", value="0.812", n="12400", suite="performance")
    visitor.press("Record the value")
    for role, first, last, sign in (
        ("Training", "2023-01-01", "2024-12-31", "d"),
        ("Test", "2025-01-01", "2025-12-31", "e"),
    ):
        visitor.open(f"{version}dataset/").fill(
            name=f"instalment {role.lower()} {digest[:6]}", role=role, digest=sign * 64, rows="180000",
            from_on=first, to_on=last, source="warehouse.lending.applications",
        )  # fmt: skip
        visitor.press("Add data set")
    return version


def write_documents(visitor: Visitor, model: str, file: Path) -> str:
    """Upload a document for the newest version and write every section that the policy lists; return its address."""
    visitor.open(f"{model}documents/add/").fill(
        kind="Model card", title="Model documentation", upload=str(file)
    )
    visitor.press("Add document")
    visitor.follow("Model documentation")
    document = visitor.path
    visitor.follow("Write sections")
    for area in visitor.page.locator("#main textarea[name^='section-']").all():
        area.fill("Written by the developer and read by the owner; the annex holds the tables.")
    visitor.press("Save the sections")
    return document
