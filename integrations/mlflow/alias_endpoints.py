"""Endpoints of aliases."""

from typing import Any

from integrations.mlflow import params as p
from integrations.mlflow import queries, validation
from integrations.mlflow.endpoints import Call, endpoint
from integrations.mlflow.model_endpoints import known_model
from integrations.mlflow.version_endpoints import known_version
from registry.services import aliases

PATH = "registered-models/alias"


@endpoint(PATH, "POST", params=(p.NAME, p.ALIAS, p.VERSION))
def set_alias(call: Call) -> dict[str, Any]:
    """Point an alias to a version; an alias that exists moves. A governed alias moves by a change request only."""
    alias = validation.new_alias_name(call["alias"])
    version = known_version(call)
    aliases.alias_set(model=version.model, name=alias, version=version, by=call.user, now=call.now)
    return {}


@endpoint(PATH, "DELETE", params=(p.NAME, p.ALIAS))
def delete_alias(call: Call) -> dict[str, Any]:
    """Remove an alias; one that is not there is fine."""
    alias = validation.alias_name(call["alias"])
    model = known_model(call, call["name"])
    aliases.alias_delete(model=model, name=alias, by=call.user, now=call.now)
    return {}


@endpoint(PATH, "GET", params=(p.NAME, p.ALIAS))
def get_by_alias(call: Call) -> dict[str, Any]:
    """Return the version an alias points to."""
    name, alias = validation.model_name(call["name"]), validation.alias_name(call["alias"])
    return {"model_version": queries.version_by_alias(call.user, name, alias)}
