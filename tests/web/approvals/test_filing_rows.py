"""Rows of the filing form: the traffic plan step by step, more rows by a submit that saves nothing."""

import re
from collections.abc import Callable
from datetime import datetime

from django.test import Client

from approvals.models import ChangeRequest
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from registry.models import Environment, ModelVersion, MonitoringPlan, RegisteredModel
from tests.factories import approvals as make

SignIn = Callable[[User], Client]


def test_more_rows_keep_what_was_typed_and_save_nothing(
    version: ModelVersion, prod: Environment, ada: User, as_person: SignIn, now: datetime
) -> None:
    change = make.draft(version, prod, by=ada, now=now)
    typed = {
        "row_revision": change.row_revision,
        "purpose": "Not yet said",
        "traffic_plan-count": 2,
        "traffic_plan-0-percent": "5",
        "traffic_plan-0-stop_rule": "errors above 1 %",
        "traffic_plan-more": "1",
    }
    answer = as_person(ada).post(f"/changes/{change.pk}/edit/", typed)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="traffic_plan-count" value="4"' in page
    assert 'value="errors above 1 %"' in page
    assert "Not yet said" in page
    assert "needs attention" not in page
    assert ChangeRequest.objects.get(pk=change.pk).row_revision == change.row_revision


def test_a_mistake_names_its_row(
    version: ModelVersion, prod: Environment, ada: User, as_person: SignIn, now: datetime
) -> None:
    change = make.draft(version, prod, by=ada, now=now)
    url = f"/changes/{change.pk}/edit/"
    for percent, said in (
        ("many", "Row 1: many is no number (share, %)."),
        ("2.5", "Row 1: write the share"),
    ):
        typed = {
            "row_revision": change.row_revision,
            "traffic_plan-count": 1,
            "traffic_plan-0-percent": percent,
        }
        answer = as_person(ada).post(url, typed)
        assert answer.status_code == 400
        assert said in answer.content.decode()
    typed = {"row_revision": change.row_revision, "traffic_plan-count": 1, "traffic_plan-0-hold_hours": "4"}
    assert "Row 1: share, % is missing." in as_person(ada).post(url, typed).content.decode()


def test_a_monitoring_plan_is_written_in_rows(
    version: ModelVersion, release_cast: make.Cast, as_person: SignIn
) -> None:
    client, model = as_person(release_cast.owner), version.model
    url = f"/models/{model.pk}/monitoring-plan/"
    page = client.get(url).content.decode()
    before = MonitoringPlan.objects.get(model=model, is_current=True)
    assert f'name="measures-count" value="{len(before.measures) + 2}"' in page
    assert '<option value="data_drift" selected>Data drift</option>' in page
    row = {"measure": "psi", "dimension": "data_drift", "watch": "0.1", "act": "0,2", "stop": "0.4"}
    row |= {"cadence_hours": "24", "route": "owner"}
    typed = {f"measures-3-{key}": value for key, value in row.items()}
    answer = client.post(url, {"measures-count": 6, **typed})
    assert answer.status_code == 303
    saved = MonitoringPlan.objects.get(model=model, is_current=True)
    assert saved.number == before.number + 1
    assert saved.measures == [
        {**row, "watch": 0.1, "act": 0.2, "stop": 0.4, "cadence_hours": 24.0},
    ]


def test_a_plan_starts_with_a_row_for_each_dimension_that_the_tier_needs(
    version: ModelVersion, release_cast: make.Cast, as_person: SignIn, now: datetime
) -> None:
    client, model = as_person(release_cast.owner), version.model
    (plan,) = MonitoringPlan.objects.filter(model=model)
    plan.is_current = False
    save_as(plan, by=None, now=now, reason="Begun anew", fields=["is_current"])
    url = f"/models/{model.pk}/monitoring-plan/"
    page = client.get(url)
    needed = ["performance", "data_drift", "prediction_drift", "service_health", "fairness"]
    assert [row["dimension"] for row in page.context["form"].initial["measures"]] == needed
    assert "selected>Prediction drift</option>" in page.content.decode()
    row = {"measure": "psi", "act": "0.2", "cadence_hours": "24", "route": "owner"}
    typed = {f"measures-{place}-dimension": name for place, name in enumerate(needed)}
    typed |= {f"measures-1-{key}": value for key, value in row.items()} | {"measures-count": "7"}
    more = client.post(url, {**typed, "measures-more": "1"}).content.decode()
    assert "selected>Prediction drift</option>" in more, "more rows keep those that wait for a metric"
    assert client.post(url, typed).status_code == 303
    saved = MonitoringPlan.objects.get(model=model, is_current=True)
    assert [row["dimension"] for row in saved.measures] == ["data_drift"]
    rest = [row["dimension"] for row in client.get(url).context["form"].initial["measures"]]
    assert sorted(rest) == sorted(needed)
    typed["measures-1-dimension"] = "nothing known"
    assert "none of the offered values" in client.post(url, typed).content.decode()


