"""Every list, on pages and in the API, reads in as many statements for twenty rows as for two."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from mlops_portal.foundation.web.pages import ListPage
from registry.views.board import DeploymentBoard
from tests.contracts.building import Builder

FEW, MANY = 2, 12
# Lists whose rows are not made from one record alone, each with the place where their statements are counted.
COUNTED_ELSEWHERE = {
    "audits:ledger": "rows appear when entries are sequenced; tests of the audit pages",
    "audits:past-inventory": "rows are history; tests of the audit pages",
    "audits-api:entries": "rows appear when entries are sequenced; tests of the audit API",
    "audits-api:exports": "rows are jobs; tests of the audit API",
    "kpis-api:numbers": "one row for each KPI, whatever the data",
    "kpis:kpi-detail": "rows are deployments in a window; tests of the KPI pages",
    "registry:import-run": "rows of one import; tests/web/registry",
    "registry:version-list": "rows of one model; tests/web/registry",
    "approvals:model-changes": "rows of one model; the same table as approvals:change-list",
}


def lists(resolver: Any = None, space: str = "") -> list[tuple[str, Any]]:
    """Every list in the resolver whose address needs no record: its name and the record it lists."""
    found = []
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            found += lists(entry, f"{space}{entry.namespace}:" if entry.namespace else space)
        elif isinstance(entry, URLPattern) and entry.name:
            view = getattr(entry.callback, "view_class", None) or getattr(entry.callback, "cls", None)
            is_page = isinstance(view, type) and issubclass(view, (ListPage, DeploymentBoard))
            is_api = getattr(entry.callback, "actions", {}).get("get") == "list" if view else False
            if is_page or is_api:
                found.append((f"{space}{entry.name}", view, entry.pattern))
    return found


EVERY = lists()
COUNTED = [
    pytest.param(name, view, id=name)
    for name, view, pattern in EVERY
    if name not in COUNTED_ELSEWHERE and not getattr(pattern, "converters", {})
]


def test_lists_were_found():
    names = {name for name, _view, _pattern in EVERY}
    assert {
        "registry:model-list",
        "registry:deployment-board",
        "approvals:change-list",
        "registry-api:models",
        "approvals-api:changes",
    } <= names
    assert set(COUNTED_ELSEWHERE) <= names


@pytest.fixture
def everywhere(make_person, group, as_person) -> tuple[Client, Client]:
    """Return clients of two people who between them may read every list of the group."""
    roles = ("auditor", "model_owner", "operator")
    reader = make_person("Rita Reader", *roles, unit=group)
    keeper = make_person("Kai Keeper", "administrator", unit=group)
    return as_person(reader), as_person(keeper)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "view"), COUNTED)
def test_statements_do_not_grow_with_rows(name, view, everywhere, retail, group, now):
    model = view.queryset.model
    builder = Builder(now)
    builder.made[apps.get_model("foundation.BusinessUnit")] = retail
    place = reverse(name)
    client = next((one for one in everywhere if one.get(place).status_code == 200), None)
    assert client is not None, f"nobody of this test may read {name}"
    add(builder, model, FEW)
    client.get(place)
    with CaptureQueriesContext(connection) as few:
        assert client.get(place).status_code == 200
    add(builder, model, MANY)
    with CaptureQueriesContext(connection) as many:
        assert client.get(place).status_code == 200
    extra = "\n".join(query["sql"][:200] for query in many.captured_queries[len(few) :])
    assert len(many) <= len(few), f"{len(few)} statements became {len(many)}:\n{extra}"


def add(builder: Builder, model: Any, count: int) -> None:
    """Add rows, each with records of its own behind its foreign keys."""
    unit = apps.get_model("foundation.BusinessUnit")
    for _ in range(count):
        builder.made = {unit: builder.made[unit]}
        row = builder.of(model)
        if model._meta.label == "registry.RegisteredModel":
            counter = apps.get_model("registry.ModelCounter")
            counter.objects.create(model=row, unit=row.unit, last_activity_at=builder.now)
