"""The formulas against Apache DevLake's own end-to-end tables."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kpis.formulas import (
    Deployment,
    Incident,
    Running,
    change_failure_rate,
    deployment_frequency,
    logical_deployments,
)
from kpis.windows import Window
from tests.unit.kpis.builders import BERLIN

TABLES = Path(__file__).parents[4] / "shared" / "data" / "dora-devlake"
pytestmark = pytest.mark.skipif(
    not TABLES.exists(), reason="shared/data/dora-devlake is not beside the checkout"
)
SEPTEMBER = Window(datetime(2022, 9, 1, tzinfo=UTC), datetime(2022, 10, 1, tzinfo=UTC), BERLIN)


def table(path):
    with (TABLES / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def instant(text):
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def deployment(row, *, batch, target):
    return Deployment(
        id=row["id"],
        target=target,
        finished_at=instant(row["finished_date"]),
        result={"SUCCESS": "succeeded", "FAILURE": "failed"}[row["result"]],
        batch=batch,
        is_production=row["environment"] == "PRODUCTION",
    )


def mapped(table_name, mapping):
    return {row["row_id"]: row["project_name"] for row in mapping if row["table"] == table_name}


def project_deployments():
    folder = "connect_incident_to_deployment"
    scopes = mapped("cicd_scopes", table(f"{folder}/raw_tables/project_mapping.csv"))
    rows = table(f"{folder}/prev_success_deployment_commit/cicd_deployment_commits_after.csv")
    return [
        deployment(row, batch=row["cicd_deployment_id"], target=scopes[row["cicd_scope_id"]]) for row in rows
    ]


def project_incidents():
    folder = "connect_incident_to_deployment/raw_tables"
    mapping = table(f"{folder}/project_mapping.csv")
    projects = mapped("repos", mapping) | mapped("boards", mapping)
    return [
        (row["id"], projects.get(row["scope_id"]), instant(row["created_date"]))
        for row in table(f"{folder}/incidents.csv")
    ]


def charged():
    """Say which deployment each incident of a mapped project is charged to."""
    folded, _ = logical_deployments(project_deployments())
    running = Running(folded)
    found = {}
    for name, project, created_at in project_incidents():
        if project and (cause := running.at(created_at, project)):
            found[name] = cause.id
    return found


def test_each_incident_is_charged_to_the_deployment_devlake_expects():
    expected = table(
        "connect_incident_to_deployment/snapshot_tables/project_incident_deployment_relationships.csv"
    )
    assert charged() == {row["id"]: row["deployment_id"] for row in expected}
    assert len(expected) == 6


def test_the_previous_success_of_every_commit_is_the_one_devlake_expects():
    rows = table("prev_success_deployment_commit/cicd_deployment_commits_before.csv")
    expected = table("prev_success_deployment_commit/cicd_deployment_commits_after.csv")
    scopes = mapped("cicd_scopes", table("prev_success_deployment_commit/project_mapping.csv"))
    by_environment = {}
    for row in rows:
        place = f"{scopes[row['cicd_scope_id']]}|{row['cicd_scope_id']}|{row['repo_url']}"
        one = deployment(row | {"environment": "PRODUCTION"}, batch="", target=place)
        by_environment.setdefault(row["environment"], []).append(one)
    found = {}
    for environment, deployments in by_environment.items():
        folded, _ = logical_deployments(deployments)
        running = Running(folded)
        for item in folded:
            before = running.at(item.finished_at, next(iter(item.targets)))
            has_one = environment and before and item.result == "succeeded"
            found[item.id] = before.id if has_one else ""
    assert found == {row["id"]: row["prev_success_deployment_commit_id"] for row in expected}
    assert len(found) == 16


def test_a_batch_counts_once_and_a_failed_row_in_it_does_not_fail_it():
    rows = [row for row in project_deployments() if row.target == "project1"]
    result = deployment_frequency(rows, SEPTEMBER, live_since=SEPTEMBER.start)
    assert result.counted == ("pipeline1", "pipeline2", "pipeline4", "pipeline6", "pipeline7")


def test_the_failure_rate_divides_failing_deployments_by_deployments():
    rows = [row for row in project_deployments() if row.target == "project1"]
    causes = charged()
    incidents = [
        Incident(id=name, detected_at=created_at, caused_by=causes.get(name, ""))
        for name, _, created_at in project_incidents()
    ]
    result = change_failure_rate(
        rows, SEPTEMBER, as_of=datetime(2022, 12, 31, tzinfo=UTC), incidents=incidents
    )
    assert (result.numerator, result.denominator, result.value) == (2, 5, 0.4)
