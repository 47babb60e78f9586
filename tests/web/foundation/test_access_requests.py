"""A refused person asks, those who can grant are told, one of them grants or declines."""

from datetime import timedelta

import pytest
from django.urls import reverse

from mlops_portal.foundation.errors import Conflict, Invalid, NotAllowed
from mlops_portal.foundation.people.models import AccessRequest, RoleGrant
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.people.services.access import (
    access_ask,
    access_decline,
    access_grant,
    roles_with,
)
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Notification
from registry.services.models import model_register

pytestmark = pytest.mark.django_db
ASK = "/access/ask/"
WHY = "I maintain the churn model from December."


@pytest.fixture
def asked(mona, adam, retail, now):
    """Mona may read Retail Lending and asks to edit there; Adam administers the group."""
    return access_ask(right="registry.edit", unit=retail, reason=WHY, path="/models/", by=mona, now=now)


def refused(client, model):
    answer = client.get(reverse("registry:model-edit", args=[model.pk]))
    assert answer.status_code == 403
    return answer


def test_a_refusal_says_what_whose_and_who_grants(as_person, mona, adam, retail, now):
    model = model_register(name="churn", unit=retail, by=None, now=now)
    answer = refused(as_person(mona), model)
    text = answer.content.decode()
    assert "Retail Lending" in text
    assert "Adam Fischer can grant it" in text
    assert "Ask for access" in text


def test_asking_tells_the_granters_and_is_asked_once(as_person, mona, adam, ada, retail, now):
    model = model_register(name="churn", unit=retail, by=None, now=now)
    client = as_person(mona)
    token = refused(client, model).context["offer"].token
    form = {"token": token, "unit": retail.pk, "reason": WHY}
    assert client.post(ASK, form).status_code == 303
    access = AccessRequest.objects.get()
    assert (access.person, access.right, access.unit) == (mona, "registry.edit", retail)
    notice = Notification.objects.get()
    assert notice.person == adam
    assert WHY in notice.text
    again = client.post(ASK, form)
    assert again.status_code == 409
    assert "waits for a decision" in again.content.decode()
    assert "You asked" in refused(client, model).content.decode()
    assert "Access you asked for" in client.get("/").content.decode()


def test_only_a_refusal_of_ones_own_can_be_asked_for(as_person, mona, ada, adam, retail, plant, now):
    model = model_register(name="churn", unit=retail, by=None, now=now)
    token = refused(as_person(mona), model).context["offer"].token
    form = {"token": token, "unit": retail.pk, "reason": WHY}
    assert as_person(ada).post(ASK, form).status_code == 400
    assert as_person(mona).post(ASK, {**form, "token": token + "x"}).status_code == 400
    assert as_person(mona).post(ASK, {**form, "unit": plant.pk}).status_code == 400
    assert as_person(mona).post(ASK, {**form, "reason": "please"}).status_code == 400
    assert not AccessRequest.objects.exists()


def test_a_person_without_roles_can_ask_at_the_top(as_person, make_person, adam, group):
    newcomer = make_person("Nils Newcomer")
    answer = as_person(newcomer).get("/models/")
    assert answer.status_code == 403
    assert answer.context["offer"].units == [group]


def test_a_granter_gives_a_role_that_holds_the_right(as_person, asked, mona, adam, retail, now):
    client = as_person(adam)
    assert "Access that was asked for" in client.get("/").content.decode()
    assert WHY in client.get("/admin/people/").content.decode()
    url = reverse("administration:access-decide", args=[asked.pk])
    page = client.get(url).content.decode()
    assert 'value="developer"' in page
    assert 'value="viewer"' not in page
    answer = client.post(url, {"role": "developer", "valid_until": "2030-01-31", "note": "Welcome."})
    assert answer.status_code == 303
    grant = RoleGrant.objects.get(user=mona, role="developer")
    assert grant.valid_until.year == 2030
    mona = type(mona).objects.get(pk=mona.pk)
    assert rights_of(mona).has("registry.edit", unit_id=retail.pk)
    told = Notification.objects.filter(person=mona).get()
    assert told.link == "/models/"
    assert "developer" in told.text
    assert AccessRequest.objects.get().grant == grant


def test_declining_needs_words_that_the_person_reads(as_person, asked, mona, adam):
    client = as_person(adam)
    url = reverse("administration:access-decide", args=[asked.pk])
    empty = client.post(url, {"role": "developer", "decline": "1"})
    assert empty.status_code == 400
    assert (
        client.post(url, {"role": "developer", "decline": "1", "note": "Ask your head."}).status_code == 303
    )
    assert "Ask your head." in Notification.objects.get(person=mona).text
    assert not RoleGrant.objects.filter(user=mona, role="developer").exists()
    assert "Adam Fischer decided" in client.get(url).content.decode()


def test_nobody_else_sees_or_decides(as_person, asked, mona, ada, dora, now):
    url = reverse("administration:access-decide", args=[asked.pk])
    assert as_person(mona).get(url).status_code == 403
    assert as_person(ada).get(url).status_code == 403
    with pytest.raises(NotAllowed):
        access_grant(access=asked, role="developer", by=ada, now=now)


def test_a_granter_of_another_unit_finds_nothing(as_person, asked, make_person, plant):
    other = make_person("Pia Plant", "administrator", unit=plant)
    assert as_person(other).get(reverse("administration:access-decide", args=[asked.pk])).status_code == 404


def test_rules_of_asking_and_deciding(asked, mona, adam, make_person, group, retail, plant, now):
    with pytest.raises(RuleViolation, match="asked for this already"):
        access_ask(right="registry.edit", unit=retail, reason=WHY, by=mona, now=now)
    with pytest.raises(RuleViolation, match="hold this right"):
        access_ask(right="registry.view", unit=retail, reason=WHY, by=mona, now=now)
    with pytest.raises(Invalid, match="no right"):
        access_ask(right="registry.fly", unit=retail, reason=WHY, by=mona, now=now)
    with pytest.raises(Invalid, match="does not allow"):
        access_grant(access=asked, role="viewer", by=adam, now=now)
    access_decline(access=asked, note="Not now.", by=adam, now=now)
    with pytest.raises(Conflict, match="Adam Fischer"):
        access_grant(access=asked, role="developer", by=adam, now=now)


def test_a_person_asks_five_times_a_day_at_most(asked, mona, adam, retail, plant, now):
    for right in ("registry.register", "registry.rate", "approvals.request", "audits.verify"):
        access_ask(right=right, unit=retail, reason=WHY, by=mona, now=now)
    with pytest.raises(RuleViolation, match="tomorrow"):
        access_ask(right="kpis.set_target", unit=plant, reason=WHY, by=mona, now=now)
    later = now + timedelta(days=1, minutes=1)
    assert access_ask(right="kpis.set_target", unit=plant, reason=WHY, by=mona, now=later).pk


def test_roles_are_offered_from_the_least(asked):
    offered = [role.name for role in roles_with("audits.export")]
    assert offered[0] == "manager"
    assert "viewer" not in offered


def test_it_stands_in_history(asked, adam, now):
    access_decline(access=asked, note="Not now.", by=adam, now=now)
    assert [row.state for row in asked.history.order_by("history_id")] == ["asked", "declined"]
