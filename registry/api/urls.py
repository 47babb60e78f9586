"""Addresses of the registry's API."""

from typing import Any

from django.urls import URLPattern, path

from registry.api.evidence import DocumentViewSet, PlanViewSet
from registry.api.imports import ImportViewSet, RowErrorViewSet
from registry.api.lineage import DatasetLinkViewSet, DatasetViewSet, PipelineLinkViewSet, PipelineViewSet
from registry.api.measures import LimitsViewSet, MetricViewSet, OverrideViewSet, RatingViewSet
from registry.api.models import ModelViewSet
from registry.api.operations import DeploymentViewSet, EnvironmentViewSet, LastGoodViewSet
from registry.api.surroundings import (
    ComponentViewSet,
    ConsumerViewSet,
    DependencyViewSet,
    FieldViewSet,
    TaskViewSet,
    UseViewSet,
)
from registry.api.tags import AliasViewSet, ModelTagViewSet, VersionTagViewSet
from registry.api.versions import VersionViewSet

READ = {"get": "list"}
LIST = {"get": "list", "post": "create"}
SHOW = {"get": "retrieve"}
EDIT = {"get": "retrieve", "patch": "partial_update"}
DROP = {"get": "retrieve", "delete": "destroy"}
ALL = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
PUT = {"get": "retrieve", "put": "update", "delete": "destroy"}
MODEL = "models/<int:model>/"
VERSION = "models/<int:model>/versions/<int:number>/"
DOCUMENT = f"{MODEL}documents/<int:pk>/"


def at(address: str, name: str, view: Any, **methods: str) -> URLPattern:
    """Bind methods of a viewset to an address."""
    return path(address, view.as_view(methods), name=name)


