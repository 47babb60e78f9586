"""What the registry offers to the global search: models, and versions by number, label or run."""

from typing import Any

from django.db.models import Q
from django.urls import reverse

from mlops_portal.foundation.web.search import Hit, Source, register
from registry.models import Dataset, Document, Environment, FeaturePipeline, ModelVersion, RegisteredModel


def find_models(user: Any, text: str, limit: int) -> list[Hit]:
    """Find models by name, title or owner; names that begin with the words first."""
    rows = RegisteredModel.objects.inventory().visible_to(user).select_related("unit")
    starts = rows.filter(Q(name__istartswith=text) | Q(title__istartswith=text)).by_title()
    found = list(starts[:limit])
    if len(found) < limit:
        holds = Q(name__icontains=text) | Q(title__icontains=text) | Q(owner__name__icontains=text)
        known = [model.pk for model in found]
        found += rows.filter(holds).exclude(pk__in=known).by_title()[: limit - len(found)]
    return [
        Hit(str(model), model.get_absolute_url(), f"{model.unit}, {model.get_kind_display()}", "model")
        for model in found
    ]


def find_versions(user: Any, text: str, limit: int) -> list[Hit]:
    """Find versions by run, label, commit or artifact digest, each from its beginning."""
    rows = ModelVersion.objects.alive().filter(model__deleted_at__isnull=True).visible_to(user)
    lowered = text.lower().removeprefix("sha256:")
    where = Q(run_id=text) | Q(label__istartswith=text)
    if len(lowered) >= 7:
        where |= Q(commit__startswith=lowered) | Q(artifact_sha256__startswith=lowered)
    found = rows.filter(where).select_related("model").order_by("-registered_at", "-pk")[:limit]
    return [Hit(str(row), row.get_absolute_url(), f"Version {row.number}", "version") for row in found]


def find_documents(user: Any, text: str, limit: int) -> list[Hit]:
    """Find documents by title, the newest first."""
    rows = Document.objects.visible_to(user).filter(model__deleted_at__isnull=True, title__icontains=text)
    found = rows.select_related("model").order_by("-pk")[:limit]
    return [
        Hit(
            row.title,
            reverse("registry:document-detail", args=[row.model_id, row.pk]),
            f"{row.get_kind_display()} of {row.model}",
            "policy",
        )
        for row in found
    ]


def find_datasets(user: Any, text: str, limit: int) -> list[Hit]:
    """Find data sets by name, label or the beginning of their digest."""
    lowered = text.lower().removeprefix("sha256:")
    where = Q(name__icontains=text) | Q(label__istartswith=text)
    name, _space, label = text.rpartition(" ")
    if name:  # as it is written: the name, then the label
        where |= Q(name__icontains=name, label__istartswith=label)
    if len(lowered) >= 7:
        where |= Q(digest__startswith=lowered)
    rows = Dataset.objects.visible_to(user).filter(where).select_related("unit").order_by("name", "-pk")
    return [Hit(str(row), row.get_absolute_url(), f"Data set of {row.unit}", "data") for row in rows[:limit]]


def find_pipelines(user: Any, text: str, limit: int) -> list[Hit]:
    """Find feature pipelines by name."""
    rows = FeaturePipeline.objects.visible_to(user).filter(name__icontains=text).select_related("unit")
    return [
        Hit(str(row), row.get_absolute_url(), f"Feature pipeline of {row.unit}", "server")
        for row in rows.order_by("name", "pk")[:limit]
    ]


def find_environments(user: Any, text: str, limit: int) -> list[Hit]:
    """Find environments that serve versions by name or region."""
    rows = Environment.objects.visible_to(user).filter(closed_at__isnull=True)
    found = rows.filter(Q(name__icontains=text) | Q(region__icontains=text)).order_by("name", "pk")[:limit]
    return [
        Hit(
            row.name,
            reverse("registry:environment-detail", args=[row.pk]),
            row.get_provider_display(),
            "deploy",
        )
        for row in found
    ]


def offer() -> None:
    """Register every kind; called when the app is ready."""
    register(Source("models", "Models", find_models, right="registry.view", order=10))
    register(Source("versions", "Versions", find_versions, right="registry.view", order=20))
    register(Source("datasets", "Data sets", find_datasets, right="registry.view", order=24))
    register(Source("pipelines", "Pipelines", find_pipelines, right="registry.view", order=26))
    register(Source("documents", "Documents", find_documents, right="registry.view", order=30))
    register(Source("environments", "Environments", find_environments, right="registry.view", order=40))
