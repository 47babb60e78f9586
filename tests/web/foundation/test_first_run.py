"""A new installation shows its administrator what is still to do, with the result of each line."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from approvals.models import PolicyRevision
from approvals.services import install_default_policy
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.units import unit_create
from mlops_portal.foundation.web.first_run import checklist
from registry.services.models import model_register

pytestmark = pytest.mark.django_db


@pytest.fixture
def first(db):
    """Return the administrator whom the command makes on an empty database."""
    call_command("first_administrator", unit="Bank", code="bank", name="Ann First", email="ann@bank.example")
    return User.objects.get(email="ann@bank.example")


def states(user):
    found = checklist(user)
    return found and {step.name: (result.is_done, result.text) for step, result, _ in found["steps"]}


def test_an_empty_portal_names_everything_that_is_missing(first, as_person):
    assert states(first) == {
        "units": (False, "Only the top unit"),
        "deciders": (False, "Nobody is validator, risk officer, policy publisher yet"),
        "policy": (False, "No policy yet: nothing can be filed or decided"),
        "models": (False, "The inventory is empty"),
    }
    page = as_person(first).get("/").content.decode()
    assert "Set the portal up" in page
    assert "0 of 4 done" in page
    for name in ("administration:unit-create", "approvals:policies", "registry:import-start"):
        assert f'href="{reverse(name)}"' in page


def test_lines_are_done_one_by_one_and_then_the_list_goes(
    group, retail, make_person, adam, vera, ines, now, as_person
):
    publisher = make_person("Paul Publisher", "policy_publisher", unit=group)
    assert states(adam)["units"] == (True, "2 units")
    assert states(adam)["deciders"] == (True, "3 people who decide")
    assert states(adam)["models"][0] is False
    client = as_person(publisher)
    assert "Draft the shipped policy" in client.get(reverse("approvals:policies")).content.decode()
    shipped = client.get(reverse("approvals:policy-draft")).content.decode()
    assert "MRM-07" in shipped or "mrm-07" in shipped
    model_register(name="churn", unit=retail, by=None, now=now)
    assert states(adam)["models"] == (True, "1 model")
    install_default_policy(by=None, second=publisher, now=now - timedelta(days=1))
    assert states(adam) is None
    assert "Set the portal up" not in as_person(adam).get("/").content.decode()


def test_a_role_waits_for_a_second_person_until_its_last_day(retail, adam, make_person):
    began, ends = timezone.now() - timedelta(days=3), timezone.now() + timedelta(hours=1)
    for name, until in (("Nils New", ends), ("Olaf Over", began + timedelta(days=1))):
        role_grant(
            user=make_person(name), role="validator", unit=retail, valid_until=until,
            reason="joins", by=adam, now=began,
        )  # fmt: skip
    assert states(adam)["deciders"][1].endswith("yet; 1 role for a second person to confirm")


def test_a_draft_waits_for_a_second_publisher(group, adam, make_person, as_person, now):
    publisher = make_person("Paul Publisher", "policy_publisher", unit=group)
    client = as_person(publisher)
    text = client.get(reverse("approvals:policy-draft")).context["form"].initial["text"]
    answer = client.post(reverse("approvals:policy-draft"), {"text": text})
    assert answer.status_code == 303, answer.content.decode()[-3000:]
    assert PolicyRevision.objects.get().state == PolicyRevision.State.DRAFT
    assert states(adam)["policy"] == (False, "A draft waits for a second publisher")


def test_only_who_sets_the_portal_up_sees_it(group, retail, mona, make_person):
    unit_create(code="other", name="Other", parent=group, by=None, now=mona.date_joined)
    local = make_person("Lea Local", "administrator", unit=retail)
    assert states(mona) is None
    assert states(local) is None
