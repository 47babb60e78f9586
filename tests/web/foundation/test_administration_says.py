"""What administration says: who can be the second person, what a machine may do, what was asked for."""

import pytest
from django.urls import reverse

from mlops_portal.foundation.errors import Invalid
from mlops_portal.foundation.people.models import RoleGrant
from mlops_portal.foundation.people.rights import label_of
from mlops_portal.foundation.people.services.access import access_ask
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import account_create, token_create


@pytest.fixture
def adam(make_person, group):
    return make_person("Adam Admin", "administrator", unit=group)


@pytest.fixture
def mona(make_person, retail):
    return make_person("Mona Maker", "viewer", unit=retail)


def page_of(client, name, *args):
    return client.get(reverse(name, args=args)).content.decode()


def test_a_role_that_waits_names_who_can_confirm_it(as_person, adam, mona, retail, group, make_person, now):
    role_grant(user=mona, role="validator", unit=retail, reason="Joins", by=adam, now=now)
    alone = page_of(as_person(adam), "administration:person", mona.pk)
    assert "Nobody else grants here. Make another person administrator first" in alone
    role_grant(
        user=make_person("Bea Admin"), role="administrator", unit=group, reason="Second", by=adam, now=now
    )
    assert "Bea Admin can confirm it." in page_of(as_person(adam), "administration:person", mona.pk)


def test_grants_that_wait_stand_on_the_home_of_both_administrators(
    as_person, adam, mona, retail, group, make_person, now
):
    bea = make_person("Bea Admin", "administrator", unit=group)
    grant = role_grant(user=mona, role="validator", unit=retail, reason="Joins", by=adam, now=now)
    assert f'href="/admin/grants/{grant.pk}/confirm/">Mona Maker: ' in page_of(as_person(bea), "home")
    giver = page_of(as_person(adam), "home")
    assert "Roles you gave that wait for a second person" in giver
    assert "Bea Admin can confirm it." in giver
    assert "Nothing waits for you" not in giver


def test_a_toxic_pair_says_what_helps(as_person, adam, make_person, group, now):
    auditor = make_person("Cora Auditor", "auditor", unit=group)
    answer = as_person(adam).post(
        reverse("administration:person-grant", args=[auditor.pk]),
        {"role": "administrator", "unit": group.pk, "reason": "Holiday"},
    )
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Revoke the auditor first, or give this role to somebody else." in page
    assert "can change that" not in page


@pytest.mark.parametrize("scope", ["approvals.approve_risk", "approvals.waive", "approvals.accept"])
def test_no_token_decides(as_person, adam, ada, retail, scope, now):
    account = account_create(name="ci", unit=retail, owner=ada, by=None, now=now)
    with pytest.raises(Invalid, match="A machine decides nothing"):
        token_create(account=account, label="t", scopes=["registry.view", scope], days=9, by=None, now=now)
    form = page_of(as_person(adam), "administration:token-create", account.pk)
    assert 'value="registry.register"' in form
    assert f'value="{scope}"' not in form


def test_an_account_shows_its_roles(as_person, adam, ada, retail, now):
    account = account_create(name="ci", unit=retail, owner=ada, by=None, now=now)
    assert "no role yet" in page_of(as_person(adam), "administration:accounts")
    role_grant(user=account.user, role="developer", unit=retail, reason="Pipeline", by=None, now=now)
    page = page_of(as_person(adam), "administration:accounts")
    assert f"owner {ada.name}; developer" in page


def test_scopes_are_told_in_words_with_their_name(as_person, adam, ada, retail, now):
    account = account_create(name="ci", unit=retail, owner=ada, by=None, now=now)
    token_create(account=account, label="t", scopes=["registry.register"], days=9, by=None, now=now)
    page = page_of(as_person(adam), "administration:accounts")
    label = label_of("registry.register")
    assert label != "registry.register"
    assert f"<td>{label}<small><code>registry.register</code></small></td>" in page


def test_a_token_of_an_account_without_a_role_is_told_to_reach_nothing(as_person, adam, ada, retail, now):
    account = account_create(name="ci", unit=retail, owner=ada, by=None, now=now)
    client = as_person(adam)
    form = page_of(client, "administration:token-create", account.pk)
    assert "Without a role the token can do nothing" in form
    assert reverse("administration:account-grant", args=[account.pk]) in form
    assert "Without a role it can do nothing" in page_of(client, "administration:accounts")
    role_grant(user=account.user, role="developer", unit=retail, reason="Pipeline", by=None, now=now)
    form = page_of(client, "administration:token-create", account.pk)
    assert "Without a role" not in form
    assert "Today ci holds “Developer”" in form
    assert "Without a role" not in page_of(client, "administration:accounts")


