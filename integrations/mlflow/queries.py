"""Reads of the protocol: a version in one statement, a page of a search in at most three, however many rows there are."""

import json
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, TextField

from integrations.mlflow import wire
from integrations.mlflow.conditions import MODEL_COLUMNS, VERSION_COLUMNS, models_where, versions_where
from integrations.mlflow.errors import ProtocolError, invalid, model_not_found, version_not_found
from integrations.mlflow.grammar import MODELS, VERSIONS, Grammar, Order, parse_filter, parse_order
from integrations.mlflow.paging import after, ordering, read_token, write_token
from integrations.mlflow.prepared import Prepared
from integrations.mlflow.stages import STAGES
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import NO_UNITS, rights_of
from registry.models import Alias, ModelTag, ModelVersion, RegisteredModel, VersionTag

MODEL_FIELDS = ("pk", "name", "created_at", "counter__last_activity_at", "description")
VERSION_FIELDS = (
    "model__name",
    "number",
    "registered_at",
    "updated_at",
    "stage",
    "description",
    "source",
    "run_id",
    "run_link",
    "external_model_id",
    "status",
    "status_message",
)
REMEMBERED, REMEMBERED_LENGTH = 256, 2_000  # searches, and characters of one that is worth remembering
MAX_HOPS = 10  # of versions that were copied from versions


class JsonPairs(Subquery):
    """The two columns of a subquery as one JSON object, so that a row and its tags are one statement."""

    output_field = TextField()
    template = "(SELECT json_object_agg(p.first, p.second)::text FROM (%(subquery)s) p(first, second))"

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Write it in SQLite's words."""
        template = (
            "(WITH p(first, second) AS (%(subquery)s) SELECT json_group_object(p.first, p.second) FROM p)"
        )
        return super().as_sql(compiler, connection, template=template)


def _objects(texts: Iterable[str | None]) -> list[dict[str, Any]]:
    """Read many JSON objects at once: one call of the parser costs more than a handful of tags."""
    return json.loads(f"[{','.join(text or '{}' for text in texts)}]")


def _model_tags() -> JsonPairs:
    return JsonPairs(ModelTag.objects.filter(model=OuterRef("pk")).values("key", "value"))


def _model_aliases() -> JsonPairs:
    return JsonPairs(Alias.objects.filter(model=OuterRef("pk")).values("name", "version__number"))


def _version_tags() -> JsonPairs:
    return JsonPairs(VersionTag.objects.filter(version=OuterRef("pk")).values("key", "value"))


def _version_aliases() -> JsonPairs:
    return JsonPairs(Alias.objects.filter(version=OuterRef("pk")).values("name", "pk"))


def _newest(stage: str) -> Subquery:
    rows = ModelVersion.objects.filter(model=OuterRef("pk"), stage=stage, deleted_at__isnull=True)
    return Subquery(rows.order_by("-number").values("pk")[:1])


def models_of(user: User) -> QuerySet[RegisteredModel]:
    """Return the models this user may see, prompts included."""
    return RegisteredModel.objects.alive().visible_to(user)


def versions_of(user: User) -> QuerySet[ModelVersion]:
    """Return the versions this user may see; deleted ones and those of deleted models are gone."""
    return ModelVersion.objects.alive().filter(model__deleted_at__isnull=True).visible_to(user)


def _versions(rows: Sequence[Sequence[Any]], *, with_aliases: bool = False) -> list[dict[str, Any]]:
    """Show versions; each row ends with its tags and, ``with_aliases``, with its aliases."""
    end = len(VERSION_FIELDS)
    tags = _objects(row[end] for row in rows)
    aliases: Sequence[Collection[str]] = [()] * len(rows)
    if with_aliases:
        aliases = _objects(row[end + 1] for row in rows)
    return [
        wire.model_version(wire.VersionRow(*row[:end]), tags=own, aliases=names)
        for row, own, names in zip(rows, tags, aliases, strict=True)
    ]


def _living_versions(**where: Any) -> QuerySet:
    rows = ModelVersion.objects.alive().filter(model__deleted_at__isnull=True, **where).order_by()
    return rows.values_list("unit_id", "model_id", *VERSION_FIELDS, _version_tags(), _version_aliases())


