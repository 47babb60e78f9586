"""Acts of the registry that are more than a row change, and how they are told."""

from datetime import datetime
from typing import Any, ClassVar, Protocol

from mlops_portal.foundation.events import DomainEvent, Verb, emit, register_verbs
from mlops_portal.foundation.people.models import User

register_verbs(
    [
        Verb("registry.model_registered", "registered the model"),
        Verb("registry.models_registered", "registered models together"),
        Verb("registry.model_updated", "changed the record"),
        Verb("registry.model_renamed", "renamed the model"),
        Verb("registry.model_deleted", "deleted the model"),
        Verb("registry.model_attested", "attested the record"),
        Verb("registry.model_validated", "noted a validation"),
        Verb("registry.lifecycle_changed", "moved the model"),
        Verb("registry.model_transferred", "moved the model to another unit"),
        Verb("registry.governance_changed", "governance changed"),
        Verb("registry.governance_overridden", "overrode governance"),
        Verb("registry.governance_override_ended", "ended an override of governance"),
        Verb("registry.adoption_changed", "adoption stage changed"),
        Verb("registry.rating_proposed", "proposed a risk rating"),
        Verb("registry.rating_approved", "approved a risk rating"),
        Verb("registry.rating_declined", "declined a risk rating"),
        Verb("registry.task_opened", "opened a task"),
        Verb("registry.task_passed_on", "passed a task on"),
        Verb("registry.task_closed", "closed a task"),
        Verb("registry.component_changed", "changed a component"),
        Verb("registry.consumer_added", "added a consumer"),
        Verb("registry.consumer_notified", "notified a consumer"),
        Verb("registry.consumer_released", "released the model for a consumer"),
        Verb("registry.use_requested", "asked to use the model"),
        Verb("registry.use_accepted", "accepted the use"),
        Verb("registry.use_declined", "declined the use"),
        Verb("registry.use_ended", "ended the use"),
        Verb("registry.dependency_added", "added a dependency"),
        Verb("registry.dependency_removed", "removed a dependency"),
        Verb("registry.field_changed", "changed a custom field"),
        Verb("registry.tag_set", "set a tag"),
        Verb("registry.tag_deleted", "deleted a tag"),
        Verb("registry.version_registered", "registered the version"),
        Verb("registry.versions_registered", "registered versions together"),
        Verb("registry.version_updated", "changed the version"),
        Verb("registry.version_deleted", "deleted the version"),
        Verb("registry.version_staged", "moved the version to a stage"),
        Verb("registry.artifact_identified", "recorded the artifact digest"),
        Verb("registry.artifact_checked", "checked that the artifact can be fetched"),
        Verb("registry.alias_set", "moved the alias"),
        Verb("registry.alias_deleted", "deleted the alias"),
        Verb("registry.metrics_recorded", "recorded metrics"),
        Verb("registry.dataset_registered", "registered the data set"),
        Verb("registry.dataset_described", "changed the description of the data set"),
        Verb("registry.dataset_linked", "linked a data set"),
        Verb("registry.pipeline_registered", "registered the pipeline"),
        Verb("registry.pipeline_linked", "linked a pipeline"),
        Verb("registry.limits_proposed", "proposed limits"),
        Verb("registry.limits_locked", "approved and locked limits"),
        Verb("registry.limits_declined", "declined limits"),
        Verb("registry.document_saved", "saved the document"),
        Verb("registry.document_approved", "approved the document"),
        Verb("registry.documents_attested", "attested the documents"),
        Verb("registry.section_saved", "saved a section"),
        Verb("registry.section_approved", "approved a section"),
        Verb("registry.section_not_applicable", "declared a section not applicable"),
        Verb("registry.monitoring_plan_saved", "saved the monitoring plan"),
        Verb("registry.environment_created", "created the environment"),
        Verb("registry.environment_updated", "changed the environment"),
        Verb("registry.environment_closed", "closed the environment"),
        Verb("registry.deployment_started", "started the deployment"),
        Verb("registry.deployment_finished", "finished the deployment"),
        Verb("registry.deployment_failed", "deployment failed"),
        Verb("registry.deployment_aborted", "aborted the deployment"),
        Verb("registry.deployment_rolled_back", "rolled the deployment back"),
        Verb("registry.deployment_suspended", "suspended the deployment"),
        Verb("registry.deployment_resumed", "resumed the deployment"),
        Verb("registry.deployment_stopped", "stopped the deployment"),
        Verb("registry.deployment_superseded", "superseded the deployment"),
        Verb("registry.deployments_recorded", "recorded deployments together"),
    ]
)


class Scoped(Protocol):
    """A saved row that names the unit and the model it belongs to."""

    pk: Any
    _meta: ClassVar[Any]

    def audit_scope(self) -> dict[str, Any]:
        """Return unit and model id."""


def tell(verb: str, subject: Scoped, *, by: User | None, now: datetime, **data: Any) -> None:
    """Emit ``registry.<verb>`` about a scoped row. Rows name their own unit and model."""
    scope = subject.audit_scope()
    emit(
        DomainEvent(
            verb=f"registry.{verb}",
            subject_label=subject._meta.label,
            subject_id=str(subject.pk),
            actor_id=None if by is None else str(by.pk),
            occurred_at=now,
            unit_id=scope["unit_id"],
            model_id=scope["model_id"],
            data=data,
        )
    )


def tell_all(
    verb: str, label: str, *, by: User | None, now: datetime, unit_id: int | None = None, **data: Any
) -> None:
    """Emit the summary of many rows written together."""
    emit(
        DomainEvent(
            verb=f"registry.{verb}",
            subject_label=label,
            subject_id="",
            actor_id=None if by is None else str(by.pk),
            occurred_at=now,
            unit_id=unit_id,
            data=data,
        )
    )