def test_what_was_asked_for_is_the_right(as_person, adam, mona, retail, now):
    access_ask(
        right="registry.register",
        unit=retail,
        path="/models/",
        reason="For the work of the team",
        by=mona,
        now=now,
    )
    for name in ("home", "administration:people"):
        page = page_of(as_person(adam), name)
        assert "Mona Maker: Register models" in page
    assert "Register models" in page_of(as_person(mona), "home")


def test_roles_in_the_list_begin_with_a_role(as_person, adam, retail, group, mona, now):
    role_grant(user=mona, role="developer", unit=retail, reason="Work", by=None, now=now)
    page = page_of(as_person(adam), "administration:people")
    row = page[page.index("Mona Maker") :].split("</tr>")[0]
    assert "<div>Viewer <small>" in row
    assert "<div>Developer <small>" in row
    assert RoleGrant.objects.filter(user=mona).count() == 2


def test_the_sign_in_page_speaks_in_sentence_case(client, db):
    assert "Remember me" in page_of(client, "account_login")


def test_the_second_person_confirms_or_declines_from_the_page_of_the_person(
    as_person, adam, mona, retail, group, make_person, now
):
    bea = make_person("Bea Admin", "administrator", unit=group)
    grant = role_grant(user=mona, role="validator", unit=retail, reason="Joins", by=adam, now=now)
    second, giver = (page_of(as_person(who), "administration:person", mona.pk) for who in (bea, adam))
    link = f'href="/admin/grants/{grant.pk}/confirm/"'
    assert "You can confirm it." in second
    assert link in second
    assert link not in giver, "who granted it does not confirm it"


def test_roles_that_wait_cost_the_page_of_a_person_no_statements_of_their_own(
    as_person, adam, mona, retail, group, make_person, now, assert_flat_queries
):
    bea = make_person("Bea Admin", "administrator", unit=group)
    waits = {"user": mona, "reason": "Joins", "by": adam, "now": now}
    role_grant(role="validator", unit=retail, **waits)
    client, page = as_person(bea), reverse("administration:person", args=[mona.pk])

    def add_rows():
        role_grant(role="risk_officer", unit=retail, **waits)
        role_grant(role="validator", unit=group, **waits)

    assert_flat_queries(act=lambda: client.get(page), add_rows=add_rows, budget=40)
    assert client.get(page).content.decode().count("You can confirm it.") == 3


def test_who_agrees_to_the_end_of_their_own_role_arrives_at_a_page_they_may_open(
    as_person, adam, group, make_person
):
    bea = make_person("Bea Admin", "administrator", unit=group)
    grant = RoleGrant.objects.get(user=bea, role="administrator")
    place = reverse("administration:grant-revoke", args=[grant.pk])
    asked = as_person(adam).post(place, {"reason": "She moves to another department."}, follow=True)
    assert "The role ends when a second person revokes it, too" in asked.content.decode()
    done = as_person(bea).post(place, {"reason": "Agreed."}, follow=True)
    assert done.status_code == 200
    assert "The role is revoked." in done.content.decode()


def test_who_has_no_role_reads_so_and_not_that_nothing_waits(as_person, make_person, mona):
    assert "You have no role yet" in page_of(as_person(make_person("Wim Newcomer")), "home")
    assert "You have no role yet" not in page_of(as_person(mona), "home")


@pytest.mark.parametrize(
    ("name", "field", "start"),
    [
        pytest.param("administration:person-grant", "role", "Choose a role", id="the role that is granted"),
        pytest.param("administration:person-grant", "unit", "Choose a unit", id="where it counts"),
        pytest.param("administration:account-create", "unit", "Choose a unit", id="the unit of an account"),
        pytest.param("administration:account-create", "owner", "Choose a person", id="who answers for it"),
        pytest.param("registry:import-start", "unit", "Choose a unit", id="where imported models go"),
        pytest.param("registry:field-create", "unit", "Choose a unit", id="whose models a field describes"),
        pytest.param("registry:model-register", "unit", "Choose a unit", id="the unit of a new model"),
    ],
)
def test_what_somebody_must_choose_starts_empty(as_person, adam, mona, name, field, start):
    args = [mona.pk] if name.endswith("grant") else []
    form = as_person(adam).get(reverse(name, args=args)).context["form"]
    assert next(iter(form.fields[field].choices)) == ("", start)
    assert not form[field].value()


def test_a_unit_that_alone_is_possible_is_chosen(as_person, make_person, mona, group, retail):
    keeper = make_person("Rita Retail", "administrator", unit=retail)
    page = as_person(keeper).get(reverse("administration:account-create"))
    assert [label for _, label in page.context["form"].fields["unit"].choices] == [retail.name]
