"""An export takes the choices that belong to it, and names no others."""

import pytest

from mlops_portal.foundation.work.models import Job
from registry.services.models import model_register

pytestmark = pytest.mark.django_db
SCOPES = ["audits.view_ledger", "audits.export"]


@pytest.fixture
def caller(retail, olga, as_pipeline):
    return as_pipeline(retail, olga, "manager", SCOPES)


@pytest.fixture
def credit(retail, olga, now):
    return model_register(name="credit-pd", title="Credit", unit=retail, owner=olga, by=None, now=now)


@pytest.fixture
def press(plant, olga, now):
    return model_register(name="press-line", title="Press", unit=plant, owner=olga, by=None, now=now)


MOMENT = "2026-11-10T00:00:00Z"
TAKES = {
    "release_pack": ("zip", {"change"}),
    "change_log": ("csv", {"unit", "model", "since", "until", "with_content"}),
    "inventory": ("csv", {"unit", "at"}),
}
VALUES = {
    "change": 999_999,
    "unit": 1,
    "model": 1,
    "since": MOMENT,
    "until": MOMENT,
    "at": MOMENT,
    "with_content": True,
}
SURPLUS = [(what, name) for what, (_, taken) in TAKES.items() for name in VALUES if name not in taken]


@pytest.mark.parametrize(("what", "name"), SURPLUS)
def test_a_choice_that_does_not_belong_is_refused_by_its_name(caller, credit, what, name):
    body = {"what": what, "format": TAKES[what][0], name: VALUES[name]}
    refused = caller.call("POST", "/exports/", body)
    assert refused.status_code == 400, refused.content
    assert [error["where"] for error in refused.json()["errors"]] == [name]
    assert not Job.objects.exists()


def test_every_surplus_choice_is_named_at_once(caller, credit):
    refused = caller.call(
        "POST", "/exports/", {"what": "inventory", "format": "csv", "model": 1, "change": 1}
    )
    assert {error["where"] for error in refused.json()["errors"]} == {"model", "change"}


def test_a_label_names_nothing_out_of_sight(caller, credit, press, plant):
    """The unit is asked for beside a model that may be exported, too."""
    for body, status in (
        ({"what": "release_pack", "format": "zip", "change": 1, "model": press.pk}, 400),
        ({"what": "release_pack", "format": "zip", "change": 1, "unit": plant.pk}, 400),
        ({"what": "change_log", "format": "csv", "model": press.pk}, 404),
        ({"what": "change_log", "format": "csv", "unit": plant.pk}, 403),
        ({"what": "change_log", "format": "csv", "model": credit.pk, "unit": plant.pk}, 403),
        ({"what": "change_log", "format": "csv", "model": credit.pk, "unit": 999_999}, 403),
        ({"what": "inventory", "format": "csv", "unit": plant.pk}, 403),
    ):
        refused = caller.call("POST", "/exports/", body)
        assert refused.status_code == status, (body, refused.content)
        for word in (press.name, press.title, plant.name):
            assert word not in refused.content.decode()
    assert not Job.objects.exists()


def test_a_method_that_is_not_allowed_is_named(caller, credit):
    refused = caller.call("PUT", "/exports/", {})
    assert refused.status_code == 405
    assert refused.json()["title"] == 'Method "PUT" not allowed.'


def test_a_media_type_that_is_not_read_is_named(caller, credit):
    refused = caller.post("/api/v1/exports/", data="a: 1", content_type="application/yaml")
    assert refused.status_code == 415
    assert refused.json()["title"] == 'Unsupported media type "application/yaml" in request.'