def test_what_filing_needs_is_not_called_optional(
    version: ModelVersion, prod: Environment, ada: User, now: datetime, as_person: SignIn
) -> None:
    client = as_person(ada)
    new = client.get(f"/changes/new/?model={version.model_id}").content.decode()
    for name in ("version", "environment"):
        label = new[new.index(f'for="id_{name}"') :].split("</label>")[0]
        assert "needed to file, except to retire" in label
    change = make.draft(version, prod, by=ada, now=now)
    page = client.get(f"/changes/{change.pk}/edit/").content.decode()
    assert "needed to file" in page[page.index('for="id_purpose"') :].split("</label>")[0]
    assert "optional" in page[page.index('for="id_scope"') :].split("</label>")[0]
    assert "Save before you file." not in page


def test_the_button_that_files_names_the_gates_that_stay_closed(
    model: RegisteredModel, prod: Environment, release_cast: make.Cast, now: datetime, as_person: SignIn
) -> None:
    weak = make.complete_version(model, cast=release_cast, now=now, young=0.6, artifact="b")
    described = [{"title": "Stay", "metrics": "auc 0.8", "why_not": "Drift."}]
    change = make.draft(weak, prod, by=release_cast.developer, now=now, alternatives=described)
    page = as_person(release_cast.developer).get(f"/changes/{change.pk}/edit/").content.decode()
    panel = page[page.index('id="file-h"') :].split("</section>")[0]
    assert "Filed as it is, the request cannot be approved" in panel
    assert "PERF-01" in panel
    assert "will need a fix or a waiver." in panel
    assert 'aria-describedby="file-fails"' in panel


def test_what_is_missing_is_one_list_with_one_mark_each(
    version: ModelVersion, prod: Environment, ada: User, now: datetime, as_person: SignIn
) -> None:
    change = make.draft(version, prod, by=ada, now=now, purpose="")
    page = as_person(ada).get(f"/changes/{change.pk}/edit/").content.decode()
    missing = page[page.index('aria-labelledby="file-why"') :].split("</ul>")[0]
    assert "<li>Say what the change is for." in missing
    assert "<svg" not in missing


def test_what_a_service_refuses_stands_at_the_field_of_the_second_form(
    version: ModelVersion, prod: Environment, ada: User, as_person: SignIn, now: datetime
) -> None:
    answer = as_person(ada).post(
        f"/changes/new/?model={version.model_id}",
        {
            "kind": "deploy",
            "version": version.pk,
            "environment": prod.pk,
            "title": "Put it in place",
            "window_starts_at": "2027-03-02 10:00",
            "window_ends_at": "2027-03-01 10:00",
        },
    )
    assert answer.status_code == 400
    assert answer.context["content"].errors["window_ends_at"] == ["The window ends before it starts."]
    assert "window_ends_at:" not in answer.content.decode()


def test_the_form_leaves_the_zone_to_the_foot_and_marks_examples_as_such(
    version: ModelVersion, ada: User, as_person: SignIn
) -> None:
    page = as_person(ada).get(f"/changes/new/?model={version.model_id}").content.decode()
    assert "Times in" not in page
    assert page.count("Times are ") == 1
    examples = re.findall(r'placeholder="([^"]*)"', page.split('id="main"')[1].split("</main>")[0])
    assert [one for one in examples if not one.startswith(("e.g. ", "YYYY-MM-DD"))] == []
