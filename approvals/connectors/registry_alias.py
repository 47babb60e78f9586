"""Moves an alias of the registry: whatever serves by alias picks the version up."""

from datetime import datetime

from approvals.connectors import ConnectorFailed, Outcome, Result
from approvals.models import ExecutionStep
from mlops_portal.foundation.errors import DomainError
from registry.models import Alias, ModelVersion, RegisteredModel
from registry.services.aliases import alias_delete, alias_set


class RegistryAlias:
    """Points an alias to a version, or takes it away. Moving it twice is moving it once."""

    name = "registry_alias"
    is_automatic = True
    is_idempotent = True
    takes_steps = False

    def call(self, step: ExecutionStep, *, now: datetime) -> Result:
        """Move the alias; the registry asks whether an approved change stands behind it."""
        arguments = step.arguments
        change_id = arguments["change_id"]
        model = RegisteredModel.objects.get(pk=arguments["model_id"])
        try:
            if arguments["version_id"] is None:
                alias_delete(model=model, name=arguments["alias"], by=None, now=now, change_id=change_id)
            else:
                version = ModelVersion.objects.get(pk=arguments["version_id"])
                alias_set(
                    model=model,
                    name=arguments["alias"],
                    version=version,
                    by=None,
                    now=now,
                    change_id=change_id,
                )
        except DomainError as refusal:
            raise ConnectorFailed(refusal.message) from refusal
        return Result(Outcome.DONE, {"alias": arguments["alias"], "version_id": arguments["version_id"]})

    def observe(self, step: ExecutionStep) -> Result:
        """Look where the alias points."""
        arguments = step.arguments
        found = Alias.objects.filter(model_id=arguments["model_id"], name=arguments["alias"]).first()
        points_to = found.version_id if found else None
        done = points_to == arguments["version_id"]
        return Result(Outcome.DONE if done else Outcome.NOT_DONE, {"points_to": points_to})
