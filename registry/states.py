"""Words and states of the registry. Pure data."""

from collections.abc import Mapping

from django.db.models import IntegerChoices, TextChoices


class ModelKind(TextChoices):
    """What a model is. Prompts arrive through the MLflow protocol and stay out of the inventory by default."""

    ANALYTICAL = "analytical", "Analytical"
    GENERATIVE = "generative", "Generative"
    AGENT = "agent", "Agent"
    PROMPT = "prompt", "Prompt"


INVENTORY_KINDS = (ModelKind.ANALYTICAL, ModelKind.GENERATIVE, ModelKind.AGENT)


class LifecycleState(TextChoices):
    """Where a model stands."""

    DRAFT = "draft", "Draft"
    REGISTERED = "registered", "Registered"
    IN_VALIDATION = "in_validation", "In validation"
    APPROVED = "approved", "Approved"
    IN_PRODUCTION = "in_production", "In production"
    SUSPENDED = "suspended", "Suspended"
    RETIRED = "retired", "Retired"
    REJECTED = "rejected", "Rejected"


LIFECYCLE_TRANSITIONS: Mapping[LifecycleState, frozenset[LifecycleState]] = {
    LifecycleState.DRAFT: frozenset({LifecycleState.REGISTERED, LifecycleState.REJECTED}),
    LifecycleState.REGISTERED: frozenset(
        {
            LifecycleState.IN_VALIDATION,
            LifecycleState.APPROVED,
            LifecycleState.IN_PRODUCTION,
            LifecycleState.RETIRED,
            LifecycleState.REJECTED,
        }
    ),
    LifecycleState.IN_VALIDATION: frozenset(
        {
            LifecycleState.REGISTERED,
            LifecycleState.APPROVED,
            LifecycleState.IN_PRODUCTION,
            LifecycleState.REJECTED,
        }
    ),
    LifecycleState.APPROVED: frozenset(
        {LifecycleState.IN_PRODUCTION, LifecycleState.REGISTERED, LifecycleState.RETIRED}
    ),
    LifecycleState.IN_PRODUCTION: frozenset(
        {LifecycleState.SUSPENDED, LifecycleState.RETIRED, LifecycleState.REGISTERED}
    ),
    LifecycleState.SUSPENDED: frozenset({LifecycleState.IN_PRODUCTION, LifecycleState.RETIRED}),
    LifecycleState.RETIRED: frozenset(),
    LifecycleState.REJECTED: frozenset({LifecycleState.REGISTERED}),
}


class UseCase(TextChoices):
    """What a model is used for."""

    FRAUD_DETECTION = "fraud_detection", "Fraud detection"
    PREDICTIVE_MAINTENANCE = "predictive_maintenance", "Predictive maintenance"
    PERSONALISATION = "personalisation", "Personalisation"
    CONTENT_GENERATION = "content_generation", "Content generation"
    CREDIT_RISK = "credit_risk", "Credit risk"
    FORECASTING = "forecasting", "Forecasting"
    VISUAL_INSPECTION = "visual_inspection", "Visual inspection"
    ASSISTANCE = "assistance", "Assistance"
    OTHER = "other", "Other"


class Origin(TextChoices):
    """Who made a model."""

    IN_HOUSE = "in_house", "In house"
    THIRD_PARTY = "third_party", "Third party"


# What a record holds where nobody stated it: such a field is named in `RegisteredModel.unstated` until somebody does.
DEFAULTS_IF_UNSTATED: Mapping[str, str] = {
    "kind": ModelKind.ANALYTICAL,
    "origin": Origin.IN_HOUSE,
    "lifecycle_state": LifecycleState.REGISTERED,
}


class Governance(TextChoices):
    """Whether governance is mandatory (RULES 2)."""

    MANDATORY = "mandatory", "Mandatory"
    OPTIONAL = "optional", "Optional"


class AdoptionStage(TextChoices):
    """How far a model is adopted; computed, never declared (RULES 2.4)."""

    EXPERIMENTATION = "experimentation", "Experimentation"
    SCALE_OUT = "scale_out", "Scale-out"
    INDUSTRIALISATION = "industrialisation", "Industrialisation"
    REGULATED_PRODUCTION = "regulated_production", "Regulated production"


class Tier(IntegerChoices):
    """Inherent risk tier, 1 highest."""

    ONE = 1, "Tier 1"
    TWO = 2, "Tier 2"
    THREE = 3, "Tier 3"
    FOUR = 4, "Tier 4"


class EuAiClass(TextChoices):
    """Class under the EU AI Act."""

    UNKNOWN = "", "Not classified"
    PROHIBITED = "prohibited", "Prohibited"
    HIGH_RISK = "high_risk", "High risk"
    TRANSPARENCY_ONLY = "transparency_only", "Transparency only"
    MINIMAL = "minimal", "Minimal"
    OUT_OF_SCOPE = "out_of_scope", "Out of scope"


class Grade(TextChoices):
    """How much a piece of evidence can be relied on, weakest first (RULES 3.1)."""

    DECLARED = "declared", "Declared"
    PIPELINE = "pipeline", "Pipeline"
    ATTESTED = "attested", "Attested"
    REPRODUCED = "reproduced", "Reproduced"


GRADE_ORDER = {grade: place for place, grade in enumerate(Grade)}


