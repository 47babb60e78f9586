"""Grants, the unit tree and what follows from them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from mlops_portal.foundation.errors import Invalid, NotAllowed
from mlops_portal.foundation.events import domain_event
from mlops_portal.foundation.people.models import BusinessUnit, RoleGrant, User
from mlops_portal.foundation.people.rights import holders, require, rights_of
from mlops_portal.foundation.people.services.grants import (
    grant_confirm,
    grant_revoke,
    grants_refresh,
    role_grant,
)
from mlops_portal.foundation.people.services.units import unit_create, units_create
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.work import housekeeping, schedules

pytestmark = pytest.mark.django_db


def fresh(person):
    return User.objects.get(pk=person.pk)


def test_a_grant_covers_the_subtree_and_nothing_beside_it(ada, retail, plant, now):
    branch = unit_create(code="cards", name="Cards", parent=retail, by=None, now=now)
    rights = rights_of(fresh(ada))
    assert rights.has("registry.register", unit_id=branch.pk)
    assert not rights.has("registry.register", unit_id=plant.pk)
    assert not rights.everywhere("registry.register")


def test_rights_reach_units_that_the_same_person_just_added(adam, group, retail, now):
    assert rights_of(adam).everywhere("registry.import")
    mars = unit_create(code="mars", name="Mars", parent=group, by=adam, now=now)
    made = units_create(named={"moon": "Moon", "sun": "Sun"}, parent=retail, by=adam, now=now)
    for unit in (mars, *made.values()):
        require(adam, "registry.import", unit_id=unit.pk)
    assert rights_of(adam).everywhere("registry.import")
    assert rights_of(adam) == rights_of(fresh(adam))


def test_rights_that_a_token_narrows_stay_narrow_on_an_added_unit(adam, group, now):
    adam._rights = rights_of(adam).limited_to(["people.manage_units"])
    mars = unit_create(code="mars", name="Mars", parent=group, by=adam, now=now)
    assert rights_of(adam).has("people.manage_units", unit_id=mars.pk)
    assert not rights_of(adam).has("registry.import", unit_id=mars.pk)


def test_a_grant_on_the_root_is_everywhere(cleo, retail, plant):
    assert rights_of(cleo).everywhere("audits.export")


def test_a_deciding_role_takes_effect_only_when_a_second_person_confirms(
    make_person, adam, group, retail, now
):
    first = make_person("Bea Stone", "administrator", unit=group)
    risk = make_person("Rita Vale")
    grant = role_grant(user=risk, role="risk_officer", unit=retail, reason="joins", by=first, now=now)
    assert not rights_of(fresh(risk)).has("approvals.approve_risk")
    with pytest.raises(RuleViolation, match="Somebody other than the granter"):
        grant_confirm(grant=grant, by=first, now=now)
    grant_confirm(grant=grant, by=adam, now=now)
    assert rights_of(fresh(risk)).has("approvals.approve_risk", unit_id=retail.pk)


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        pytest.param("administrator", "risk_officer", id="an administrator is no risk officer"),
        pytest.param("administrator", "auditor", id="an administrator is no auditor"),
        pytest.param("model_owner", "risk_officer", id="an owner is no risk officer"),
        pytest.param("operator", "change_manager", id="an operator approves nothing"),
    ],
)
def test_toxic_pairs_are_refused_when_granted(make_person, retail, now, held, asked):
    person = make_person("Tom Reyl", held, unit=retail)
    with pytest.raises(RuleViolation, match="may not be held by one person"):
        role_grant(user=person, role=asked, unit=retail, reason="wants more", by=None, now=now)


def test_toxic_pairs_may_stand_on_unrelated_units(make_person, retail, plant, now):
    person = make_person("Tom Reyl", "operator", unit=retail)
    role_grant(user=person, role="change_manager", unit=plant, reason="other unit", by=None, now=now)
    assert RoleGrant.objects.filter(user=person).count() == 2


def test_a_role_past_its_last_day_gives_nothing_though_nobody_ended_it(make_person, retail, group):
    person = make_person("Tom Reyl", "viewer", unit=retail)
    began, ends = timezone.now() - timedelta(days=2), timezone.now() - timedelta(seconds=1)
    role_grant(user=person, role="developer", unit=group, valid_until=ends, reason="x", by=None, now=began)
    assert RoleGrant.objects.get(user=person, role="developer").is_effective
    assert not rights_of(fresh(person)).has("registry.register")
    assert rights_of(fresh(person)).has("registry.view", unit_id=retail.pk)
    assert not rights_of(fresh(person)).has("registry.view", unit_id=group.pk)
    assert person not in holders("registry.register", unit_id=retail.pk)


def test_a_grant_ends_by_its_date(make_person, retail):
    now = timezone.now()
    person = make_person("Tom Reyl")
    role_grant(
        user=person,
        role="developer",
        unit=retail,
        valid_until=now + timedelta(days=1),
        reason="x",
        by=None,
        now=now,
    )
    assert rights_of(fresh(person)).has("registry.register")
    (plan,) = [plan for plan in schedules.plans() if plan.handler is housekeeping.every_minute]
    assert plan.every == timedelta(minutes=1)
    plan.handler(now + timedelta(days=2))
    assert not rights_of(fresh(person)).has("registry.register")
    assert grants_refresh(now=now + timedelta(days=3)) == 0


def test_a_grant_revoked_while_others_end_keeps_its_revocation(make_person, adam, retail, now):
    ends, later = now + timedelta(days=1), now + timedelta(days=2)
    first, second = (
        role_grant(
            user=make_person(name),
            role="developer",
            unit=retail,
            valid_until=ends,
            reason="x",
            by=None,
            now=now,
        )
        for name in ("Tom Reyl", "Una Berg")
    )

    def revoke(event, **kwargs):
        if event.verb == "people.grant_expired" and event.subject_id == str(first.pk):
            grant_revoke(grant=second, reason="leaves", by=adam, now=later)

    domain_event.connect(revoke)
    try:
        assert grants_refresh(now=later) == 1
    finally:
        domain_event.disconnect(revoke)
    newest = RoleGrant.history.filter(id=second.pk).first()
    assert (newest.revoked_at, newest.history_change_reason) == (later, "leaves")


def test_a_revoked_grant_is_gone_at_once_and_kept_in_history(adam, ada, now):
    grant = RoleGrant.objects.get(user=ada)
    grant_revoke(grant=grant, reason="leaves", by=adam, now=now + timedelta(hours=1))
    assert not rights_of(fresh(ada)).has("registry.register")
    newest = RoleGrant.history.filter(id=grant.pk).first()
    assert (newest.history_type, newest.history_user_id, newest.history_change_reason) == (
        "~",
        str(adam.pk),
        "leaves",
    )


def test_nobody_grants_a_role_to_themselves(adam, retail, now):
    with pytest.raises(RuleViolation, match="Nobody grants a role to themselves"):
        role_grant(user=adam, role="viewer", unit=retail, reason="x", by=adam, now=now)


def test_a_stranger_may_grant_nothing(dora, ada, retail, now):
    with pytest.raises(NotAllowed):
        role_grant(user=ada, role="viewer", unit=retail, reason="x", by=dora, now=now)


def test_a_deactivated_person_has_no_rights(ada):
    ada.is_active = False
    assert not rights_of(ada).has("registry.view")


def test_units_have_at_most_four_levels(retail, now):
    parent = retail
    for code in ("a", "b"):
        parent = unit_create(code=code, name=code, parent=parent, by=None, now=now)
    with pytest.raises(Invalid, match="at most 4 levels"):
        unit_create(code="c", name="c", parent=parent, by=None, now=now)


def test_holders_are_found_through_the_tree(vera, group, retail, now):
    branch = unit_create(code="cards", name="Cards", parent=retail, by=None, now=now)
    assert holders("approvals.validate", unit_id=branch.pk) == [vera]
    assert holders("approvals.validate", unit_id=BusinessUnit.objects.get(code="group").pk) == []


def test_require_lets_the_system_pass_and_names_the_right_to_people(ada, retail):
    require(None, "registry.delete", unit_id=retail.pk)
    with pytest.raises(NotAllowed, match="delete models"):
        require(ada, "registry.delete", unit_id=retail.pk)


def test_rights_cost_three_statements_once(ada, django_assert_num_queries):
    person = fresh(ada)
    rights_of(fresh(ada))  # warms the unit tree
    with django_assert_num_queries(3):
        rights_of(person)
        rights_of(person)
