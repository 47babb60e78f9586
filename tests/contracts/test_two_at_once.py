"""Two people, or one person twice, at the same moment, on the engine of production.

One wins, the other is told in words; nothing is lost, nothing doubled, and nobody is answered an error of the portal.
"""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from approvals import services
from approvals.models import ChangeRequest, Comment, Decision, Lapse
from approvals.services import upkeep
from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.files.models import StoredFile
from mlops_portal.foundation.files.services import store
from mlops_portal.foundation.history import history_model, save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.people import credentials
from mlops_portal.foundation.people.models import (
    BusinessUnit,
    RoleGrant,
    ServiceAccount,
    UnitUserRight,
    User,
)
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.people.services.grants import grant_confirm, grant_revoke, role_grant
from mlops_portal.foundation.people.services.tokens import account_create, token_create
from mlops_portal.foundation.work.worker import run_pending
from registry.models import CustomField, MetricValue, ModelVersion, RegisteredModel
from registry.services.lineage import dataset_register, pipeline_register
from registry.services.metrics import metrics_record
from registry.services.models import model_update
from tests import threads
from tests.factories import approvals as make
from tests.factories.registry import ModelFactory

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
JSON = "application/json"


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run the acts together; return results and refusals, let errors of the portal through."""
    outcomes = threads.at_once(*acts)
    broken = [one for one in outcomes if isinstance(one, Exception) and not isinstance(one, DomainError)]
    assert broken == []
    return outcomes


def posts(client: Client, place: str, body: dict[str, Any], **headers: str) -> Callable[[], Any]:
    """Return an act that posts a form, or JSON to the API, in a client of its own."""
    own = Client(raise_request_exception=False)
    own.cookies = client.cookies
    if place.startswith("/api/"):
        return lambda: own.post(place, json.dumps(body), JSON, headers=headers)
    return lambda: own.post(place, body)


def codes(outcomes: list[Any]) -> list[int]:
    return sorted(one.status_code for one in outcomes)


@pytest.fixture
def bea(make_person, group):
    """Bea administers the group, too."""
    return make_person("Bea Second", "administrator", unit=group)


@pytest.mark.parametrize(
    ("name", "body", "rows"),
    [
        pytest.param(
            "administration:person-create", {"name": "Nils", "email": "nils@aldermoor.example"},
            lambda: User.objects.filter(email="nils@aldermoor.example"), id="a person",
        ),
        pytest.param(
            "administration:unit-create", {"name": "New", "code": "new"},
            lambda: BusinessUnit.objects.filter(code="new"), id="a unit",
        ),
        pytest.param(
            "administration:account-create", {"name": "ci"},
            lambda: ServiceAccount.objects.filter(name="ci"), id="a service account",
        ),
        pytest.param(
            "registry:field-create", {"label": "Cost centre", "type": "text"},
            lambda: CustomField.objects.filter(key="cost-centre"), id="a custom field",
        ),
    ],
)  # fmt: skip
def test_the_same_form_sent_twice_makes_one_and_tells_the_other(name, body, rows, adam, group, as_person):
    more = {"parent": group.pk, "unit": group.pk, "owner": adam.pk}
    client = as_person(adam)
    outcomes = at_once(*[posts(client, reverse(name), {**body, **more}) for _ in range(3)])
    assert rows().count() == 1, [one.content.decode()[:3000] for one in outcomes]
    assert codes(outcomes)[0] == 303
    assert all(status in (303, 400, 409) for status in codes(outcomes)), codes(outcomes)
    assert codes(outcomes).count(303) == 1


def test_one_idempotency_key_at_once_creates_once_and_answers_both_the_same(ada, retail, as_person):
    client = as_person(ada)
    body = {"name": "churn", "unit": retail.code}
    acts = [posts(client, "/api/v1/models/", body, **{"Idempotency-Key": "k1"}) for _ in range(3)]
    outcomes = at_once(*acts)
    assert codes(outcomes) == [201, 201, 201]
    assert len({one.json()["id"] for one in outcomes}) == 1
    assert RegisteredModel.objects.count() == 1


def test_versions_registered_at_once_get_numbers_of_their_own(ada, retail, as_person):
    model = ModelFactory(unit=retail)
    client = as_person(ada)
    place = reverse("registry-api:versions", args=[model.pk])
    outcomes = at_once(*[posts(client, place, {"source": f"s3://a/{n}"}) for n in range(4)])
    assert codes(outcomes) == [201] * 4
    assert sorted(ModelVersion.objects.values_list("number", flat=True)) == [1, 2, 3, 4]


def test_of_two_roles_that_no_one_may_combine_one_is_granted(adam, bea, retail, make_person, now):
    """Two administrators, each of whom sees only the other role missing."""
    nils = make_person("Nils New")
    grants = [
        lambda by=by, role=role: role_grant(user=nils, role=role, unit=retail, reason="x", by=by, now=now)
        for by, role in ((adam, "model_owner"), (bea, "risk_officer"))
    ]
    outcomes = at_once(*grants)
    assert sum(isinstance(one, RoleGrant) for one in outcomes) == 1
    told = next(one for one in outcomes if isinstance(one, DomainError))
    assert "may not be held by one person" in told.message
    assert RoleGrant.objects.filter(user=nils).count() == 1


def test_who_is_granted_risk_officer_while_they_are_made_owner_ends_up_one_of_both(
    adam, olga, retail, make_person, now
):
    nils = make_person("Nils New")
    model = ModelFactory(unit=retail)
    at_once(
        lambda: role_grant(user=nils, role="risk_officer", unit=retail, reason="x", by=adam, now=now),
        lambda: model_update(model=model, owner=nils, by=olga, now=now),
    )
    model.refresh_from_db()
    assert RoleGrant.objects.filter(user=nils).exists() != (model.owner == nils)


def test_a_role_is_confirmed_once_and_not_by_who_comes_second(
    adam, bea, retail, make_person, as_person, group
):
    cid = make_person("Cid Third", "administrator", unit=group)
    nils = make_person("Nils New")
    grant = role_grant(user=nils, role="validator", unit=retail, reason="joins", by=adam, now=timezone.now())
    place = reverse("administration:grant-confirm", args=[grant.pk])
    clients = [as_person(who) for who in (bea, cid)]
    outcomes = at_once(*[posts(client, place, {}) for client in clients])
    assert history_model(RoleGrant).objects.filter(id=grant.pk).count() == 2, "granted once, confirmed once"
    assert codes(outcomes) == [303, 409]
    assert sum("confirmed already" in one.content.decode() for one in outcomes) == 1


def test_two_pipelines_that_name_the_same_new_data_set_share_it(retail, now):
    acts = [
        lambda: dataset_register(unit=retail, name="loans", digest="a" * 64, by=None, now=now),
        lambda: pipeline_register(unit=retail, name="nightly", by=None, now=now),
    ]
    for act in acts:
        first, second = at_once(act, act)
        assert first == second


def test_two_roles_of_one_person_that_end_at_once_leave_no_right_behind(adam, retail, make_person, now):
    nils = make_person("Nils New", "developer", "model_owner", unit=retail)
    both = list(RoleGrant.objects.filter(user=nils))
    at_once(*[lambda one=one: grant_revoke(grant=one, reason="leaves", by=adam, now=now) for one in both])
    assert not RoleGrant.objects.filter(user=nils, is_effective=True).exists()
    assert not UnitUserRight.objects.filter(user=nils).exists()


def test_a_role_granted_while_another_ends_gives_all_its_rights(adam, bea, retail, make_person, now):
    nils = make_person("Nils New", "viewer", unit=retail)
    viewer = RoleGrant.objects.get(user=nils)
    at_once(
        lambda: grant_revoke(grant=viewer, reason="grows", by=adam, now=now),
        lambda: role_grant(user=nils, role="developer", unit=retail, reason="grows", by=bea, now=now),
    )
    assert rights_of(User.objects.get(pk=nils.pk)).has("registry.view", unit_id=retail.pk)


def test_one_confirms_while_another_revokes(adam, bea, retail, make_person, now):
    grant = role_grant(
        user=make_person("Nils New"), role="validator", unit=retail, reason="x", by=adam, now=now
    )
    at_once(
        lambda: grant_confirm(grant=grant, by=bea, now=now),
        lambda: grant_revoke(grant=grant, reason="no", by=adam, now=now),
    )
    grant.refresh_from_db()
    assert grant.revoked_at is not None
    assert not grant.is_effective, "whichever came first, the role does not hold"


def test_two_who_revoke_an_administrator_at_once_are_the_two_it_needs(adam, bea, group, make_person, now):
    role = make_person("Cid Third", "administrator", unit=group).grants.get()
    at_once(*[lambda by=by: grant_revoke(grant=role, reason="x", by=by, now=now) for by in (adam, bea)])
    role.refresh_from_db()
    assert role.revoked_at == now
    assert {role.revocation_asked_by, role.revoked_by} == {adam, bea}


def test_a_row_that_names_somebody_else_since_is_found_after_the_wait(retail, ada, olga, mona, now):
    account = account_create(name="ci", unit=retail, owner=ada, by=None, now=now)

    def hand_over(person):
        with transaction.atomic():
            found = lock(ServiceAccount.objects.select_related("owner"), account.pk)
            found.owner = person
            time.sleep(0.2)  # so that the other waits for this lock
            return save_as(found, by=None, now=now, reason="x")

    outcomes = at_once(lambda: hand_over(olga), lambda: hand_over(mona))
    assert [one.pk for one in outcomes] == [account.pk] * 2


@pytest.mark.parametrize("unwanted", ["the account operates", "its maker approves"])
def test_who_makes_a_token_ends_up_behind_no_account_whose_roles_clash(
    unwanted, retail, olga, make_person, now
):
    mara = make_person("Mara Makes", "administrator", unit=retail)
    account = account_create(name="ci", unit=retail, owner=olga, by=None, now=now)
    roles = [(account.user, "operator"), (mara, "change_manager")]
    second = roles.pop(0 if unwanted == "the account operates" else 1)
    for user, role in roles:
        role_grant(user=user, role=role, unit=retail, reason="first", by=None, now=now)

    def makes_a_token():
        return token_create(
            account=account, label="ci", scopes=["registry.view"], days=9, by=mara, now=now
        ).token

    def is_granted():
        return role_grant(user=second[0], role=second[1], unit=retail, reason="x", by=None, now=now)

    outcomes = at_once(makes_a_token, is_granted)
    refusals = [one.message for one in outcomes if isinstance(one, DomainError)]
    assert len(refusals) == 1, "one of both, never both"
    assert "be held by one person" in refusals[0]


def test_the_same_content_stored_at_once_is_kept_once(ada, now):
    content = bytes(range(256)) * 4096
    outcomes = at_once(*[lambda: store(content, name="a.bin", by=ada, now=now) for _ in range(4)])
    assert len({one.pk for one in outcomes}) == 1
    assert StoredFile.objects.get().chunks.count() == 4


@pytest.fixture
def cast(ada, olga, vera, ines, rolf, carl, omar):
    """Return the people around the model."""
    return make.Cast(ada, olga, vera, ines, rolf, carl, omar)


@pytest.fixture
def drafted(cast, retail, group, make_person, now):
    """Return a request that was drafted and not filed."""
    paula = make_person("Paula Publisher", "policy_publisher", unit=group)
    services.install_default_policy(by=None, second=paula, now=now - timedelta(days=365))
    model = make.complete_model(unit=retail, cast=cast, tier=4, now=now)
    version = make.complete_version(model, cast=cast, now=now)
    return make.draft(version, make.production(retail, now=now), by=cast.developer, now=now)


def test_a_request_is_filed_once(drafted, cast, now):
    outcomes = at_once(
        *[lambda: services.change_submit(change=drafted, by=cast.developer, now=now) for _ in range(2)]
    )
    assert sorted(isinstance(one, DomainError) for one in outcomes) == [False, True]
    change = ChangeRequest.objects.get()
    assert change.dossiers.count() == 1
    assert change.stages.values("key").distinct().count() == change.stages.count()


def test_one_edits_what_another_is_signing(drafted, cast, now):
    """Whoever comes first: nothing that was signed stands over content nobody read."""
    change = services.change_submit(change=drafted, by=cast.developer, now=now)
    make.decide(change, cast.owner, now=now)
    change.refresh_from_db()
    stage, digest = change.stages.get(state="current"), change.dossier_digest
    code = credentials.present_code(cast.risk_officer)
    metric = MetricValue.objects.filter(version=change.version).first()
    later = now + timedelta(minutes=5)
    outcomes = at_once(
        lambda: services.decision_sign(
            stage=stage, verdict="approve", rationale=make.RATIONALE, read_digest=digest,
            password=make.PASSWORD, code=code, by=cast.risk_officer, now=later,
        ),
        lambda: metrics_record(
            version=change.version,
            metrics=[{"name": metric.name, "segment": metric.segment, "value": metric.value + 0.001}],
            grade=metric.grade, by=cast.validator, now=later,
        ),
    )  # fmt: skip
    run_pending(clock=lambda: later + timedelta(minutes=1))
    change.refresh_from_db()
    signed = isinstance(outcomes[0], Decision)
    edited = not isinstance(outcomes[1], DomainError)
    assert signed or edited
    if edited:
        assert change.state == "in_review", "no approval stands over content that nobody read"
        with pytest.raises(DomainError):
            services.change_execute_now(change=change, by=cast.operator, now=later + timedelta(minutes=2))
    if not signed:
        assert "changed" in outcomes[0].message.lower()
        assert not Decision.objects.filter(stage=stage).exists()


def test_a_lapse_is_opened_once_and_settled_once(drafted, cast, now):
    change = services.change_submit(change=drafted, by=cast.developer, now=now)
    opened = at_once(
        *[lambda: services.lapse_open(change=change, key="validation", text="It ended.", now=now)] * 3
    )
    assert {one.pk for one in opened} == {Lapse.objects.get().pk}
    closed = at_once(
        *[lambda: services.lapse_close(lapse=opened[0], outcome="restricted", by=cast.owner, now=now)] * 2
    )
    assert sorted(isinstance(one, DomainError) for one in closed) == [False, True]


def test_a_comment_sent_twice_is_one_and_both_are_answered_the_same(drafted, cast, now, as_person):
    change = services.change_submit(change=drafted, by=cast.developer, now=now)
    client = as_person(cast.risk_officer)
    form = reverse("approvals:comment", args=[change.pk])
    api = reverse("approvals-api:comments", args=[change.pk])
    outcomes = at_once(*[posts(client, form, {"text": "Why now?", "gate": ""}) for _ in range(3)])
    assert [one.status_code for one in outcomes] == [303] * 3
    assert len({one["Location"] for one in outcomes}) == 1
    outcomes = at_once(*[posts(client, api, {"text": "Why now?"}) for _ in range(3)])
    assert [one.json()["id"] for one in outcomes] == [Comment.objects.get().pk] * 3


def test_the_nightly_upkeep_run_twice_at_once_does_everything_once(drafted, cast, now):
    services.change_submit(change=drafted, by=cast.developer, now=now)
    at = now + timedelta(days=30)
    at_once(*[lambda: upkeep.lapses_of_validity(now=at)] * 2)
    at_once(*[lambda: upkeep.conditions_lapse(now=at)] * 2)
    assert Lapse.objects.values("change", "key").distinct().count() == Lapse.objects.count()
