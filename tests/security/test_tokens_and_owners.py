"""A service account is as trustworthy as whoever acts through it: its owner, and whoever made a token of it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audits.models import LedgerEntry
from mlops_portal.foundation.errors import Invalid, NotAllowed
from mlops_portal.foundation.people.models import ApiToken, ServiceAccount, User
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.persons import person_deactivate
from mlops_portal.foundation.people.services.tokens import (
    account_create,
    account_hand_over,
    token_create,
    token_revoke,
)
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Notification
from registry.models import ThresholdSet
from registry.policies import limits_decision_blockers
from registry.services.evidence import document_approve, document_save, section_approve
from registry.services.evidence_together import documents_approve
from registry.services.limits import threshold_set_propose
from registry.services.models import model_register
from registry.services.surroundings import use_decide, use_request
from registry.services.versions import version_register

pytestmark = pytest.mark.django_db
SCOPES = ["registry.register"]
SECTIONS = [{"key": "purpose", "title": "Purpose", "text": "Ranks applications."}]
TOKEN = "You made a token of retail-ci"


@pytest.fixture
def pipeline(retail, olga, now):
    """Olga's pipeline, which develops."""
    account = account_create(name="retail-ci", unit=retail, owner=olga, by=None, now=now)
    role_grant(user=account.user, role="developer", unit=retail, reason="builds", by=None, now=now)
    return ServiceAccount.objects.select_related("user", "owner").get(pk=account.pk)


@pytest.fixture
def mara(make_person, retail):
    """Mara administers the unit, and manages changes and validates there."""
    return make_person("Mara Makes", "administrator", "change_manager", "validator", unit=retail)


def machine(account):
    return User.objects.get(pk=account.user_id)


def token(account, by, at):
    return token_create(account=account, label="ci", scopes=SCOPES, days=90, by=by, now=at).token


def told(person):
    return list(Notification.objects.filter(person=person).order_by("pk").values_list("text", flat=True))


# Roles that may not meet


def test_an_approver_makes_no_token_of_an_account_that_operates(pipeline, mara, retail, now, as_person):
    role_grant(user=pipeline.user, role="operator", unit=retail, reason="deploys", by=None, now=now)
    with pytest.raises(RuleViolation, match="retail-ci is operator and Mara Makes change manager"):
        token(pipeline, mara, now)
    page = as_person(mara).get(reverse("administration:token-create", args=[pipeline.pk])).content.decode()
    assert "retail-ci is operator and Mara Makes change manager" in page
    assert not ApiToken.objects.exists()


def test_an_account_whose_token_an_approver_made_becomes_no_operator(pipeline, mara, retail, now):
    made = token(pipeline, mara, now)
    with pytest.raises(RuleViolation, match="Operator and change manager may not be held by one person"):
        role_grant(user=pipeline.user, role="operator", unit=retail, reason="x", by=None, now=now)
    token_revoke(token=made, reason="spent", by=None, now=now)
    later = now + timedelta(seconds=1)
    assert role_grant(user=pipeline.user, role="operator", unit=retail, reason="x", by=None, now=later).pk


def test_who_made_a_token_of_an_operating_account_becomes_no_approver(
    pipeline, make_person, retail, plant, now
):
    nils = make_person("Nils New", "administrator", unit=retail)
    role_grant(user=pipeline.user, role="operator", unit=retail, reason="deploys", by=None, now=now)
    token(pipeline, nils, now)
    with pytest.raises(RuleViolation, match="Change manager and operator may not be held by one person"):
        role_grant(user=nils, role="change_manager", unit=retail, reason="x", by=None, now=now)
    assert role_grant(user=nils, role="change_manager", unit=plant, reason="x", by=None, now=now).pk


def test_an_approver_becomes_no_owner_of_an_account_that_operates(pipeline, mara, carl, retail, now):
    role_grant(user=pipeline.user, role="operator", unit=retail, reason="deploys", by=None, now=now)
    with pytest.raises(RuleViolation, match="retail-ci is operator and Carl Jansen change manager"):
        account_hand_over(account=pipeline, owner=carl, reason="x", by=None, now=now)


def test_an_account_that_administers_makes_no_token(pipeline, retail, group, olga, now):
    role_grant(user=pipeline.user, role="administrator", unit=group, reason="sets up", by=None, now=now)
    other = account_create(name="other", unit=retail, owner=olga, by=None, now=now)
    with pytest.raises(NotAllowed, match="made by people"):
        token(other, machine(pipeline), now)


# What the account wrote is approved by nobody behind it


@pytest.fixture
def card(pipeline, olga, retail, now):
    """A model card that the pipeline wrote."""
    model = model_register(name="churn", unit=retail, owner=olga, by=None, now=now)
    return document_save(
        model=model, kind="model_card", title="Card", sections=SECTIONS, by=machine(pipeline), now=now
    )


def test_the_maker_of_a_token_approves_no_document_of_the_account(card, pipeline, mara, now, as_person):
    token(pipeline, mara, now)
    with pytest.raises(RuleViolation, match=TOKEN):
        document_approve(document=card, by=mara, now=now)
    with pytest.raises(RuleViolation, match=TOKEN):
        section_approve(section=card.sections.get(), by=mara, now=now)
    page = (
        as_person(mara)
        .get(reverse("registry:document-approve", args=[card.model_id, card.pk]))
        .content.decode()
    )
    assert TOKEN in page


