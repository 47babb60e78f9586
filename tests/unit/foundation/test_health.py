"""What operators ask: is it there, can it work, what are its figures."""

import pytest
from django.db import DatabaseError
from django.utils import timezone

from mlops_portal.foundation import readiness
from mlops_portal.foundation.web import metrics
from mlops_portal.foundation.work import leases


@pytest.fixture
def checks(monkeypatch):
    monkeypatch.setattr(readiness, "_checks", {})


def test_healthz_asks_nobody(client):
    """Without database access for this test, a query would fail."""
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert "no-cache" in response["Cache-Control"]


def test_readyz_says_what_is_missing(client, checks):
    readiness.register("alpha", lambda now: "")
    readiness.register("beta", lambda now: "the disk is full")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"ready": False, "checks": {"alpha": "ok", "beta": "the disk is full"}}


def test_a_check_that_cannot_answer_is_a_problem(client, checks):
    def broken(now):
        raise DatabaseError("no route to host\nsecond line")

    readiness.register("alpha", broken)
    assert client.get("/readyz").json()["checks"] == {"alpha": "DatabaseError: no route to host"}


def test_readyz_is_good_when_every_check_is(client, checks):
    readiness.register("alpha", lambda now: "")
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_a_process_is_ready_while_it_gives_signs_of_life():
    now, check = timezone.now(), readiness.process_check("worker")
    assert check(now) == "no worker has given a sign of life lately"
    leases.beat(kind="worker", holder="a", now=now)
    assert check(now) == ""
    assert check(now + leases.BEAT_TTL) != ""


@pytest.mark.django_db
def test_the_database_answers():
    assert readiness.database_check(timezone.now()) == ""


def test_two_checks_cannot_share_a_name(checks):
    readiness.register("alpha", lambda now: "")
    with pytest.raises(ValueError, match="registered twice"):
        readiness.register("alpha", lambda now: "")


@pytest.mark.django_db
def test_the_figures_count_requests_by_view_and_hold_what_apps_add(client, monkeypatch):
    monkeypatch.setattr(metrics, "_gauges", {})
    metrics.register_gauge("portal_things", "Things", lambda now: {"red": 2, "blue": 3}, label="colour")
    metrics.register_gauge("portal_total", "All", lambda now: 5)
    client.get("/healthz")
    client.get("/no/such/address")
    text = client.get("/metrics").content.decode()
    assert 'portal_http_requests_total{method="GET",status="200",view="healthz"}' in text
    assert 'portal_http_requests_total{method="GET",status="404",view="unknown"}' in text
    assert 'portal_things{colour="red"} 2.0' in text
    assert "portal_total 5.0" in text
    assert "portal_queue_oldest_seconds 0.0" in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "request_headers", "address", "status"),
    [
        pytest.param("", {}, "127.0.0.1", 200, id="this machine may without a token"),
        pytest.param("", {}, "192.0.2.7", 403, id="others may not"),
        pytest.param("", {"X-Forwarded-For": "192.0.2.7"}, "127.0.0.1", 403, id="nor through a proxy"),
        pytest.param("", {"X-Forwarded-Proto": "https"}, "127.0.0.1", 403, id="however little it says"),
        pytest.param("secret", {}, "127.0.0.1", 403, id="with a token set, everybody needs it"),
        pytest.param("secret", {"Authorization": "Bearer wrong"}, "192.0.2.7", 403, id="the right one"),
        pytest.param("secret", {"Authorization": "Bearer secret"}, "192.0.2.7", 200, id="and then may"),
    ],
)
def test_who_may_read_the_figures(client, settings, token, request_headers, address, status):
    settings.PORTAL_METRICS_TOKEN = token
    response = client.get("/metrics", headers=request_headers, REMOTE_ADDR=address)
    assert response.status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize(("token", "status"), [("", 403), ("secret", 200)])
def test_in_production_the_figures_need_a_token_even_on_this_machine(client, settings, token, status):
    """Behind a proxy on the same machine everybody has its address."""
    settings.PORTAL_MODE, settings.PORTAL_METRICS_TOKEN = "production", token
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert client.get("/metrics", headers=headers, REMOTE_ADDR="127.0.0.1").status_code == status


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_these_addresses_are_only_read(client, path):
    assert client.post(path).status_code == 405
