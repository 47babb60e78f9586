"""Owner + risk officer, operator + approver: refused when granted, through every door (RULES 1.3, 1.7)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import RoleGrant
from mlops_portal.foundation.people.services.access import access_ask, access_grant
from mlops_portal.foundation.people.services.grants import grant_confirm, grant_revoke, role_grant
from mlops_portal.foundation.people.services.tokens import account_create
from mlops_portal.foundation.people.services.units import unit_create
from mlops_portal.foundation.rules import RuleViolation
from registry.imports import mapping, service
from registry.models import RegisteredModel
from registry.services.bulk import models_register_many
from registry.services.models import (
    NewModel,
    model_register,
    model_transfer_unit,
    model_update,
)
from registry.services.owners import models_assign_owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def cards(retail, now):
    """A unit below Retail Lending."""
    return unit_create(code="cards", name="Cards", parent=retail, by=None, now=now)


@pytest.fixture
def nils(make_person):
    """Nils has no role yet."""
    return make_person("Nils New")


def officer(person, now, *, unit=None, model_id=None):
    return role_grant(
        user=person, role="risk_officer", unit=unit, model_id=model_id, reason="x", by=None, now=now
    )


# Who owns is not given the role


@pytest.mark.parametrize("office", ["owner", "accountable_executive"])
def test_who_answers_for_a_model_of_the_unit_or_below_is_granted_no_risk_officer(
    office, nils, retail, cards, group, now
):
    model_register(name="churn", unit=cards, by=None, now=now, **{office: nils})
    for unit in (cards, retail, group):
        with pytest.raises(
            RuleViolation,
            match=r"nobody decides as risk officer on what they own\. Name another owner first",
        ):
            officer(nils, now, unit=unit)
    assert not RoleGrant.objects.filter(user=nils).exists()


@pytest.mark.parametrize("role", ["viewer", "model_owner", "validator", "change_manager"])
def test_who_owns_may_hold_other_roles(role, nils, retail, now):
    model_register(name="churn", unit=retail, owner=nils, by=None, now=now)
    assert role_grant(user=nils, role=role, unit=retail, reason="x", by=None, now=now).pk


def test_who_owns_elsewhere_is_granted_risk_officer(nils, retail, plant, cards, now):
    model_register(name="above", unit=retail, owner=nils, by=None, now=now)
    for unit in (plant, cards):
        assert officer(nils, now, unit=unit).pk


def test_on_one_model_only_its_owner_is_refused(nils, ada, retail, now):
    churn = model_register(name="churn", unit=retail, owner=nils, by=None, now=now)
    other = model_register(name="other", unit=retail, owner=ada, by=None, now=now)
    with pytest.raises(RuleViolation, match="answers for churn"):
        officer(nils, now, model_id=churn.pk)
    assert officer(nils, now, model_id=other.pk).pk


def test_what_was_retired_or_handed_over_no_longer_stands_in_the_way(nils, olga, retail, now):
    churn = model_register(name="churn", unit=retail, owner=nils, by=None, now=now)
    old = model_register(name="old", unit=retail, owner=nils, by=None, now=now)
    old.lifecycle_state, old.retired_at = "retired", now
    save_as(old, by=None, now=now, reason="retired", fields=["lifecycle_state", "retired_at"])
    model_update(model=churn, owner=olga, by=None, now=now)
    assert officer(nils, now, unit=retail).pk


def test_the_pages_refuse_the_grant_with_the_reason(nils, retail, adam, now, as_person):
    model_register(name="churn", unit=retail, owner=nils, by=None, now=now)
    client = as_person(adam)
    place = reverse("administration:person-grant", args=[nils.pk])
    answer = client.post(place, {"role": "risk_officer", "unit": retail.pk, "reason": "joins"})
    assert answer.status_code == 409
    assert "Nils New answers for churn" in answer.content.decode()
    asked = access_ask(right="approvals.approve_risk", unit=retail, reason="I decide soon.", by=nils, now=now)
    with pytest.raises(RuleViolation, match="answers for churn"):
        access_grant(access=asked, role="risk_officer", by=adam, now=now)


def test_confirming_looks_again(nils, retail, adam, now):
    """A grant made before the rule, or a record written past it, does not become effective."""
    grant = officer(nils, now, unit=retail)
    model_register(name="churn", unit=retail, by=None, now=now)
    row = RegisteredModel.objects.get(name="churn")
    row.owner = nils
    save_as(row, by=None, now=now, reason="before the rule", fields=["owner"])
    with pytest.raises(RuleViolation, match="answers for churn"):
        grant_confirm(grant=grant, by=adam, now=now)


# Who decides becomes no owner

INVENTORY = mapping.build(
    {"name": "x", "source": "x", "key": ["Id"], "fields": {"name": "Model", "owner": "Owner"}}
)


def imported(content, unit, now):
    """Import a text at once."""
    started = service.import_start(
        content=content.encode(), name="x.csv", mapping=INVENTORY, unit=unit, by=None, now=now,
        in_background=False,
    )  # fmt: skip
    return service.import_run(run=started, by=None, clock=lambda: now, progress=lambda done, total: None)


DOORS = {
    "registering": lambda model, who, now: model_register(
        name="fresh", unit=model.unit, owner=who, by=None, now=now
    ),
    "registering many": lambda model, who, now: models_register_many(
        models=[NewModel(name="fresh", unit=model.unit, fields={"owner": who})], by=None, now=now
    ),
    "changing the record": lambda model, who, now: model_update(model=model, owner=who, by=None, now=now),
    "naming the executive": lambda model, who, now: model_update(
        model=model, accountable_executive=who, by=None, now=now
    ),
}


HELD_ON = ("the unit", "a unit above", "the model")
ONLY_KNOWN = ("changing the record", "naming the executive")  # a new model is nobody's exception yet


@pytest.mark.parametrize(
    ("door", "scope"),
    [(door, scope) for door in DOORS for scope in HELD_ON if scope != "the model" or door in ONLY_KNOWN],
)
def test_who_decides_there_comes_to_own_nothing_there(door, scope, nils, retail, group, now):
    """Also before the second person confirmed the role: then nothing would refuse."""
    model = model_register(name="churn", unit=retail, by=None, now=now)
    where = {
        "the unit": {"unit": retail},
        "a unit above": {"unit": group},
        "the model": {"model_id": model.pk},
    }
    officer(nils, now, **where[scope])
    with pytest.raises(DomainError) as refusal:
        DOORS[door](model, nils, now)
    assert "Nils New decides there as risk officer" in refusal.value.message
    assert not RegisteredModel.objects.exclude(owner=None, accountable_executive=None).exists()


def test_who_decides_elsewhere_or_no_longer_may_own(nils, retail, plant, adam, now):
    model = model_register(name="churn", unit=retail, by=None, now=now)
    officer(nils, now, unit=plant)
    ended = officer(nils, now, unit=retail)
    grant_revoke(grant=ended, reason="moves", by=adam, now=now)
    role_grant(user=nils, role="risk_officer", unit=retail, valid_until=now + timedelta(days=1), reason="x",
               by=None, now=now)  # fmt: skip
    later = now + timedelta(days=2)
    assert model_update(model=model, owner=nils, by=None, now=later).owner == nils


def test_models_assigned_together_and_imported_rows_say_it_one_by_one(nils, ada, retail, cards, plant, now):
    officer(nils, now, unit=retail)
    models = [
        model_register(name=name, unit=unit, by=None, now=now)
        for name, unit in (("churn", cards), ("fraud", plant))
    ]
    outcomes = models_assign_owner(models=models, owner=nils, reason="New desk", by=None, now=now)
    assert [bool(one.refused) for one in outcomes] == [True, False]
    run = imported(f"Id,Model,Owner\n1,one,{nils.email}\n2,two,{ada.email}\n", retail, now)
    assert service.import_counts(run)["created"] == 1
    told = run.row_errors.get(is_note=False)
    assert (told.row, told.column) == (2, "Owner")
    assert "decides there as risk officer" in told.message


def test_the_page_and_the_api_refuse_the_owner_with_the_reason(nils, olga, retail, now, as_person):
    model = model_register(name="churn", unit=retail, by=None, now=now)
    officer(nils, now, unit=retail)
    client = as_person(olga)
    page = client.post(
        reverse("registry:model-register"), {"name": "fresh", "unit": retail.pk, "kind": "analytical",
                                             "origin": "in_house", "owner": nils.pk},
    )  # fmt: skip
    assert page.status_code == 400
    assert "decides there as risk officer" in page.content.decode()
    answer = client.patch(
        f"/api/v1/models/{model.pk}/", {"owner": nils.email}, content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["where"] == "owner"


def test_a_model_does_not_move_to_where_its_owner_decides(nils, retail, plant, now):
    model = model_register(name="churn", unit=retail, owner=nils, by=None, now=now)
    officer(nils, now, unit=plant)
    with pytest.raises(RuleViolation, match="decides there as risk officer"):
        model_transfer_unit(model=model, unit=plant, reason="reorganised", by=None, now=now)
    model.refresh_from_db()
    assert model.unit == retail


def test_an_import_asks_once_for_all_owners_of_a_chunk(make_person, retail, now):
    people = [make_person(f"Owner{n} X") for n in range(6)]

    def statements(first, owners):
        rows = "".join(f"{first + n},model-{first + n},{one.email}\n" for n, one in enumerate(owners))
        with CaptureQueriesContext(connection) as done:
            imported("Id,Model,Owner\n" + rows, retail, now)
        return len(done)

    statements(90, people[:1])
    assert statements(0, people[:1]) == statements(10, people)


# The person behind a service account (RULES 1.7)


def account_of(owner, unit, now):
    return account_create(name="ci", unit=unit, owner=owner, by=None, now=now)


@pytest.mark.parametrize("role", ["risk_officer", "change_manager", "validator"])
def test_an_account_of_an_approver_operates_nothing(role, make_person, retail, adam, as_person, now):
    approver = make_person("Nora Approves", role, unit=retail)
    account = account_of(approver, retail, now)
    with pytest.raises(RuleViolation, match="Whoever owns a service account, or made a live token"):
        role_grant(user=account.user, role="operator", unit=retail, reason="x", by=None, now=now)
    place = reverse("administration:account-grant", args=[account.pk])
    answer = as_person(adam).post(place, {"role": "operator", "reason": "quicker"})
    assert answer.status_code == 409
    assert "Whoever owns a service account, or made a live token" in answer.content.decode()
    assert not RoleGrant.objects.filter(user=account.user).exists()


def test_who_stands_behind_an_operating_account_becomes_no_approver(nils, retail, plant, now):
    account = account_of(nils, retail, now)
    role_grant(user=account.user, role="operator", unit=retail, reason="x", by=None, now=now)
    with pytest.raises(RuleViolation, match="Change manager and operator may not be held by one person"):
        role_grant(user=nils, role="change_manager", unit=retail, reason="x", by=None, now=now)
    assert role_grant(user=nils, role="change_manager", unit=plant, reason="x", by=None, now=now).pk


def test_a_closed_account_stands_in_nobodys_way(nils, retail, now):
    account = account_of(nils, retail, now)
    role_grant(user=account.user, role="operator", unit=retail, reason="x", by=None, now=now)
    account.deactivated_at = now
    save_as(account, by=None, now=now, reason="closed", fields=["deactivated_at"])
    assert role_grant(user=nils, role="change_manager", unit=retail, reason="x", by=None, now=now).pk
