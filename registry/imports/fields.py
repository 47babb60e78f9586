"""Which fields of a model an inventory may set, what they hold, and the words people use for them.

Ratings (tier, EU AI Act class, materiality), adoption stage and applicability are missing on purpose: two people
rate, and the portal computes the rest. Columns of that kind stay visible as custom fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from registry.states import INVENTORY_KINDS, LifecycleState, Origin, UseCase

TEXT, CHOICE, BOOLEAN, INTEGER, NUMBER, DATE, INSTANT, WORDS, PERSON = (
    "text", "choice", "boolean", "integer", "number", "date", "instant", "words", "person",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImportField:
    """One field that a mapping may fill."""

    name: str
    label: str
    type: str = TEXT
    max_length: int = 0
    choices: tuple[tuple[str, str], ...] = ()  # value and the word for it, either may stand in a file
    synonyms: tuple[str, ...] = ()


def _named(*fields: ImportField) -> Mapping[str, ImportField]:
    return {field.name: field for field in fields}


FIELDS = _named(
    ImportField("name", "Name", max_length=256, synonyms=("model name", "use case name", "tool name", "algorithm", "naam")),
    ImportField("title", "Title", max_length=256, synonyms=("display name", "titel")),
    ImportField("description", "Description", synonyms=("summary", "system outputs", "omschrijving", "outputs")),
    ImportField("kind", "Kind", CHOICE, choices=tuple((kind.value, kind.label) for kind in INVENTORY_KINDS),
                synonyms=("model type", "model kind", "ai classification", "classification")),
    ImportField("use_case", "Use case", CHOICE, choices=tuple(UseCase.choices), synonyms=("topic area", "use case topic area")),
    ImportField("lifecycle_state", "Lifecycle state", CHOICE, choices=tuple(LifecycleState.choices),
                synonyms=("status", "stage", "stage of development", "development stage", "lifecycle", "phase")),
    ImportField("owner", "Owner", PERSON, synonyms=("model owner", "business owner", "owner email", "eigenaar")),
    ImportField("developer", "Developer", PERSON, synonyms=("model developer", "developer email")),
    ImportField("objective", "Business objective",
                synonyms=("purpose", "intended purpose", "problem solved", "doel", "business objective")),
    ImportField("benefit", "Benefit", synonyms=("benefits", "expected benefits")),
    ImportField("intended_use", "Intended use", synonyms=("intended uses",)),
    ImportField("prohibited_uses", "Prohibited uses", synonyms=("out of scope uses",)),
    ImportField("assumptions", "Assumptions"),
    ImportField("limitations", "Limitations", synonyms=("limits", "known limitations")),
    ImportField("origin", "Origin", CHOICE, choices=tuple(Origin.choices), synonyms=("contracting usage", "built or bought")),
    ImportField("vendor", "Vendor", max_length=160, synonyms=("vendor name", "supplier", "leverancier")),
    ImportField("vendor_version", "Vendor's version", max_length=80),
    ImportField("contract_ref", "Contract", max_length=160, synonyms=("contract", "contract reference", "piid")),
    ImportField("is_production_critical", "Critical in production", BOOLEAN, synonyms=("critical", "production critical")),
    ImportField("is_enterprise_scale", "Used across the enterprise", BOOLEAN, synonyms=("enterprise scale",)),
    ImportField("is_proof_of_concept", "Proof of concept", BOOLEAN, synonyms=("poc", "proof of concept", "pilot")),
    ImportField("is_exploratory", "Exploratory", BOOLEAN, synonyms=("exploratory",)),
    ImportField("decisions_per_day", "Decisions a day", INTEGER, synonyms=("decisions per day", "volume")),
    ImportField("regimes", "Regulatory regimes", WORDS, synonyms=("regulations", "regimes")),
    ImportField("interacts_with_people", "Interacts with people", BOOLEAN, synonyms=("public facing",)),
    ImportField("generates_content", "Generates content", BOOLEAN),
    ImportField("intake_submitted_at", "Intake submitted", INSTANT, synonyms=("date initiated", "geregistreerd")),
    ImportField("next_review_on", "Next review", DATE, synonyms=("next review date", "review date", "review due")),
    ImportField("retired_at", "Retired", INSTANT, synonyms=("date retired", "retirement date")),
    ImportField("retirement_reason", "Reason of retirement"),
    ImportField("primary_metric", "Primary metric", max_length=120),
)  # fmt: skip

COMPUTED_OR_RATED = {
    "tier": "the tier is proposed by one person of the second line and approved by another",
    "eu_ai_class": "the EU AI Act class is proposed by one person of the second line and approved by another",
    "governance": "applicability is computed from evidence",
    "adoption_stage": "the adoption stage is computed",
}
