"""The facts that the shipped policy speaks about. Whoever owns the records registers a resolver for each of
`VOCABULARY`; `DERIVED_TYPES` are worked out from those and from the policy itself (`approvals.policy.gates`).
"""

from approvals.facts import Declaration, FactType

B, I, S, L = FactType.BOOL, FactType.INT, FactType.STRING, FactType.STRINGS  # noqa: E741  (a table reads better)


def _fact(name: str, fact_type: FactType, label: str, *, is_live: bool = False) -> Declaration:
    return Declaration(name=name, type=fact_type, label=label, is_live=is_live)


VOCABULARY: tuple[Declaration, ...] = (
    # The change itself
    _fact("kind", S, "Kind of change: deploy, promote, rollback, configuration, suspend, resume, retire"),
    _fact("tier", I, "Inherent risk tier, 1 highest to 4"),
    _fact("is_production", B, "Whether the environment is production"),
    _fact("is_first_deployment", B, "Whether no version ran in this environment before"),
    _fact("component_kinds", L, "Kinds of the model's components: analytical, generative, agent"),
    _fact("is_third_party", B, "Whether the model or its base model comes from a vendor"),
    _fact("model_traits", L, "AI Act class and traits that documents depend on, such as affects_persons"),
    _fact("separation_conflicts", L, "People who would act in two roles that must be different people"),
    _fact("alternatives_described", B, "Whether the request describes alternatives with metrics and reasons"),
    # Inventory, owners, rating, governance
    _fact(
        "inventory_missing",
        L,
        "Mandatory fields of the inventory record that are empty or not attested in time",
    ),
    _fact("owners_problems", L, "Accountable people who are missing, inactive or not distinct"),
    _fact("rating_approved", B, "Whether the risk rating is approved by a second person"),
    _fact("rating_age_days", I, "Days since the approved rating was made", is_live=True),
    _fact("rating_dimensions", L, "Dimensions that the approved rating answers"),
    _fact("ai_act_class", S, "Class under the EU AI Act"),
    _fact(
        "governance_evaluated", B, "Whether applicability of governance was evaluated for this environment"
    ),
    _fact("governance_missing", L, "What mandatory governance still lacks"),
    _fact("consuming_units_pending", L, "Consuming units that have not accepted the use"),
    # Version: artifact, data, metrics, documents
    _fact("artifact_digest", S, "SHA-256 of the artifact, or of the bundle that configures a hosted model"),
    _fact(
        "lineage_gaps", L, "Training and evaluation data without source, date range, digest or quality result"
    ),
    _fact("test_data_overlaps_by_digest", B, "Whether test data and training data share a digest"),
    _fact("test_data_overlaps_by_date", B, "Whether the dates of test data and training data overlap"),
    _fact("metric_count", I, "Metrics on record for the version"),
    _fact("threshold_set_locked", B, "Whether the version has an approved, locked threshold set"),
    _fact("threshold_locked_before_evaluation", B, "Whether the set was locked before the evaluation began"),
    _fact("threshold_count", I, "Number of release limits in the locked set"),
    _fact("threshold_failures", L, "Metrics outside their release limit"),
    _fact("thresholds_without_metric", L, "Release limits for which the version has no metric"),
    _fact("segment_count", I, "Number of groups for which metrics exist"),
    _fact("groups_worse", L, "Groups outside their limit, or worse than in the version in production"),
    _fact("evidence_grades", L, "Grades of the metrics and documents that the request rests on"),
    _fact("sections_approved", L, "Sections of the documentation that are approved and current"),
    _fact("sections_draft", L, "Sections that are drafts or older than the version"),
    _fact("sections_not_applicable", L, "Sections declared inapplicable with a reason and an approver"),
    # Validation
    _fact("validation_outcome", S, "Outcome of the latest concluded validation of this version"),
    _fact("validation_signed", B, "Whether the validation is signed and its digest still matches"),
    _fact(
        "validation_independent", B, "Whether validator, developers, owner and requester are different people"
    ),
    _fact("validation_age_days", I, "Days since the validation was concluded", is_live=True),
    _fact("validation_ended_on", S, "Day on which the validation ended; empty while it holds", is_live=True),
    _fact("validation_components", L, "Components that the validation covers"),
    _fact("critical_findings_open", I, "Open critical validation findings on this version", is_live=True),
    # Operation
    _fact("monitoring_dimensions", L, "Dimensions with a planned monitor, threshold, owner and alert route"),
    _fact("rollback_target", S, "Version to return to"),
    _fact("rollback_target_retrievable", B, "Whether the artifact of the rollback target can be fetched"),
    _fact(
        "rollback_target_preapproved", B, "Whether the target is the approved way back of the running release"
    ),
    _fact("fallback_described", B, "Whether a manual fallback is described"),
    _fact("rehearsal_age_days", I, "Days since a rollback was last rehearsed with success", is_live=True),
    _fact(
        "dependents_incompatible",
        L,
        "Dependents whose expected inputs or outputs the version no longer serves",
    ),
    _fact("consumers_unconfirmed", L, "Consumers that have not confirmed that they left"),
    _fact("environments_serving", L, "Environments in which the model still serves"),
    _fact("documents_archived", B, "Whether the documents are archived for the retention period"),
    # Vendors, generative models, agents
    _fact("vendor_assessment_age_days", I, "Days since the vendor assessment was approved", is_live=True),
    _fact(
        "vendor_gaps", L, "What the vendor file lacks: documentation, own tests, pinned version, exit plan"
    ),
    _fact("licence_cleared", B, "Whether the licence allows the intended use"),
    _fact("evaluations", L, "Suites with a recorded result for this version"),
    _fact("generative_gaps", L, "Base model, base model version, prompt or guardrails that are not recorded"),
    _fact(
        "agent_controls_missing",
        L,
        "Autonomy level, tool list, spending and rate limits, stop switch, hand-over",
    ),
)
DERIVED_TYPES: dict[str, FactType] = {
    "document_score": FactType.DOUBLE,
    "documents_missing": L,
    "limit_document_score": FactType.DOUBLE,
    "limit_validation_age_days": I,
    "limit_rating_age_days": I,
    "limit_vendor_age_days": I,
    "limit_rehearsal_age_days": I,
    "required_validation_components": L,
    "required_monitoring_dimensions": L,
    "required_rating_dimensions": L,
    "required_evaluations": L,
    "accepted_grades": L,
    "blocking_gates_failing": L,
}
LABELS: dict[str, str] = {
    **{declaration.name: declaration.label for declaration in VOCABULARY},
    "document_score": "How complete the documents are",
    "documents_missing": "Which sections of the documents are missing",
    "blocking_gates_failing": "Which other blocking gates fail",
}
VOCABULARY_TYPES: dict[str, FactType] = {declaration.name: declaration.type for declaration in VOCABULARY}
