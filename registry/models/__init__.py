"""Records of the registry, one module per group of nouns."""

from registry.models.evidence import (
    Document,
    DocumentSection,
    GovernanceOverride,
    MonitoringPlan,
    RiskAssessment,
)
from registry.models.imports import ImportedModel, ImportMapping, ImportRowError, ImportRun
from registry.models.models import (
    Component,
    Consumer,
    CustomField,
    ModelCounter,
    ModelTag,
    RecordTask,
    RegisteredModel,
    UnitUse,
)
from registry.models.operations import Deployment, Environment
from registry.models.versions import (
    Alias,
    Dataset,
    FeaturePipeline,
    MetricValue,
    ModelDependency,
    ModelVersion,
    ThresholdSet,
    VersionDataset,
    VersionPipeline,
    VersionTag,
)

__all__ = [
    "Alias",
    "Component",
    "Consumer",
    "CustomField",
    "Dataset",
    "Deployment",
    "Document",
    "DocumentSection",
    "Environment",
    "FeaturePipeline",
    "GovernanceOverride",
    "ImportMapping",
    "ImportRowError",
    "ImportRun",
    "ImportedModel",
    "MetricValue",
    "ModelCounter",
    "ModelDependency",
    "ModelTag",
    "ModelVersion",
    "MonitoringPlan",
    "RecordTask",
    "RegisteredModel",
    "RiskAssessment",
    "ThresholdSet",
    "UnitUse",
    "VersionDataset",
    "VersionPipeline",
    "VersionTag",
]
