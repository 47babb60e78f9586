"""The pages of the numbers at 10,000 models and 50,000 deployments, for who sees all and who sees 1 of 200 units.

Needs a database of its own. Rows are made in bulk without history: only reading is measured. The nightly run is
measured, too, since the pages of who sees all read what it kept.
"""

import random
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from approvals.models import ChangeRequest, Stage
from benchmarks.rows import Row
from kpis.services.snapshots import snapshot_take
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.persons import person_create
from mlops_portal.foundation.people.services.units import unit_create
from registry.models import Deployment, Environment, ModelVersion, RegisteredModel
from registry.services.operations import environment_create

UNITS, MODELS, DEPLOYMENTS = 200, 10_000, 50_000
CHUNK = 2_000
DAYS = 540
PAGES = ("dashboard", "kpi:change_failure_rate", "kpi:lead_time", "kpi:approval_cycle_time")


def make_rows(*, units: int = UNITS, models: int = MODELS, deployments: int = DEPLOYMENTS) -> list[User]:
    """Make a portfolio and two managers: of everything, and of one unit."""
    source, now = random.Random(7), timezone.now()  # noqa: S311  (made-up rows)
    begin = now - timedelta(days=DAYS)
    root = unit_create(code="bench", name="Bench", by=None, now=begin)
    leaves = [
        unit_create(code=f"bench-{number}", name=f"Bench {number}", parent=root, by=None, now=begin)
        for number in range(units)
    ]
    place = environment_create(
        unit=root, name="bench-prod", provider="aws", is_production=True, by=None, now=begin
    )
    made = _models(leaves, models, begin, source)
    versions = _versions(made, deployments, begin, source)
    _deployments(versions, place, source)
    _changes(versions, place, source)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    people = []
    for number, unit in enumerate((root, leaves[0])):
        person = person_create(email=f"bench{number}@bench.example", name=f"Bench {number}", by=None, now=now)
        role_grant(user=person, role="manager", unit=unit, reason="bench", by=None, now=now)
        people.append(person)
    return people


def _bulk(model: type, rows: list) -> None:
    for row in rows:
        row.skip_history_when_saving = True
    model._base_manager.bulk_create(rows, batch_size=CHUNK)


def _models(leaves: list[BusinessUnit], count: int, begin: object, source: random.Random) -> list:
    rows = [
        RegisteredModel(
            name=f"bench-model-{number}",
            unit=leaves[number % len(leaves)],
            kind=source.choice(("analytical", "analytical", "generative", "agent")),
            tier=1 + number // len(leaves) % 4,
            created_at=begin,
            updated_at=begin,
        )
        for number in range(count)
    ]
    _bulk(RegisteredModel, rows)
    return rows


def _versions(models: list, count: int, begin: object, source: random.Random) -> list:
    rows = []
    for number in range(count):
        model = models[number % len(models)]
        at = begin + timedelta(days=source.uniform(0, DAYS - 45))
        rows.append(
            ModelVersion(
                model=model,
                unit_id=model.unit_id,
                number=1 + number // len(models),
                registered_at=at,
                updated_at=at,
                first_commit_at=at - timedelta(hours=source.uniform(1, 300)),
            )
        )
    _bulk(ModelVersion, rows)
    return rows


def _deployments(versions: list, place: Environment, source: random.Random) -> None:
    rows = []
    for version in versions:
        at = version.registered_at + timedelta(days=source.uniform(1, 44))
        rows.append(
            Deployment(
                model_id=version.model_id,
                version=version,
                environment=place,
                unit_id=version.unit_id,
                state=source.choices(("superseded", "failed", "rolled_back"), (90, 3, 7))[0],
                kind=source.choices(("normal", "retrain", "rollback"), (85, 8, 7))[0],
                tier=version.model.tier,
                started_at=at - timedelta(minutes=9),
                finished_at=at,
                ended_at=at + timedelta(days=60),
                document_score=source.choice((0.8, 1.0, 1.0)),
                document_threshold=0.9,
            )
        )
    _bulk(Deployment, rows)


def _changes(versions: list, place: Environment, source: random.Random) -> None:
    filer = person_create(email="filer@bench.example", name="Filer", by=None, now=timezone.now())
    changes, waited = [], []
    for version in versions:
        at = version.registered_at + timedelta(hours=source.uniform(1, 20))
        ended = at + timedelta(hours=source.uniform(2, 200))
        waited.append((ended - at).total_seconds())
        changes.append(
            ChangeRequest(
                model_id=version.model_id, unit_id=version.unit_id, version=version, environment=place, kind="deploy",
                title="Bench", state="completed", requester=filer, created_at=at, submitted_at=at, decided_at=ended,
                closed_at=ended, updated_at=ended, decided_tier=version.model.tier,
            )
        )  # fmt: skip
    _bulk(ChangeRequest, changes)
    stages = [
        Stage(
            change=change, model_id=change.model_id, unit_id=change.unit_id, key=f"s{place}", position=place,
            title="Stage", role="risk_officer", right="approvals.approve_risk", meaning="approve", is_independent=True,
            is_deciding=True, sla_hours=72, state="done", opened_at=change.submitted_at, decided_at=change.decided_at,
            used_seconds=used,
        )
        for change, used in zip(changes, waited, strict=True)
        for place in (1, 2)
    ]  # fmt: skip
    _bulk(Stage, stages)


def _address(page: str) -> str:
    kind, _, name = page.partition(":")
    return reverse("kpis:kpi-detail", args=[name]) if kind == "kpi" else reverse("kpis:dashboard")


def _database_ms(client: Client, url: str) -> tuple[float, int, float]:
    """Return database time, statements and whole time of the second, warm reading."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        began = time.perf_counter()
        answer = client.get(url)
        whole = (time.perf_counter() - began) * 1000
    if answer.status_code != 200:
        raise RuntimeError(f"{url} answered {answer.status_code}")
    spent = sum(float(query["time"]) for query in captured.captured_queries) * 1000
    return spent, len(captured), whole


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def run(models: int = MODELS, deployments: int = DEPLOYMENTS) -> list[Row]:
    """Measure."""
    everything, one_unit = make_rows(models=models, deployments=deployments)
    engine = connection.vendor
    rows = [
        Row(f"kpis: nightly run, first ({engine})", _timed(lambda: snapshot_take(now=timezone.now())), "s")
    ]
    rows.append(
        Row(f"kpis: nightly run, again ({engine})", _timed(lambda: snapshot_take(now=timezone.now())), "s")
    )
    for who, person in (("all units", everything), ("1 of 200 units", one_unit)):
        client = Client()
        client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
        for page in PAGES:
            spent, statements, whole = _database_ms(client, _address(page))
            rows.append(Row(f"kpis: {page}, {who}, database time ({engine})", spent, "ms", "≤ 50"))
            rows.append(Row(f"kpis: {page}, {who}, statements ({engine})", statements, ""))
            rows.append(Row(f"kpis: {page}, {who}, whole page ({engine})", whole, "ms"))
    return rows