_BY_NUMBER = Prepared(
    lambda name, number: _living_versions(model__name=name, number=number), name=str, number=int
)
_BY_ALIAS = Prepared(
    lambda name, alias: _living_versions(
        model__name=name, pk__in=Alias.objects.filter(name=alias, model__name=name).values("version_id")
    ),
    name=str,
    alias=str,
)
_SOURCE = Prepared(
    lambda name, number: (
        ModelVersion.objects.alive()
        .filter(model__deleted_at__isnull=True, model__name=name, number=number)
        .order_by()
        .values_list("unit_id", "model_id", "source")
    ),
    name=str,
    number=int,
)
_BY_KEYS = Prepared(
    lambda keys: (
        ModelVersion.objects.filter(pk__in=keys)
        .order_by("-number")
        .values_list("pk", *VERSION_FIELDS, _version_tags(), _version_aliases())
    ),
    keys=list,
)
_SHOWN_WITH_MODELS = Prepared(
    lambda keys: (
        ModelVersion.objects.filter(pk__in=keys)
        .order_by()
        .values_list("pk", "model_id", *VERSION_FIELDS[1:], _version_tags())
    ),
    keys=list,
)
_ABOUT_MODELS = Prepared(
    lambda keys: (
        RegisteredModel.objects.filter(pk__in=keys)
        .order_by()
        .values_list("pk", _model_tags(), _model_aliases(), *(_newest(stage) for stage in STAGES))
    ),
    keys=list,
)


def _visible(user: User, rows: Sequence[Sequence[Any]]) -> Sequence[Any] | None:
    """Return the columns of the row that was found if the user may see it: same rule as `visible_to`."""
    for unit_id, model_id, *columns in rows:
        if rights_of(user).has("registry.view", unit_id=unit_id, model_id=model_id):
            return columns
    return None


def version(user: User, name: str, number: int, shown: str = "") -> dict[str, Any]:
    """Return one version with its aliases, in one statement."""
    row = _visible(user, _BY_NUMBER.rows(name=name, number=number))
    if row is None:
        raise version_not_found(name, shown or number)
    return _versions([row], with_aliases=True)[0]


def new_version(name: str, row: ModelVersion, tags: dict[str, str]) -> dict[str, Any]:
    """Show a version that was just registered, without reading it again."""
    columns = [getattr(row, field) for field in VERSION_FIELDS[1:]]
    return wire.model_version(wire.VersionRow(name, *columns), tags=tags)


def version_by_alias(user: User, name: str, alias: str) -> dict[str, Any]:
    """Return the version an alias points to; ``latest`` is the newest one."""
    if alias.lower() == "latest":
        found = latest_versions(user, name, ())
        if not found:
            raise ProtocolError("RESOURCE_DOES_NOT_EXIST", f"Latest version not found for model {name}.")
        return found[0]
    row = _visible(user, _BY_ALIAS.rows(name=name, alias=alias))
    if row is None:
        if not models_of(user).filter(name=name).exists():
            raise model_not_found(name)
        raise invalid(f"Registered model alias {alias} not found.")
    return _versions([row], with_aliases=True)[0]


def download_uri(user: User, name: str, number: int, shown: str = "") -> str:
    """Return where the artifacts are. A version copied from a version leads to that one's source."""
    asked, source = name, None
    for _ in range(MAX_HOPS):
        found = _visible(user, _SOURCE.rows(name=name, number=number))
        if found is None:
            break
        source = found[0]
        name, number = _copied_from(source)
        if not name:
            break
    if source is None:
        raise version_not_found(asked, shown or number)
    return source


def _copied_from(source: str) -> tuple[str, int]:
    if not source.startswith("models:/"):
        return "", 0
    name, _, number = source.removeprefix("models:/").rpartition("/")
    return (
        (name, int(number))
        if name and number.isascii() and number.isdigit() and len(number) < 10
        else ("", 0)
    )


def latest_versions(user: User, name: str, stages: Sequence[str]) -> list[dict[str, Any]]:
    """Return the newest version of each stage, of all stages when none is named."""
    newest = (
        models_of(user).filter(name=name).values_list(*(_newest(stage) for stage in stages or STAGES)).first()
    )
    if newest is None:
        raise model_not_found(name)
    keys = [pk for pk in newest if pk]
    return _versions([row for _, *row in _BY_KEYS.rows(keys=keys)], with_aliases=True) if keys else []


def model(user: User, name: str) -> dict[str, Any]:
    """Return one model with the newest version of each stage."""
    found = _models(models_of(user).filter(name=name))
    if not found:
        raise model_not_found(name)
    return found[0][1]


def _models(rows: QuerySet[RegisteredModel]) -> list[tuple[Sequence[Any], dict[str, Any]]]:
    """Read models with tags, aliases and newest versions, beside their columns: three statements for any number."""
    return _shown(list(rows.values_list(*MODEL_FIELDS)))


