"""The gate door and the long wait: who may ask, what nonsense is told, and that asking writes nothing but that it was asked."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection

from approvals import services
from approvals.api import changes as waiting
from audits.models import AccessLog, LedgerEntry
from mlops_portal.foundation.people.principals import forget_principals
from tests.contracts.test_access import Writes
from tests.factories import approvals as make
from tests.kept import kept

GATE = "/gate/?model={}&version={}&environment={}"


@pytest.fixture
@kept
def filed(ada, olga, vera, ines, rolf, carl, omar, make_person, group, retail, now):
    """Return a request for a version of Retail Lending in its production."""
    paula = make_person("Paula Publisher", "policy_publisher", unit=group)
    services.install_default_policy(by=None, second=paula, now=now - timedelta(days=365))
    cast = make.Cast(ada, olga, vera, ines, rolf, carl, omar)
    model = make.complete_model(unit=retail, cast=cast, tier=4, now=now)
    version = make.complete_version(model, cast=cast, now=now)
    return make.submitted(version, make.production(retail, now=now), by=ada, now=now)


def ask(caller, change, **other):
    given = {
        "model": change.model.name,
        "version": change.version.number,
        "environment": change.environment.name,
    }
    given |= other
    return caller.call("GET", GATE.format(given["model"], given["version"], given["environment"]))


@pytest.mark.django_db
def test_the_gate_denies_with_every_reason_and_writes_only_that_it_was_asked(filed, retail, ada, as_pipeline):
    caller = as_pipeline(retail, ada, scopes=["registry.view", "approvals.view"])
    with Writes() as writes:
        answer = ask(caller, filed)
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["decision"], said["change"]) == ("deny", filed.code)
    assert all(one["message"] for one in said["unmet"])
    assert writes.tables == set()
    assert list(AccessLog.objects.values_list("what", "subject_id")) == [
        ("approvals.gate_read", str(filed.version_id))
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        pytest.param(["kpis.view"], 400, id="a token that sees no model"),
        pytest.param(["registry.view"], 403, id="a token that sees no request"),
    ],
)
def test_a_token_without_the_scope_is_told_nothing(scopes, status, filed, retail, ada, as_pipeline):
    answer = ask(as_pipeline(retail, ada, scopes=scopes), filed)
    assert answer.status_code == status
    assert filed.code not in answer.content.decode()
    assert filed.dossier_digest not in answer.content.decode()


@pytest.mark.django_db
def test_a_pipeline_of_another_unit_is_told_what_it_would_be_told_about_nothing(
    filed, plant, dora, as_pipeline
):
    caller = as_pipeline(plant, dora, scopes=["registry.view", "approvals.view"])
    hidden, absent = ask(caller, filed), ask(caller, filed, model="no-such-model")
    assert (hidden.status_code, absent.status_code) == (400, 400)
    assert hidden.content.decode().replace(filed.model.name, "?") == absent.content.decode().replace(
        "no-such-model", "?"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("other", "where"),
    [
        pytest.param({"model": ""}, "model", id="no model"),
        pytest.param({"model": "%00"}, "model", id="NUL"),
        pytest.param({"version": "²"}, "version", id="a digit that is none"),
        pytest.param({"version": "9" * 400}, "version", id="a huge number"),
        pytest.param({"version": "-1"}, "version", id="a negative number"),
        pytest.param({"environment": "nowhere"}, "environment", id="another environment"),
        pytest.param({"environment": "x" * 5000}, "environment", id="a long name"),
    ],
)
def test_nonsense_is_refused_by_name(other, where, filed, retail, ada, as_pipeline):
    answer = ask(as_pipeline(retail, ada, scopes=["registry.view", "approvals.view"]), filed, **other)
    assert answer.status_code == 400
    assert [error["where"] for error in answer.json()["errors"]] == [where]


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_gate_is_only_read(method, filed, retail, ada, as_pipeline):
    caller = as_pipeline(retail, ada, scopes=["registry.view", "approvals.view", "approvals.request"])
    before = LedgerEntry.objects.count()
    assert caller.call(method, "/gate/", {}).status_code == 405
    assert LedgerEntry.objects.count() == before


@pytest.mark.django_db
@pytest.mark.parametrize("wait", ["nan", "inf", "-1", "x", "1e9", "²"])
def test_a_wait_that_is_none_is_refused_by_name(wait, filed, retail, ada, as_pipeline):
    caller = as_pipeline(retail, ada, scopes=["approvals.view"])
    answer = caller.call("GET", f"/changes/{filed.pk}/status/?wait={wait}")
    assert answer.status_code == 400
    assert [error["where"] for error in answer.json()["errors"]] == ["wait"]


@pytest.mark.django_db
def test_nobody_waits_for_a_request_they_cannot_see(filed, plant, dora, as_pipeline):
    began = time.monotonic()
    caller = as_pipeline(plant, dora, scopes=["approvals.view"])
    assert caller.call("GET", f"/changes/{filed.pk}/status/?wait=10").status_code == 404
    assert time.monotonic() - began < 5


@pytest.mark.django_db
def test_news_are_answered_at_once_and_no_news_after_the_wait(filed, retail, ada, as_pipeline):
    caller = as_pipeline(retail, ada, scopes=["approvals.view"])
    place = f"/changes/{filed.pk}/status/?wait=0.2&since="
    filed.refresh_from_db()
    assert caller.call("GET", f"{place}{filed.row_revision}").json()["row_revision"] == filed.row_revision
    assert caller.call("GET", f"{place}{filed.row_revision - 1}").json()["row_revision"] == filed.row_revision


@pytest.mark.django_db
def test_who_finds_the_waiting_room_full_is_answered_at_once(filed, retail, ada, as_pipeline, monkeypatch):
    """At most a quarter of the threads wait; the others keep answering."""
    room = threading.BoundedSemaphore(1)
    room.acquire()
    monkeypatch.setattr(waiting, "_waiting", room)
    began = time.monotonic()
    answer = as_pipeline(retail, ada, scopes=["approvals.view"]).call(
        "GET", f"/changes/{filed.pk}/status/?wait=10"
    )
    assert answer.status_code == 200
    assert time.monotonic() - began < 5


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs two connections")
def test_who_waits_is_told_when_the_request_is_withdrawn(filed, retail, ada, as_pipeline, now):
    from django.db import connections

    caller = as_pipeline(retail, ada, scopes=["approvals.view"])
    filed.refresh_from_db()
    place = f"/changes/{filed.pk}/status/?wait=10&since={filed.row_revision}"
    heard = []

    def listen():
        heard.append(caller.call("GET", place).json())
        connections.close_all()

    listener = threading.Thread(target=listen)
    listener.start()
    time.sleep(0.3)
    services.change_withdraw(change=filed, reason="Not now.", by=ada, now=now)
    listener.join(timeout=12)
    assert [one["state"] for one in heard] == ["withdrawn"]
    forget_principals()
