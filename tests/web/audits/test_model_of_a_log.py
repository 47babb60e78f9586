"""The model of a change log is named as people see it, and offered as it is typed."""

import pytest
from django.utils import timezone

from mlops_portal.foundation.work.models import Job
from registry.services.models import model_register

pytestmark = pytest.mark.django_db


@pytest.fixture
def models(retail, plant, olga):
    def add(name, title, unit=retail):
        return model_register(name=name, title=title, unit=unit, owner=olga, by=None, now=timezone.now())

    return {
        "credit": add("retail-credit-pd", "Retail Credit PD"),
        "wallet": add("wallet-risk", "Wallet enrolment"),
        "one": add("fraud-cards", "Fraud score"),
        "two": add("fraud-loans", "Fraud Score"),
        "named": add("price-guide", "price-guide"),
        "titled": add("loan-prices", "Price-Guide"),
        "press": add("press-line", "Press line", unit=plant),
    }


@pytest.mark.parametrize(
    ("typed", "which"),
    [
        ("retail-credit-pd", "credit"),
        ("Retail Credit PD", "credit"),
        ("  retail credit pd ", "credit"),
        ("WALLET-RISK", "wallet"),
        ("price-guide", "named"),
    ],
)
def test_name_and_title_are_understood_in_any_case(models, rita, as_person, typed, which):
    done = as_person(rita).post("/exports/?what=change_log", {"model": typed, "format": "csv"})
    assert done.status_code == 303, done.content.decode()[:2000]
    assert Job.objects.latest("pk").params["model_id"] == models[which].pk


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("fraud score", "2 models are called so. Type one of the names: fraud-cards, fraud-loans."),
        ("PRICE-GUIDE", "2 models are called so. Type one of the names: loan-prices, price-guide."),
        ("wallet", "no model of this name or title that you may export. Near it: Wallet enrolment (wallet-risk)."),
        ("Press line", "no model of this name or title that you may export.</span>"),
    ],
)  # fmt: skip
def test_what_is_not_one_model_is_refused_with_what_helps(models, rita, as_person, typed, words):
    refused = as_person(rita).post("/exports/?what=change_log", {"model": typed, "format": "csv"})
    page = refused.content.decode()
    assert refused.status_code == 400
    assert words in page.replace(" </span>", "</span>")
    assert f'value="{typed}"' in page


def test_the_list_follows_what_is_typed_and_stays_short(models, rita, retail, olga, as_person):
    client = as_person(rita)
    page = client.get("/exports/?what=change_log").content.decode()
    assert '<option value="Retail Credit PD">retail-credit-pd</option>' in page
    assert 'hx-get="/exports/models/"' in page
    found = client.get("/exports/models/", {"model": "credit"}).content.decode()
    assert found == '<option value="Retail Credit PD">retail-credit-pd</option>'
    assert client.get("/exports/models/", {"model": "press"}).content.decode() == ""
    for number in range(30):
        model_register(name=f"many-{number}", title="", unit=retail, owner=olga, by=None, now=timezone.now())
    assert client.get("/exports/?what=change_log").content.decode().count("<option value=") < 30
    assert client.get("/exports/models/").content.decode().count("<option") == 20


def test_what_no_name_is_breaks_nothing(models, rita, as_person):
    client = as_person(rita)
    for typed in ("x" * 100_000, "\x00", "%_'"):
        assert client.post("/exports/?what=change_log", {"model": typed, "format": "csv"}).status_code == 400
        assert client.get("/exports/models/", {"model": typed[:2000]}).status_code == 200


def test_two_of_one_title_are_offered_by_name(models, rita, as_person):
    found = as_person(rita).get("/exports/models/", {"model": "fraud"}).content.decode()
    assert '<option value="fraud-cards">Fraud score</option>' in found
    assert '<option value="fraud-loans">Fraud Score</option>' in found


def test_who_may_not_export_is_offered_nothing(models, ada, as_person):
    assert as_person(ada).get("/exports/models/").status_code == 403
