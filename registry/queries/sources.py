"""Data sets and pipelines: which versions use them, as far as a reader may see; the others are counted, never named."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Case, Count, Exists, IntegerField, Min, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from mlops_portal.foundation.people.rights import rights_of
from registry.models import (
    Dataset,
    Deployment,
    Document,
    FeaturePipeline,
    MetricValue,
    ModelDependency,
    VersionDataset,
    VersionPipeline,
)
from registry.queries.lineage import VIEW, Around, around
from registry.states import DeploymentState, DocumentKind, Grade

SHOWN = 20  # versions and other states on the page of one; the list of uses has all
SHEETS = 12
READERS = 200
# The links of each kind, and their column that names it.
LINKS: dict[type, tuple[type, str]] = {
    Dataset: (VersionDataset, "dataset"),
    FeaturePipeline: (VersionPipeline, "pipeline"),
}
COLUMN_OF = dict(LINKS.values())
GRADES = [str(grade) for grade in Grade]  # weakest first


def uses(kind: type, user: Any = None) -> QuerySet:
    """Return the links of a kind to versions that are not deleted; with a reader, those that the reader may see."""
    links: Any = LINKS[kind][0].objects.all()  # type: ignore[attr-defined]  # both are records
    if user is not None:
        links = links.visible_to(user)
    return links.filter(version__deleted_at__isnull=True, model__deleted_at__isnull=True)


def uses_of(source: Dataset | FeaturePipeline, user: Any = None) -> QuerySet:
    """Return the links of one data set or pipeline."""
    return uses(type(source), user).filter(**{LINKS[type(source)][1]: source})


def serves() -> Exists:
    """Tell of a link whether its version serves in production."""
    live = Deployment.objects.filter(version=OuterRef("version_id"), state=DeploymentState.LIVE)
    return Exists(live.filter(environment__is_production=True))


def in_production(links: QuerySet) -> QuerySet:
    """Narrow links to versions that serve in production."""
    return links.filter(serves())


def with_uses(rows: QuerySet, user: Any) -> QuerySet:
    """Annotate data sets or pipelines with how many versions and models use them, and how many serve in production."""
    column, links = LINKS[rows.model][1], uses(rows.model, user)

    def count(found: QuerySet, what: str) -> Coalesce:
        per = found.filter(**{column: OuterRef("pk")}).order_by().values(column)
        number = per.annotate(number=Count(what, distinct=True)).values("number")
        return Coalesce(Subquery(number, output_field=IntegerField()), 0)

    return rows.annotate(
        version_count=count(links, "version"),
        model_count=count(links, "model"),
        serving_count=count(in_production(links), "model"),
    )


def with_facts(links: QuerySet) -> QuerySet:
    """Annotate links with where the version runs and, for a data set, with what was measured on it and how sure that is."""
    live = Deployment.objects.filter(version=OuterRef("version_id"), state=DeploymentState.LIVE)
    first = live.order_by("-environment__is_production", "pk").values("environment__name")[:1]
    links = links.select_related("version__model", "model", "unit").annotate(live_in=Subquery(first))
    if links.model is not VersionDataset:
        return links
    rank = Case(*(When(grade=grade, then=Value(place)) for place, grade in enumerate(GRADES)))
    measured = MetricValue.objects.filter(version=OuterRef("version_id"), dataset=OuterRef("dataset_id"))
    per = measured.order_by().values("dataset")
    return links.annotate(
        measured=Coalesce(Subquery(per.annotate(number=Count("pk")).values("number")), 0),
        weakest=Subquery(per.annotate(rank=Min(rank)).values("rank"), output_field=IntegerField()),
    )


def grade_words(rank: int | None) -> str:
    """Name the weakest grade of what was measured; nothing was: empty."""
    return "" if rank is None else str(Grade(GRADES[rank]).label)


def read(source: Dataset | FeaturePipeline, user: Any) -> dict[str, Any]:
    """Return what the page of one data set or pipeline shows, in a fixed number of statements."""
    links = uses_of(source, user)
    seen = links.order_by().aggregate(
        versions=Count("version", distinct=True), models=Count("model", distinct=True)
    )
    every = uses_of(source).order_by().aggregate(versions=Count("version", distinct=True))
    served = in_production(links).order_by().aggregate(models=Count("model", distinct=True))
    first = with_facts(links).annotate(is_served=serves())
    newest = list(first.order_by("-is_served", "-version__registered_at", "-pk")[:SHOWN])
    for link in newest:
        link.weakest_words = grade_words(getattr(link, "weakest", None))
    return {
        "counts": seen,
        "serving": served["models"],
        "unseen": every["versions"] - seen["versions"],
        "uses": newest,
        "has_more": seen["versions"] > SHOWN,
    }


def states_of(dataset: Dataset) -> list[Dataset]:
    """Return the other states of a data set: the same name in the same unit, newest first."""
    others = Dataset.objects.filter(unit=dataset.unit_id, name=dataset.name).exclude(pk=dataset.pk)
    return list(others.order_by("-created_at", "-pk")[:SHOWN])


def sheets_of(dataset: Dataset, user: Any) -> list[Document]:
    """Return data sheets of the versions that use a data set, and of their models as a whole."""
    links = uses_of(dataset, user)
    sheets = Document.objects.visible_to(user).filter(kind=DocumentKind.DATA_SHEET)
    own = sheets.filter(version__in=links.values("version"))
    whole = sheets.filter(version__isnull=True, model__in=links.values("model"))
    return list((own | whole).select_related("model", "version").order_by("-pk")[:SHEETS])


def readers_of(pipeline: FeaturePipeline, user: Any) -> Around:
    """Return the models that read a model which the pipeline feeds: a change reaches them, too (the first 200)."""
    fed = uses_of(pipeline, user).values("model")
    found = ModelDependency.objects.filter(upstream__in=fed, model__deleted_at__isnull=True)
    links = found.exclude(model__in=fed).select_related("model").order_by("pk")[:READERS]
    return around(user, {link.model_id: link.model for link in links}.values())


def tell_addresses(user: Any, links: Iterable[Any]) -> list[Any]:
    """Give each link the address of its data set or pipeline (`address`), empty where the reader does not see it."""
    rights, found = rights_of(user), list(links)
    for link in found:
        source = getattr(link, COLUMN_OF[type(link)])
        link.address = source.get_absolute_url() if rights.has(VIEW, unit_id=source.unit_id) else ""
    return found


def pipelines_known(unit_id: int, limit: int = 200) -> list[str]:
    """Return the names of a unit's pipelines, for a form to offer."""
    known = FeaturePipeline.objects.filter(unit=unit_id).order_by("name")
    return list(known.values_list("name", flat=True)[:limit])