app_name = "registry-api"
urlpatterns = [
    at("models/", "models", ModelViewSet, **LIST),
    at("models/<int:pk>/", "model", ModelViewSet, **ALL),
    at("models/<int:pk>/rename/", "model-rename", ModelViewSet, post="rename"),
    at("models/<int:pk>/attest/", "model-attest", ModelViewSet, post="attest"),
    at("models/<int:pk>/applicability/", "model-applicability", ModelViewSet, get="applicability"),
    at(f"{MODEL}last-good/", "model-last-good", LastGoodViewSet, get="last_good"),
    at(f"{MODEL}compare/", "model-compare", VersionViewSet, get="compare"),
    at(f"{MODEL}components/", "components", ComponentViewSet, **LIST),
    at(f"{MODEL}components/<int:pk>/", "component", ComponentViewSet, **ALL),
    at(f"{MODEL}consumers/", "consumers", ConsumerViewSet, **LIST),
    at(f"{MODEL}consumers/<int:pk>/", "consumer", ConsumerViewSet, **EDIT),
    at(f"{MODEL}consumers/<int:pk>/notify/", "consumer-notify", ConsumerViewSet, post="notify"),
    at(f"{MODEL}consumers/<int:pk>/release/", "consumer-release", ConsumerViewSet, post="release"),
    at(f"{MODEL}dependencies/", "dependencies", DependencyViewSet, **LIST),
    at(f"{MODEL}dependencies/<int:pk>/", "dependency", DependencyViewSet, **DROP),
    at(f"{MODEL}tags/", "model-tags", ModelTagViewSet, **READ),
    at(f"{MODEL}tags/<path:key>/", "model-tag", ModelTagViewSet, **PUT),
    at(f"{MODEL}aliases/", "aliases", AliasViewSet, **READ),
    at(f"{MODEL}aliases/<str:name>/", "alias", AliasViewSet, **PUT),
    at(f"{MODEL}documents/", "documents", DocumentViewSet, **LIST),
    at(DOCUMENT, "document", DocumentViewSet, **EDIT),
    at(f"{DOCUMENT}file/", "document-file", DocumentViewSet, get="file"),
    at(f"{DOCUMENT}approve/", "document-approve", DocumentViewSet, post="approve"),
    at(f"{DOCUMENT}sections/<slug:key>/", "section", DocumentViewSet, put="write_section"),
    at(f"{DOCUMENT}sections/<slug:key>/approve/", "section-approve", DocumentViewSet, post="approve_section"),
    at(
        f"{DOCUMENT}sections/<slug:key>/not-applicable/",
        "section-not-applicable",
        DocumentViewSet,
        post="section_not_applicable",
    ),
    at(f"{MODEL}monitoring-plans/", "plans", PlanViewSet, **LIST),
    at(f"{MODEL}monitoring-plans/<int:number>/", "plan", PlanViewSet, **SHOW),
    at(f"{MODEL}limits/", "limits", LimitsViewSet, **LIST),
    at(f"{MODEL}limits/<int:number>/", "limit", LimitsViewSet, **SHOW),
    at(f"{MODEL}limits/<int:number>/lock/", "limits-lock", LimitsViewSet, post="lock"),
    at(f"{MODEL}limits/<int:number>/decline/", "limits-decline", LimitsViewSet, post="decline"),
    at(f"{MODEL}ratings/", "ratings", RatingViewSet, **LIST),
    at(f"{MODEL}ratings/<int:pk>/", "rating", RatingViewSet, **SHOW),
    at(f"{MODEL}ratings/<int:pk>/decide/", "rating-decide", RatingViewSet, post="decide"),
    at(f"{MODEL}overrides/", "overrides", OverrideViewSet, **READ),
    at(f"{MODEL}overrides/<int:pk>/", "override", OverrideViewSet, **SHOW),
    at(f"{MODEL}overrides/<int:pk>/end/", "override-end", OverrideViewSet, post="end"),
    at(f"{MODEL}versions/", "versions", VersionViewSet, **LIST),
    at(VERSION, "version", VersionViewSet, **ALL),
    at(f"{VERSION}artifact/", "version-artifact", VersionViewSet, put="artifact"),
    at(f"{VERSION}stage/", "version-stage", VersionViewSet, post="stage"),
    at(f"{VERSION}tags/", "version-tags", VersionTagViewSet, **READ),
    at(f"{VERSION}tags/<path:key>/", "version-tag", VersionTagViewSet, **PUT),
    at(f"{VERSION}metrics/", "metrics", MetricViewSet, **LIST),
    at(f"{VERSION}datasets/", "version-datasets", DatasetLinkViewSet, **LIST),
    at(f"{VERSION}pipelines/", "version-pipelines", PipelineLinkViewSet, **LIST),
    at("datasets/", "datasets", DatasetViewSet, **LIST),
    at("datasets/<int:pk>/", "dataset", DatasetViewSet, **SHOW),
    at("pipelines/", "pipelines", PipelineViewSet, **LIST),
    at("pipelines/<int:pk>/", "pipeline", PipelineViewSet, **SHOW),
    at("uses/", "uses", UseViewSet, **LIST),
    at("uses/<int:pk>/", "use", UseViewSet, **SHOW),
    at("uses/<int:pk>/decide/", "use-decide", UseViewSet, post="decide"),
    at("uses/<int:pk>/end/", "use-end", UseViewSet, post="end"),
    at("tasks/", "tasks", TaskViewSet, **READ),
    at("tasks/<int:pk>/", "task", TaskViewSet, **SHOW),
    at("tasks/<int:pk>/close/", "task-close", TaskViewSet, post="close"),
    at("custom-fields/", "custom-fields", FieldViewSet, **LIST),
    at("custom-fields/<int:pk>/", "custom-field", FieldViewSet, **DROP),
    at("environments/", "environments", EnvironmentViewSet, **LIST),
    at("environments/<int:pk>/", "environment", EnvironmentViewSet, **EDIT),
    at("environments/<int:pk>/close/", "environment-close", EnvironmentViewSet, post="close"),
    at("deployments/", "deployments", DeploymentViewSet, **READ),
    at("deployments/<int:pk>/", "deployment", DeploymentViewSet, **SHOW),
    at("imports/", "imports", ImportViewSet, **LIST),
    at("imports/<int:pk>/", "import", ImportViewSet, **SHOW),
    at("imports/<int:pk>/resume/", "import-resume", ImportViewSet, post="resume"),
    at("imports/<int:run>/errors/", "import-errors", RowErrorViewSet, **READ),
]