def test_who_only_had_a_token_before_approves_it(card, pipeline, mara, now):
    made = token(pipeline, mara, now - timedelta(days=3))
    token_revoke(token=made, reason="spent", by=mara, now=now - timedelta(days=1))
    assert document_approve(document=card, by=mara, now=now).approved_by == mara


def test_documents_approved_together_ask_once_who_is_behind(pipeline, mara, olga, retail, now):
    model = model_register(name="churn", unit=retail, owner=olga, by=None, now=now)

    def statements(documents):
        version = version_register(model=model, by=machine(pipeline), now=now)
        for number in range(documents):
            document_save(
                model=model, version=version, kind="model_card", title=f"Card {number}", sections=SECTIONS,
                by=machine(pipeline), now=now,
            )  # fmt: skip
        with CaptureQueriesContext(connection) as done:
            documents_approve(version=version, by=mara, now=now)
        return sum("apitoken" in query["sql"] for query in done.captured_queries)

    assert (statements(1), statements(4)) == (1, 1)
    token(pipeline, mara, now)
    with pytest.raises(RuleViolation, match=TOKEN):
        statements(2)


def test_the_maker_of_a_token_locks_no_limits_of_the_account(card, pipeline, mara, now):
    rows = [{"code": "P1", "metric": "auc", "direction": "min", "release": 0.7}]
    threshold_set_propose(model=card.model, limits=rows, by=machine(pipeline), now=now)
    limits = ThresholdSet.objects.get()
    assert limits_decision_blockers(limits, by=mara) == []
    token(pipeline, mara, now)
    assert TOKEN in limits_decision_blockers(limits, by=mara)[0].message


def test_nobody_accepts_a_use_that_an_account_of_theirs_asked_for(
    card, pipeline, make_person, olga, retail, plant, now
):
    role_grant(user=pipeline.user, role="developer", unit=plant, reason="uses", by=None, now=now)
    pia = make_person("Pia Plant", "model_owner", "administrator", unit=plant)
    role_grant(user=olga, role="model_owner", unit=plant, reason="both", by=None, now=now)
    role_grant(user=pia, role="administrator", unit=retail, reason="both", by=None, now=now)
    token(pipeline, User.objects.get(pk=pia.pk), now)
    use = use_request(
        model=card.model, using_unit=plant, purpose="Ranks", by=machine(pipeline), now=now
    )  # fmt: skip
    for person in (olga, pia):
        with pytest.raises(RuleViolation, match="other than the requester"):
            use_decide(use=use, accept=True, by=User.objects.get(pk=person.pk), now=now)


# Who is told


def test_the_owner_named_is_told_and_one_event_says_it(adam, olga, retail, now):
    account = account_create(name="retail-ci", unit=retail, owner=olga, by=adam, now=now)
    assert told(olga) == [
        (
            "Adam Fischer created the service account retail-ci in Retail Lending with you as its owner. "
            "What it does counts as yours."
        )
    ]
    entry = LedgerEntry.objects.get(verb="people.account_made")
    assert (entry.subject_id, entry.unit_id, entry.actor_id) == (str(account.pk), retail.pk, str(adam.pk))


def test_both_owners_are_told_of_a_change_made_on_the_page(adam, olga, mona, pipeline, as_person):
    place = reverse("administration:account-hand-over", args=[pipeline.pk])
    assert "Change the owner" in as_person(adam).get(reverse("administration:accounts")).content.decode()
    page = as_person(adam).get(place).content.decode()
    assert "still counts as the earlier owner" in page.replace("&#x27;", "'")
    answer = as_person(adam).post(place, {"owner": mona.pk, "reason": "Olga moves on."}, follow=True)
    assert "retail-ci has another owner, who is told." in answer.content.decode()
    assert told(mona) == [
        (
            "Adam Fischer made you the owner of the service account retail-ci: Olga moves on. "
            "What it does counts as yours."
        )
    ]
    assert told(olga)[-1] == (
        "Adam Fischer made Mona Keller the owner of the service account retail-ci: Olga moves on. "
        "What it did until now still counts as yours."
    )
    assert LedgerEntry.objects.filter(verb="people.account_handed_over").count() == 1
    assert ServiceAccount.objects.get(pk=pipeline.pk).owner == mona


def test_an_account_is_handed_over_to_somebody_else_who_is_active(pipeline, olga, mona, adam, now):
    with pytest.raises(Invalid, match="owns it already"):
        account_hand_over(account=pipeline, owner=olga, reason="x", by=adam, now=now)
    gone = person_deactivate(person=mona, reason="left", by=adam, now=now)
    with pytest.raises(Invalid, match="a person who is active"):
        account_hand_over(account=pipeline, owner=gone, reason="x", by=adam, now=now)
    with pytest.raises(Invalid, match="a person who is active"):
        account_hand_over(account=pipeline, owner=machine(pipeline), reason="x", by=adam, now=now)


def test_whoever_administers_another_unit_hands_nothing_over(pipeline, make_person, mona, plant, now):
    pia = make_person("Pia Plant", "administrator", unit=plant)
    with pytest.raises(NotAllowed):
        account_hand_over(account=pipeline, owner=mona, reason="x", by=pia, now=now)


def test_the_list_of_tokens_says_who_made_each(pipeline, mara, adam, now, as_person):
    token(pipeline, mara, now)
    page = as_person(adam).get(reverse("administration:accounts")).content.decode()
    assert "made by Mara Makes" in page
