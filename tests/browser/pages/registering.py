"""What a developer and an owner enter for a new model of the highest tier: as few fields as the policy allows."""

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
    "regimes": "EU AI Act",
    "eu_role": "provider",
    "annex_iii_point": "5(b), creditworthiness",
    "eu_db_registration_id": "EU-2026-0001",
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
    "AUC against last quarter",
    "PSI of stated income",
    "PSI of the score",
    "Share of failed calls",
    "Approval ratio of applicants under 25",
)


def register_model(visitor: Visitor, *, name: str, title: str) -> str:
    """Register a model; return the address of its page."""
    visitor.open("/models/register/").fill(name=name, title=title, **RECORD).press("Register model")
    model = visitor.path
    visitor.open(f"{model}lineage/").follow("Add a consumer").fill(name="Lending desk").press("Add consumer")
    return model


def rate_and_limit(visitor: Visitor, model: str) -> None:
    """Answer the questionnaire, propose limits and save the monitoring plan."""
    visitor.open(f"{model}rate/")
    visitor.fill(**{f"answer-{question}": answer for question, answer in ANSWERS.items()})
    visitor.fill(
        eu_ai_class="High risk",
        eu_ai_class_rationale="It decides on access to credit.",
        rationale="Answered with the credit desk.",
    ).press("Propose the rating")
    visitor.open(f"{model}limits/propose/")
    limit = {"code": "AUC", "metric": "AUC", "direction": "at least", "release": "0.75"}
    visitor.fill(**{f"limits-0-{name}": value for name, value in limit.items()})
    visitor.fill(rationale="Below this the desk earns less than with the earlier rules.").press(
        "Propose the limits"
    )
    plan_monitoring(visitor, model)


def plan_monitoring(visitor: Visitor, model: str) -> None:
    """Write what is watched into the rows that the page starts with, one for each dimension that the tier needs."""
    visitor.open(f"{model}monitoring-plan/")
    for number, measure in enumerate(PLAN):
        row = {"measure": measure, "watch": "0.10", "act": "0.20", "cadence_hours": "24"}
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


def write_documents(visitor: Visitor, model: str) -> str:
    """Start a document of the newest version and write every section that the policy lists; return its address."""
    visitor.open(f"{model}documents/add/").fill(kind="Model card", title="Model documentation")
    visitor.press("Add document")
    document = visitor.path.removesuffix("section/")
    for area in visitor.page.locator("#main textarea[name^='section-']").all():
        area.fill("Written by the developer and read by the owner; the annex holds the tables.")
    visitor.press("Save the sections")
    return document
