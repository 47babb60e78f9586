"""Completing a record in the browser: what is missing can be given, and the list follows at once."""

import pytest

from mlops_portal.foundation.history import save_as
from registry.models import RecordTask
from registry.services.lineage import dataset_use
from registry.services.models import model_register
from registry.services.surroundings import consumer_add
from registry.services.versions import version_register

pytestmark = pytest.mark.django_db
RECORD = {
    "eu_role": "deployer",
    "annex_iii_point": "5(b)",
    "eu_db_registration_id": "in preparation",
    "approved_uses": "As intended.",
}


@pytest.fixture
def churn(retail, ada, olga, now):
    return model_register(name="churn", unit=retail, owner=olga, by=ada, now=now)


def missing(model):
    """Return the text of the open task to complete the record."""
    found = RecordTask.objects.filter(model=model, kind="complete_record", closed_at__isnull=True).first()
    return found.text if found else ""


def test_a_rating_classifies_nothing_unless_somebody_says_so(churn, make_person, retail, as_person):
    rater = make_person("Rhea Rater", "validator", unit=retail)
    page = as_person(rater).get(f"/models/{churn.pk}/rate/").content.decode()
    assert '<option value="" selected>Not classified</option>' in page


def test_the_owner_can_give_all_that_a_high_risk_record_is_asked_for(churn, olga, as_person, now):
    churn.eu_ai_class = "high_risk"
    save_as(churn, by=None, now=now, reason="test", fields=["eu_ai_class"])
    client = as_person(olga)
    page = client.get(f"/models/{churn.pk}/edit/")
    form = page.context["form"]
    given = {name: "" if form[name].value() is None else form[name].value() for name in form.fields}
    answer = client.post(f"/models/{churn.pk}/edit/", {**given, **RECORD, "reason": "Classified."})
    assert answer.status_code == 303, answer.context["form"].errors
    churn.refresh_from_db()
    assert {name: getattr(churn, name) for name in RECORD} == RECORD
    assert "EU database" not in missing(churn)


def test_what_is_missing_follows_each_step_at_once(churn, ada, olga, now):
    for said in ("current version", "upstream data sets", "downstream consumers", "attestation"):
        assert said in missing(churn)
    version = version_register(model=churn, by=ada, now=now)
    dataset_use(version=version, role="training", name="loans", digest="a" * 64, by=ada, now=now)
    assert "upstream data sets" not in missing(churn)
    assert "current version" not in missing(churn)
    consumer_add(model=churn, name="Loan desk", by=olga, now=now)
    assert "downstream consumers" not in missing(churn)


def test_whoever_attests_sees_what_and_what_is_missing_and_the_list_follows(churn, olga, as_person):
    client = as_person(olga)
    html = client.get(f"/models/{churn.pk}/").content.decode()
    assert f'<a href="/models/{churn.pk}/attest/">the attestation</a>' in html
    page = client.get(f"/models/{churn.pk}/attest/").content.decode()
    assert "What stands in the record" in page
    assert "downstream consumers" in page
    assert "attestation of the last" not in page
    assert client.post(f"/models/{churn.pk}/attest/", {"note": "Read with Ada."}).status_code == 303
    assert "attestation" not in missing(churn)
    churn.refresh_from_db()
    assert churn.last_attested_at is not None