def _shown(found: Sequence[Sequence[Any]]) -> list[tuple[Sequence[Any], dict[str, Any]]]:
    if not found:
        return []
    about = {row[0]: row for row in _ABOUT_MODELS.rows(keys=[row[0] for row in found])}
    ordered = [about[row[0]] for row in found]
    tags, aliases = _objects(row[1] for row in ordered), _objects(row[2] for row in ordered)
    latest = _newest_versions(
        {row[0]: row[1] for row in found}, [pk for row in ordered for pk in row[3:] if pk]
    )
    models = []
    for row, known, own, named in zip(found, ordered, tags, aliases, strict=True):
        versions = [latest[pk] for pk in known[3:] if pk]
        body = wire.registered_model(wire.ModelRow(*row), tags=own, aliases=named, latest=versions)
        models.append((row, body))
    return models


def _newest_versions(names: Mapping[int, str], keys: list[int]) -> dict[int, dict[str, Any]]:
    """Show the versions with these keys, by key; ``names`` are those of their models."""
    if not keys:
        return {}
    rows = _SHOWN_WITH_MODELS.rows(keys=keys)
    shown = _versions([(names[model_id], *row) for _, model_id, *row in rows])
    return {row[0]: body for row, body in zip(rows, shown, strict=True)}


def _scope(user: User) -> tuple[bool, frozenset[int], frozenset[int]]:
    """Return all that `visible_to` looks at: people of one scope share their searches' statements."""
    rights = rights_of(user)
    if rights.everywhere("registry.view"):
        return True, NO_UNITS, NO_UNITS
    return False, rights.units("registry.view"), rights.models("registry.view")


@dataclass(frozen=True, slots=True)
class _Search:
    """A search that was read and compiled, ready to run again: clients poll with the same few."""

    orders: Sequence[Order]
    statement: Prepared


class _Searches:
    """The searches asked last. Reading and compiling one costs as much as running it."""

    def __init__(self, build: Callable[..., QuerySet], grammar: Grammar, columns: dict[str, str]) -> None:
        self.build, self.grammar, self.columns = build, grammar, columns
        self.known: OrderedDict[Any, _Search] = OrderedDict()

    def find(
        self, user: User, text: str | None, order_by: Sequence[str], size: int, token: str | None
    ) -> _Search:
        """Return the search; what does not parse is refused each time it is asked."""
        key = (text, tuple(order_by), size, token, _scope(user))
        search = self.known.get(key)
        if search is None:
            search = self._read(user, text, order_by, size, token)
            if sum(map(len, (text or "", token or "", *order_by))) <= REMEMBERED_LENGTH:
                self.known[key] = search
                while len(self.known) > REMEMBERED:
                    self.known.popitem(last=False)
        return search

    def _read(
        self, user: User, text: str | None, order_by: Sequence[str], size: int, token: str | None
    ) -> _Search:
        orders = parse_order(order_by, self.grammar)
        rows = self.build(user, parse_filter(text, self.grammar))
        place = read_token(token, orders)
        if place is not None:
            rows = rows.filter(after(orders, self.columns, place))
        page = rows.order_by(*ordering(orders, self.columns)).values_list(*MODEL_FIELDS)[: size + 1]
        return _Search(orders, Prepared(page.all))


_MODEL_SEARCHES = _Searches(
    lambda user, conditions: models_where(models_of(user), conditions), MODELS, MODEL_COLUMNS
)


def search_models(
    user: User, *, text: str | None, order_by: Sequence[str], size: int, token: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Return one page of models and the token of the next page, if there is one."""
    search = _MODEL_SEARCHES.find(user, text, order_by, size, token)
    found = _shown(search.statement.rows())
    if len(found) <= size:
        return [body for _, body in found], None
    last = dict(zip(MODEL_FIELDS, found[size - 1][0], strict=True))
    place = [last[MODEL_COLUMNS[order.key]] for order in search.orders]
    return [body for _, body in found[:size]], write_token(search.orders, place)


def search_versions(
    user: User, *, text: str | None, order_by: Sequence[str], size: int, token: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Return one page of versions and the token of the next page, if there is one."""
    orders = parse_order(order_by, VERSIONS)
    rows = versions_where(versions_of(user), parse_filter(text, VERSIONS))
    place = read_token(token, orders)
    if place is not None:
        rows = rows.filter(after(orders, VERSION_COLUMNS, place))
    by = ordering(orders, VERSION_COLUMNS)
    page = rows.order_by(*by).values("pk")[: size + 1]
    shown = (
        ModelVersion.objects.filter(pk__in=page).order_by(*by).values_list(*VERSION_FIELDS, _version_tags())
    )
    found = list(shown)
    bodies = _versions(found[:size])
    if len(found) <= size:
        return bodies, None
    last = dict(zip(VERSION_FIELDS, found[size - 1], strict=False))
    return bodies, write_token(orders, [last[VERSION_COLUMNS[order.key]] for order in orders])
