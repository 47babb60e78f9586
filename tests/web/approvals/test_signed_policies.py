"""Publishing a policy revision: signed in two steps over the document, the controls and what it changes."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from approvals import services
from approvals.models import PolicyRevision, Signature
from approvals.policy.document import default_policy_text
from mlops_portal.foundation import canonical
from mlops_portal.foundation.people.models import BusinessUnit, User
from tests.factories import approvals as make
from tests.web.approvals.test_signing_records import carried, proof, reviewed

SignIn = Callable[[User], Client]
REASON = "Rehearsals move to a new site this year."
LAXER = ("rehearsal_days: {1: 180,", "rehearsal_days: {1: 400,")
STRICTER = ("rationale_min_length: {1: 120,", "rationale_min_length: {1: 200,")


@pytest.fixture
def publisher(in_force: PolicyRevision, make_person: Callable[..., User], group: BusinessUnit) -> User:
    """Return the person who publishes what somebody else drafted."""
    return make_person("Quinn Second", "policy_publisher", unit=group, signs=True)


@pytest.fixture
def drafter(in_force: PolicyRevision, make_person: Callable[..., User], group: BusinessUnit) -> User:
    """Return the person who drafts."""
    return make_person("Pete Drafter", "policy_publisher", unit=group, signs=True)


def draft(by: User, change: tuple[str, str]) -> PolicyRevision:
    return services.revision_draft(text=default_policy_text().replace(*change), by=by, now=timezone.now())


@pytest.mark.parametrize(
    ("change", "meaning", "said"),
    [
        pytest.param(STRICTER, "approve", "Nowhere laxer than a control", id="no laxer than the controls"),
        pytest.param(LAXER, "accept_risk", "Laxer than", id="laxer than a control"),
    ],
)
def test_a_revision_is_published_over_its_document_and_what_it_changes(
    in_force: PolicyRevision, drafter: User, publisher: User, as_person: SignIn,
    change: tuple[str, str], meaning: str, said: str,
) -> None:  # fmt: skip
    revision = draft(drafter, change)
    client, address = as_person(publisher), f"/policies/{revision.pk}/publish/"
    assert address in client.get(f"/policies/{revision.pk}/").content.decode()
    short = client.post(address, {"reason": "Because.", "step": "review"})
    assert (short.status_code, "at least 20 are needed" in short.content.decode()) == (400, True)
    page = reviewed(client, address, {"reason": REASON})
    recorded = [
        said, revision.digest, f"What differs from {in_force}", f"Line added: {change[1]}", "In force from the moment of the signature",
        f"Drafted by {drafter.name}", f"You sign as: <b>{meaning.replace('_', ' ')}</b>", REASON,
    ]  # fmt: skip
    assert [line for line in recorded if line not in page] == []
    sent = carried(page, "read", "part", "digest")
    answer = client.post(address, {**sent, "reason": REASON, **proof(publisher), "step": "sign"})
    assert (answer.status_code, answer["Location"]) == (303, f"/policies/{revision.pk}/#signature")
    revision.refresh_from_db()
    in_force.refresh_from_db()
    assert (revision.state, in_force.state, revision.published_by) == ("published", "superseded", publisher)
    signature = Signature.objects.get(digest=sent["digest"])
    assert canonical.digest(signature.statement) == signature.digest
    assert (signature.meaning, signature.statement["publishes"]) == (meaning, revision.digest)
    page = client.get(f"/policies/{revision.pk}/").content.decode()
    assert [
        one for one in (signature.digest, REASON, "Ledger entry", publisher.name) if one not in page
    ] == []


def test_what_came_in_force_meanwhile_is_read_before_it_is_succeeded(
    in_force: PolicyRevision, drafter: User, publisher: User, as_person: SignIn
) -> None:
    revision, other = (
        draft(drafter, STRICTER),
        draft(drafter, ("max_live_per_version: 3", "max_live_per_version: 2")),
    )
    client, address = as_person(publisher), f"/policies/{revision.pk}/publish/"
    sent = carried(reviewed(client, address, {"reason": REASON}), "read", "part", "digest")
    make.publish(other, by=publisher, now=timezone.now())
    answer = client.post(address, {**sent, "reason": REASON, **proof(publisher), "step": "sign"})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert f"Changed: what differs from {other}".lower() in page.lower()
    assert REASON in page
    revision.refresh_from_db()
    assert revision.state == "draft"


def test_the_drafter_reads_why_they_cannot_publish_and_signs_nothing(
    drafter: User, as_person: SignIn
) -> None:
    revision = draft(drafter, STRICTER)
    client, address = as_person(drafter), f"/policies/{revision.pk}/publish/"
    sent = carried(reviewed(client, address, {"reason": REASON}), "read", "part", "digest")
    answer = client.post(address, {**sent, "reason": REASON, **proof(drafter), "step": "sign"})
    assert answer.status_code == 409
    assert "Somebody other than the drafter publishes a policy." in answer.content.decode()
    assert not Signature.objects.exists()


def test_the_shipped_policy_of_a_fresh_installation_says_that_nobody_signed_it(
    in_force: PolicyRevision, publisher: User, as_person: SignIn
) -> None:
    assert (
        "Adopted without a signature, by"
        in as_person(publisher).get(f"/policies/{in_force.pk}/").content.decode()
    )
