"""Two people at once, on PostgreSQL: nothing is lost, nothing doubled, the second is told."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, connections

from mlops_portal.foundation.errors import Conflict, NotFound
from mlops_portal.foundation.history import history_model
from mlops_portal.foundation.people.services.units import unit_create
from mlops_portal.foundation.rules import RuleViolation
from registry import services
from registry.imports import mapping, undoing
from registry.imports import service as importing
from registry.imports.writing import ChunkWriter
from registry.models import Alias, Deployment, ImportedModel, RegisteredModel
from registry.services.models import ModelExists
from tests.factories.registry import EnvironmentFactory, ModelFactory, UnitFactory, VersionFactory
from tests.threads import at_once

NOW = datetime(2026, 11, 17, 9, 40, tzinfo=UTC)

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]


def refused(results: list[Any], error: type[Exception]) -> int:
    """Count the refusals; anything else that went wrong fails the test."""
    others = [item for item in results if isinstance(item, Exception) and not isinstance(item, error)]
    assert others == []
    return sum(isinstance(item, error) for item in results)


def test_one_name_is_given_once():
    unit = unit_create(code="race", name="Race", by=None, now=NOW)
    register = lambda: services.model_register(name="churn", unit=unit, by=None, now=NOW)  # noqa: E731
    assert refused(at_once(*[register] * 4), ModelExists) == 3
    assert RegisteredModel.objects.count() == 1


def test_of_two_editors_the_second_is_told():
    model = ModelFactory()
    edits = [
        lambda title=title: services.model_update(model=model, title=title, revision=1, by=None, now=NOW)
        for title in ("one", "two")
    ]
    assert refused(at_once(*edits), Conflict) == 1
    assert RegisteredModel.objects.get().revision == 2


def test_an_alias_points_to_one_version(no_gates):
    model = ModelFactory()
    versions = [VersionFactory(model=model) for _ in range(3)]
    moves = [
        lambda version=version: services.alias_set(
            model=model, version=version, name="champion", by=None, now=NOW
        )
        for version in versions
    ]
    assert refused(at_once(*moves), RuleViolation) == 0
    assert Alias.objects.count() == 1


def test_one_deployment_is_in_progress_at_a_time(no_gates):
    model = ModelFactory()
    place = EnvironmentFactory(unit=model.unit)
    version = VersionFactory(model=model)
    start = lambda: services.deployment_start(version=version, environment=place, by=None, now=NOW)  # noqa: E731
    assert refused(at_once(*[start] * 3), RuleViolation) == 2
    assert Deployment.objects.count() == 1


def test_an_import_keeps_what_somebody_edits_meanwhile(monkeypatch):
    unit = UnitFactory()
    columns = mapping.build(
        {
            "name": "bank",
            "source": "bank",
            "key": ["Id"],
            "fields": {"name": "Model", "decisions_per_day": "Volume"},
        }
    )

    def run(rows):
        started = importing.import_start(
            content=f"Id,Model,Volume\n{rows}".encode(),
            name="models.csv",
            mapping=columns,
            unit=unit,
            by=None,
            now=NOW,
            in_background=False,
        )
        importing.import_run(run=started, by=None, clock=lambda: NOW, progress=lambda done, total: None)

    def edit():
        try:
            services.model_update(model=RegisteredModel.objects.get(), title="Edited", by=None, now=NOW)
        finally:
            connections.close_all()

    run("1,churn,1200\n")
    editor = threading.Thread(target=edit)
    write = ChunkWriter.write

    def write_late(writer, decisions):
        editor.start()
        editor.join(timeout=1)
        write(writer, decisions)

    monkeypatch.setattr(ChunkWriter, "write", write_late)
    run("1,churn,1300\n")
    editor.join(timeout=60)
    model = RegisteredModel.objects.get()
    last = history_model(RegisteredModel).objects.latest("history_date", "history_id")
    assert (model.title, model.decisions_per_day, model.revision) == ("Edited", 1300, 3)
    assert (last.title, last.decisions_per_day, last.revision) == ("Edited", 1300, 3)


def test_a_model_deleted_while_its_import_is_undone_is_left_out_of_both_lists():
    """Whichever comes first: each model is deleted once, and none is kept for a reason of its own."""
    unit = unit_create(code="race", name="Race", by=None, now=NOW)
    document = {"name": "x", "source": "x", "key": ["Id"], "fields": {"name": "Model"}}
    run = importing.import_start(
        content=b"Id,Model\n1,one\n2,two\n3,three\n", name="x.csv", mapping=mapping.build(document),
        unit=unit, by=None, now=NOW, in_background=False,
    )  # fmt: skip
    run = importing.import_run(run=run, by=None, clock=lambda: NOW, progress=lambda *_: None)
    one = RegisteredModel.objects.get(name="one")
    undo = {"run": run, "by": None, "clock": lambda: NOW, "progress": lambda *_: None}
    results = at_once(
        lambda: services.model_delete(model=one, reason="by hand", by=None, now=NOW),
        lambda: undoing.undo_run(**undo),
        lambda: undoing.undo_run(**undo),
    )
    refused(results, NotFound)
    assert not RegisteredModel.objects.alive().exists()
    assert not ImportedModel.objects.exclude(stays="").exists()
    deletions = history_model(RegisteredModel).objects.filter(deleted_at__isnull=False)
    assert sorted(deletions.values_list("name", flat=True)) == ["one", "three", "two"]
