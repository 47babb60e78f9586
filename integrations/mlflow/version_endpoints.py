"""Endpoints of model versions: create, describe, stage, delete, read, search, tags."""

from typing import Any

from integrations.mlflow import params as p
from integrations.mlflow import queries, validation
from integrations.mlflow.endpoints import Call, endpoint
from integrations.mlflow.errors import invalid, model_not_found, version_not_found
from integrations.mlflow.model_endpoints import page_size
from integrations.mlflow.stages import ACTIVE_STAGES
from mlops_portal.foundation.errors import NotFound
from registry.models import ModelVersion
from registry.services import arrivals, versions
from registry.services import tags as tags_of

DEFAULT_SIZE, MAX_SIZE = 10_000, 200_000


def known_version(call: Call) -> ModelVersion:
    """Return the version of a call that changes it."""
    name, number = validation.model_name(call["name"]), validation.version_number(call["version"])
    rows = queries.versions_of(call.user).select_related("model")
    found = rows.filter(model__name=name, number=number).first()
    if found is None:
        raise version_not_found(name, call["version"])
    return found


def _shown(call: Call) -> dict[str, Any]:
    number = validation.version_number(call["version"])
    return {"model_version": queries.version(call.user, call["name"], number, call["version"])}


CREATE = (p.NAME, p.SOURCE, p.RUN_ID, p.TAG_LIST, p.RUN_LINK, p.DESCRIPTION, p.MODEL_ID)


@endpoint("model-versions/create", "POST", params=CREATE)
def create(call: Call) -> dict[str, Any]:
    """Register a version; run and logged model may live on any tracking server and are kept as given."""
    tags = validation.tags(call["tags"])
    name = validation.model_name(call["name"])
    try:
        version = arrivals.version_arrived(
            model_name=name,
            source=call["source"],
            run_id=call["run_id"] or "",
            run_link=call["run_link"] or "",
            description=call["description"] or "",
            external_model_id=call["model_id"] or "",
            tags=tags,
            by=call.user,
            now=call.now,
        )
    except NotFound:
        raise model_not_found(name) from None
    return {"model_version": queries.new_version(name, version, tags)}


@endpoint("model-versions/update", "PATCH", params=(p.NAME, p.VERSION, p.DESCRIPTION))
def update(call: Call) -> dict[str, Any]:
    """Describe a version."""
    version = known_version(call)
    versions.version_update(version=version, description=call["description"], by=call.user, now=call.now)
    return _shown(call)


STAGE_CHANGE = (p.NAME, p.VERSION, p.STAGE, p.ARCHIVE)


@endpoint("model-versions/transition-stage", "POST", params=STAGE_CHANGE)
def transition_stage(call: Call) -> dict[str, Any]:
    """Label a version with a stage; on wish the stage's other versions are archived."""
    stage, archive = validation.stage(call["stage"]), bool(call["archive_existing_versions"])
    if archive and stage not in ACTIVE_STAGES:
        raise invalid(
            f"Model version transition cannot archive existing model versions because '{call['stage']}' is not "
            f"an Active stage. Valid stages are {list(ACTIVE_STAGES)}"
        )
    version = known_version(call)
    versions.version_set_stage(
        version=version, stage=stage, archive_existing=archive, by=call.user, now=call.now
    )
    return _shown(call)


@endpoint("model-versions/delete", "DELETE", params=(p.NAME, p.VERSION))
def delete(call: Call) -> dict[str, Any]:
    """Delete a version: its number is never given again, its aliases vanish."""
    version = known_version(call)
    versions.version_delete(version=version, reason="Deleted by an MLflow client", by=call.user, now=call.now)
    return {}


@endpoint("model-versions/get", "GET", params=(p.NAME, p.VERSION))
def get(call: Call) -> dict[str, Any]:
    """Return a version."""
    validation.model_name(call["name"])
    return _shown(call)


@endpoint("model-versions/get-download-uri", "GET", params=(p.NAME, p.VERSION))
def download_uri(call: Call) -> dict[str, Any]:
    """Return where the version's artifacts are."""
    number = validation.version_number(call["version"])
    return {"artifact_uri": queries.download_uri(call.user, call["name"], number, call["version"])}


@endpoint("model-versions/search", "GET", params=p.SEARCH)
def search(call: Call) -> dict[str, Any]:
    """Return one page of versions."""
    found, token = queries.search_versions(
        call.user,
        text=call["filter"],
        order_by=call["order_by"],
        size=page_size(call["max_results"], default=DEFAULT_SIZE, most=MAX_SIZE),
        token=call["page_token"],
    )
    body: dict[str, Any] = {"model_versions": found} if found else {}
    return body | ({"next_page_token": token} if token else {})


@endpoint("model-versions/set-tag", "POST", params=(p.NAME, p.VERSION, p.KEY, p.VALUE))
def set_tag(call: Call) -> dict[str, Any]:
    """Set a tag of a version."""
    key, value = validation.tag_key(call["key"]), validation.tag_value(call["value"] or "")
    version = known_version(call)
    tags_of.version_tag_set(version=version, key=key, value=value, by=call.user, now=call.now)
    return {}


@endpoint("model-versions/delete-tag", "DELETE", params=(p.NAME, p.VERSION, p.KEY))
def delete_tag(call: Call) -> dict[str, Any]:
    """Remove a tag of a version; one that is not there is fine."""
    key = validation.tag_key(call["key"])
    version = known_version(call)
    tags_of.version_tag_delete(version=version, key=key, by=call.user, now=call.now)
    return {}
