"""Endpoints of registered models: create, rename, describe, delete, read, search, tags."""

from typing import Any

from integrations.mlflow import params as p
from integrations.mlflow import queries, validation
from integrations.mlflow.endpoints import Call, endpoint
from integrations.mlflow.errors import invalid, model_not_found, name_taken
from integrations.mlflow.stages import PROMPT_TAG
from registry.models import RegisteredModel
from registry.services import arrivals, models
from registry.services import tags as tags_of
from registry.states import ModelKind

DEFAULT_SIZE, MAX_SIZE = 100, 1_000


def page_size(asked: int | None, *, default: int, most: int) -> int:
    """Check how many results are wanted."""
    if asked is None:
        return default
    if asked < 1:
        raise invalid(f"Invalid value for max_results. It must be a positive integer, but got {asked}")
    if asked > most:
        raise invalid(
            f"Invalid value for request parameter max_results. It must be at most {most}, but got value {asked}"
        )
    return asked


def known_model(call: Call, name: str) -> RegisteredModel:
    """Return the model of a call that changes it; one the caller may not see does not exist for them."""
    found = queries.models_of(call.user).filter(name=validation.model_name(name)).first()
    if found is None:
        raise model_not_found(name)
    return found


def is_prompt(tags: dict[str, str]) -> bool:
    """Tell whether a new model is a prompt."""
    return tags.get(PROMPT_TAG, "").lower() == "true"


def _refuse_taken(name: str, *, for_prompt: bool) -> None:
    kind = RegisteredModel.objects.alive().filter(name=name).values_list("kind", flat=True).first()
    if kind is not None:
        raise name_taken(name, by_prompt=kind == ModelKind.PROMPT, for_prompt=for_prompt)


@endpoint("registered-models/create", "POST", params=(p.NAME, p.TAG_LIST, p.DESCRIPTION))
def create(call: Call) -> dict[str, Any]:
    """Register a model in the unit of the token."""
    name, tags = validation.model_name(call["name"]), validation.tags(call["tags"])
    prompt = is_prompt(tags)
    _refuse_taken(name, for_prompt=prompt)
    try:
        arrivals.model_arrived(
            name=name,
            description=call["description"] or "",
            kind=ModelKind.PROMPT if prompt else ModelKind.ANALYTICAL,
            tags=tags,
            unit_id=call.principal.unit_id,
            by=call.user,
            now=call.now,
        )
    except models.ModelExists:
        raise name_taken(name, by_prompt=prompt, for_prompt=prompt) from None
    return {"registered_model": queries.model(call.user, name)}


@endpoint("registered-models/rename", "POST", params=(p.NAME, p.NEW_NAME))
def rename(call: Call) -> dict[str, Any]:
    """Give a model another name; versions, tags and aliases move along."""
    new_name = validation.model_name(call["new_name"], "new_name")
    model = known_model(call, call["name"])
    if new_name != model.name:
        _refuse_taken(new_name, for_prompt=model.kind == ModelKind.PROMPT)
    models.model_rename(model=model, name=new_name, by=call.user, now=call.now)
    return {"registered_model": queries.model(call.user, new_name)}


@endpoint("registered-models/update", "PATCH", params=(p.NAME, p.DESCRIPTION))
def update(call: Call) -> dict[str, Any]:
    """Describe a model."""
    model = known_model(call, call["name"])
    models.model_update(model=model, description=call["description"] or "", by=call.user, now=call.now)
    return {"registered_model": queries.model(call.user, model.name)}


@endpoint("registered-models/delete", "DELETE", params=(p.NAME,))
def delete(call: Call) -> dict[str, Any]:
    """Delete a model: a tombstone stays, the name is free again."""
    model = known_model(call, call["name"])
    models.model_delete(model=model, reason="Deleted by an MLflow client", by=call.user, now=call.now)
    return {}


@endpoint("registered-models/get", "GET", params=(p.NAME,))
def get(call: Call) -> dict[str, Any]:
    """Return a model."""
    return {"registered_model": queries.model(call.user, validation.model_name(call["name"]))}


@endpoint("registered-models/search", "GET", params=p.SEARCH)
def search(call: Call) -> dict[str, Any]:
    """Return one page of models."""
    found, token = queries.search_models(
        call.user,
        text=call["filter"],
        order_by=call["order_by"],
        size=page_size(call["max_results"], default=DEFAULT_SIZE, most=MAX_SIZE),
        token=call["page_token"],
    )
    body: dict[str, Any] = {"registered_models": found} if found else {}
    return body | ({"next_page_token": token} if token else {})


@endpoint("registered-models/get-latest-versions", "POST", "GET", params=(p.NAME, p.STAGES))
def latest_versions(call: Call) -> dict[str, Any]:
    """Return the newest version of each stage."""
    stages = tuple(dict.fromkeys(validation.stage(stage) for stage in call["stages"]))
    found = queries.latest_versions(call.user, validation.model_name(call["name"]), stages)
    return {"model_versions": found} if found else {}


@endpoint("registered-models/set-tag", "POST", params=(p.NAME, p.KEY, p.VALUE))
def set_tag(call: Call) -> dict[str, Any]:
    """Set a tag of a model."""
    key, value = validation.tag_key(call["key"]), validation.tag_value(call["value"] or "")
    model = known_model(call, call["name"])
    tags_of.model_tag_set(model=model, key=key, value=value, by=call.user, now=call.now)
    return {}


@endpoint("registered-models/delete-tag", "DELETE", params=(p.NAME, p.KEY))
def delete_tag(call: Call) -> dict[str, Any]:
    """Remove a tag of a model; one that is not there is fine."""
    key = validation.tag_key(call["key"])
    model = known_model(call, call["name"])
    tags_of.model_tag_delete(model=model, key=key, by=call.user, now=call.now)
    return {}