class RegistryStatus(TextChoices):
    """Status of a version in the words of the MLflow protocol."""

    PENDING = "PENDING_REGISTRATION", "Pending"
    FAILED = "FAILED_REGISTRATION", "Failed"
    READY = "READY", "Ready"


class RegistryStage(TextChoices):
    """Stage of a version in the words of the MLflow protocol."""

    NONE = "None", "None"
    STAGING = "Staging", "Staging"
    PRODUCTION = "Production", "Production"
    ARCHIVED = "Archived", "Archived"


class ReviewState(TextChoices):
    """A proposal that a second person decides."""

    DRAFT = "draft", "Draft"
    PROPOSED = "proposed", "Awaiting approval"
    APPROVED = "approved", "Approved"
    DECLINED = "declined", "Declined"
    SUPERSEDED = "superseded", "Superseded"


class UseState(TextChoices):
    """A unit's use of another unit's model."""

    REQUESTED = "requested", "Awaiting acceptance"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    ENDED = "ended", "Ended"


class DocumentKind(TextChoices):
    """Kinds of documents that policies ask for."""

    MODEL_CARD = "model_card", "Model card"
    VALIDATION_REPORT = "validation_report", "Validation report"
    DATA_SHEET = "data_sheet", "Data sheet"
    IMPACT_ASSESSMENT = "impact_assessment", "Impact assessment"
    RUNBOOK = "runbook", "Runbook and rollback"
    USER_NOTICE = "user_notice", "User notice"
    TECHNICAL = "technical_documentation", "Technical documentation"
    MONITORING_PLAN = "monitoring_plan", "Monitoring plan"
    VENDOR_ASSESSMENT = "vendor_assessment", "Vendor assessment"
    OTHER = "other", "Other"


class SectionStatus(TextChoices):
    """How far a section of a document is."""

    ABSENT = "absent", "Absent"
    DRAFT = "draft", "Draft"
    APPROVED = "approved", "Approved"
    NOT_APPLICABLE = "not_applicable", "Not applicable"


class DatasetRole(TextChoices):
    """What a version used a data set for."""

    TRAINING = "training", "Training"
    VALIDATION = "validation", "Validation"
    TEST = "test", "Test"
    EVALUATION = "evaluation", "Evaluation"


class Provider(TextChoices):
    """Where an environment runs."""

    AWS = "aws", "AWS"
    AZURE = "azure", "Azure"
    GCP = "gcp", "Google Cloud"
    ON_PREMISES = "on_premises", "Own data centre"
    EDGE = "edge", "Edge"


class Connector(TextChoices):
    """How an approved change reaches an environment."""

    REGISTRY_ALIAS = "registry_alias", "Registry alias"
    MANUAL = "manual", "Confirmed by an operator"


class DeploymentState(TextChoices):
    """What became of a deployment."""

    IN_PROGRESS = "in_progress", "In progress"
    LIVE = "live", "Live"
    SUPERSEDED = "superseded", "Superseded"
    ROLLED_BACK = "rolled_back", "Rolled back"
    FAILED = "failed", "Failed"
    ABORTED = "aborted", "Aborted"
    SUSPENDED = "suspended", "Suspended"
    STOPPED = "stopped", "Stopped"


# What stands in an environment now, in the order of a board: what is not as usual comes first.
CURRENT_DEPLOYMENT_STATES = (DeploymentState.IN_PROGRESS, DeploymentState.SUSPENDED, DeploymentState.LIVE)

DEPLOYMENT_TRANSITIONS: Mapping[DeploymentState, frozenset[DeploymentState]] = {
    DeploymentState.IN_PROGRESS: frozenset(
        {DeploymentState.LIVE, DeploymentState.FAILED, DeploymentState.ABORTED}
    ),
    DeploymentState.LIVE: frozenset(
        {
            DeploymentState.SUPERSEDED,
            DeploymentState.ROLLED_BACK,
            DeploymentState.SUSPENDED,
            DeploymentState.STOPPED,
        }
    ),
    DeploymentState.SUSPENDED: frozenset(
        {
            DeploymentState.LIVE,
            DeploymentState.SUPERSEDED,
            DeploymentState.ROLLED_BACK,
            DeploymentState.STOPPED,
        }
    ),
    DeploymentState.SUPERSEDED: frozenset(),
    DeploymentState.ROLLED_BACK: frozenset(),
    DeploymentState.FAILED: frozenset(),
    DeploymentState.ABORTED: frozenset(),
    DeploymentState.STOPPED: frozenset(),
}


class DeploymentKind(TextChoices):
    """Why a deployment was made; KPIs count the kinds apart."""

    NORMAL = "normal", "New version"
    ROLLBACK = "rollback", "Rollback"
    HOTFIX = "hotfix", "Hotfix"
    CONFIG = "config", "Configuration"
    RETRAIN = "retrain", "Retrain"


class TaskKind(TextChoices):
    """Open duties on a record."""

    COMPLETE_RECORD = "complete_record", "Complete the record"
    FACTS_CONTRADICTED = "facts_contradicted", "Declared facts contradict the evidence"
    BECAME_MANDATORY = "became_mandatory", "Governance became mandatory"
    REVIEW_OVERDUE = "review_overdue", "Review is overdue"
    RATING_MISSING = "rating_missing", "Risk rating is missing"


class ImportState(TextChoices):
    """How far an import of an inventory is."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    STOPPED = "stopped", "Stopped"
    FAILED = "failed", "Failed"
