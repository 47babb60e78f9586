"""The numbers of the pages, computed a second time by other means from the exported rows of the tables."""

import random
from datetime import timedelta

import pandas as pd
import pytest
from django.urls import reverse
from django.utils import timezone

from approvals.models import ChangeRequest, Stage
from kpis.windows import trailing
from registry.models import Deployment
from tests.unit.kpis.rows import decided, model_of, place_of, ran, version_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def generated(retail, plant, ada):
    """A seeded half year: batches, failures, rollbacks, hot fixes, tests, returned and withdrawn requests."""
    source, now = random.Random(20261117), timezone.now()
    begin = now - 200 * DAY
    places = [place_of(retail, f"prod-{name}", now=begin) for name in "ab"]
    staging = place_of(retail, "staging", now=begin, is_production=False)
    for number in range(6):
        unit = (retail, plant)[number % 2]
        model = model_of(unit, f"model-{number}", now=begin, tier=1 + number % 4)
        day = begin + source.randrange(5, 20) * DAY
        while day < now - DAY:
            known = source.random() > 0.1
            version = version_of(
                model,
                started_at=day - source.uniform(5, 900) * timedelta(hours=1) if known else None,
                now=day,
            )
            state = "failed" if source.random() < 0.1 else "superseded"
            batch = f"run-{model.pk}-{day:%j}" if source.random() < 0.2 else ""
            score = source.choice([None, 0.7, 0.9, 1.0])
            more = {"document_score": score, "document_threshold": 0.9, "is_test": source.random() < 0.05}
            ran(version, places[0], day, state=state, batch=batch, **more)
            if batch:
                ran(version, places[1], day + timedelta(hours=2), batch=batch, **more)
            elif source.random() < 0.25:
                kind = source.choice(["rollback", "hotfix"])
                ran(version, places[0], day + source.choice([1, 3, 8]) * DAY, kind=kind, **more)
            ran(version, staging, day - DAY)
            sent = source.uniform(4, 90)
            ends = {"state": source.choice(["completed", "rejected", "withdrawn"])}
            decided(model, places[0], ada, submitted_at=day - 5 * DAY, hours=sent, version=version, **ends)
            day += source.randrange(7, 15) * DAY


def frame(rows, *names):
    return pd.DataFrame(list(rows.values(*names)))


def deployments(window, now):
    rows = frame(
        Deployment.objects.filter(environment__is_production=True, is_test=False, finished_at__isnull=False),
        "id", "model_id", "environment_id", "version_id", "state", "kind", "batch", "finished_at", "document_score",
        "document_threshold", "version__first_commit_at",
    )  # fmt: skip
    rows["ok"] = rows.state != "failed"
    rows["group"] = rows.apply(lambda row: row.batch or str(row.id), axis=1)
    rows["inside"] = (rows.finished_at >= window.start) & (rows.finished_at < window.end)
    return rows[rows.finished_at <= now].sort_values(["finished_at", "id"])


def test_the_dashboard_agrees_with_an_independent_computation(generated, as_person, cleo):
    client = as_person(cleo)
    tiles = {
        tile.kpi.name: tile.figure
        for tile in client.get(reverse("kpis:dashboard") + "?period=90d").context["tiles"]
    }
    window, now = tiles["lead_time"].window, timezone.now()
    assert window == trailing(now, window.zone)
    rows = deployments(window, now)
    logical = rows.groupby("group").agg(
        finished_at=("finished_at", "max"), ok=("ok", "max"), kind=("kind", "first"),
        score=("document_score", "last"), threshold=("document_threshold", "last"),
    )  # fmt: skip
    inside = logical[(logical.finished_at >= window.start) & (logical.finished_at < window.end)]
    shipped = inside[inside.ok & (inside.kind != "rollback")]
    assert tiles["deployment_frequency"].value == pytest.approx(len(shipped) / (90 / 7))

    counted = inside[inside.kind != "rollback"]
    failed = {group for group, row in counted.iterrows() if not row.ok}
    repairs = rows[rows.kind.isin(["rollback", "hotfix"]) & rows.ok]
    for _, repair in repairs.iterrows():
        before = rows[
            (rows.model_id == repair.model_id)
            & (rows.environment_id == repair.environment_id)
            & rows.ok
            & (rows.finished_at < repair.finished_at)
        ]
        if len(before):
            group = before.iloc[-1].group
            if repair.finished_at - logical.loc[group].finished_at <= 7 * DAY:
                failed.add(group)
    figure = tiles["change_failure_rate"]
    assert failed & set(counted.index)
    assert (figure.numerator, figure.denominator) == (len(failed & set(counted.index)), len(counted))

    complete = counted[counted.score.notna() & (counted.score >= counted.threshold)]
    figure = tiles["documentation_completeness"]
    assert (figure.numerator, figure.denominator) == (len(complete), len(counted))

    first = rows[rows.ok].groupby("version_id").first()
    first = first[first.inside & first.version__first_commit_at.notna()]
    hours = (first.finished_at - pd.to_datetime(first.version__first_commit_at)).dt.total_seconds() / 3600
    figure = tiles["lead_time"]
    assert figure.n == len(hours)
    assert figure.value == pytest.approx(hours.median())
    assert figure.p90 == pytest.approx(hours.quantile(0.9))

    changes = frame(ChangeRequest.objects.all(), "id", "state", "submitted_at", "decided_at")
    mine = changes[
        (changes.state != "withdrawn")
        & (changes.decided_at >= window.start)
        & (changes.decided_at < window.end)
    ]
    whole = (mine.decided_at - mine.submitted_at).dt.total_seconds() / 3600
    stages = frame(Stage.objects.filter(change_id__in=list(mine.id)), "opened_at", "decided_at")
    queue = (stages.decided_at - stages.opened_at).dt.total_seconds() / 3600
    figure = tiles["approval_cycle_time"]
    assert (figure.judged.n, figure.n) == (len(whole), len(queue))
    assert figure.judged.value == pytest.approx(whole.median())
    assert figure.value == pytest.approx(queue.median())
