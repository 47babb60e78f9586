"""Overrides of governance: signed in two steps by a risk officer outside the owner's line, for 180 days."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from approvals import services
from approvals.models import Signature
from mlops_portal.foundation import canonical
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from registry.models import GovernanceOverride, RegisteredModel
from registry.services import governance_evaluate
from tests.factories import approvals as make
from tests.web.approvals.test_signing_records import carried, proof, reviewed

SignIn = Callable[[User], Client]
REASON = "It only feeds a sandbox this year; nobody outside of the team reads what it says."


@pytest.fixture
def governed(model: RegisteredModel, now: datetime) -> RegisteredModel:
    """Return a model that decides so often that governance is mandatory."""
    model.decisions_per_day = 12_000
    save_as(model, by=None, now=now, reason="test", fields=["decisions_per_day"])
    return governance_evaluate(model=model, now=now)


def override(model: RegisteredModel, by: User, at: datetime) -> GovernanceOverride:
    read = services.override_preview(model=model, by=by, now=at).digest
    return services.override_sign(
        model=model, reason=REASON, read_digest=read, password=make.PASSWORD, code=make.fresh_code(by), by=by, now=at
    )  # fmt: skip


def test_an_override_is_signed_over_what_the_facts_say_and_ends_after_180_days(
    governed: RegisteredModel, ines: User, as_person: SignIn
) -> None:
    client, address = as_person(ines), f"/models/{governed.pk}/governance/override/"
    rail = client.get(f"/models/{governed.pk}/risk/").content.decode()
    assert address in rail
    first = client.get(address).content.decode()
    recorded = [
        str(governed), f"Owned by {governed.owner.name}", "Tier 1", "Governance is mandatory", "decisions a day.",
        "Governance is optional for 180 days", "You sign as: <b>accept risk</b>",
    ]  # fmt: skip
    assert [line for line in recorded if line not in first] == []
    page = reviewed(client, address, {"reason": REASON})
    assert REASON in page
    sent = carried(page, "read", "part", "digest")
    answer = client.post(address, {**sent, "reason": REASON, **proof(ines), "step": "sign"})
    made = GovernanceOverride.objects.get(model=governed)
    assert (answer.status_code, answer["Location"]) == (303, f"/governance-overrides/{made.pk}/receipt/")
    signature = Signature.objects.get(digest=sent["digest"])
    assert canonical.digest(signature.statement) == signature.digest == made.signature_digest
    assert (signature.meaning, signature.role, signature.subject_id) == (
        "accept_risk",
        "risk_officer",
        str(made.pk),
    )
    assert made.valid_until - made.decided_at == timedelta(days=180)
    governed.refresh_from_db()
    assert governed.governance == "optional"
    receipt = client.get(answer["Location"]).content.decode()
    assert [
        one
        for one in (signature.digest, REASON, "Accept risk", ines.name, "Ledger entry")
        if one not in receipt
    ] == []
    rail = client.get(f"/models/{governed.pk}/risk/").content.decode()
    assert (f"/governance-overrides/{made.pk}/receipt/" in rail, address in rail) == (True, False)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        pytest.param("developer", "Owner and developer do not override.", id="the developer"),
        pytest.param("manager of the owner", "Somebody outside the owner&#x27;s line overrides.", id="above the owner"),
        pytest.param("overridden", "Governance is overridden already, until", id="overridden already"),
        pytest.param("nothing to override", "Governance is not mandatory", id="optional by the evidence"),
    ],
)  # fmt: skip
def test_who_cannot_override_reads_why(
    governed: RegisteredModel, ines: User, rolf: User, now: datetime, as_person: SignIn, place: str, said: str
) -> None:
    if place == "developer":
        governed.developer = ines
    elif place == "manager of the owner":
        governed.owner.line_manager = ines
        save_as(governed.owner, by=None, now=now, reason="test", fields=["line_manager"])
    elif place == "overridden":
        override(governed, rolf, timezone.now())
        governed.refresh_from_db()
    else:
        governed.decisions_per_day, governed.is_proof_of_concept = 10, True
    save_as(governed, by=None, now=now, reason="test")
    client, address = as_person(ines), f"/models/{governed.pk}/governance/override/"
    page = client.get(address).content.decode()
    assert "Not possible now" in page
    assert said in page
    before = Signature.objects.count()
    sent = carried(reviewed(client, address, {"reason": REASON}), "read", "part", "digest")
    answer = client.post(address, {**sent, "reason": REASON, **proof(ines), "step": "sign"})
    assert (answer.status_code, Signature.objects.count()) == (409, before)


def test_what_changed_under_the_risk_officer_is_not_signed(
    governed: RegisteredModel, ines: User, now: datetime, as_person: SignIn
) -> None:
    client, address = as_person(ines), f"/models/{governed.pk}/governance/override/"
    sent = carried(reviewed(client, address, {"reason": REASON}), "read", "part", "digest")
    governed.decisions_per_day = 90_000
    save_as(governed, by=None, now=now, reason="test", fields=["decisions_per_day"])
    answer = client.post(address, {**sent, "reason": REASON, **proof(ines), "step": "sign"})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Changed: what the facts say." in page
    assert REASON in page
    assert not GovernanceOverride.objects.exists()


def test_a_short_reason_and_a_wrong_password_sign_nothing(
    governed: RegisteredModel, ines: User, as_person: SignIn
) -> None:
    client, address = as_person(ines), f"/models/{governed.pk}/governance/override/"
    short = client.post(address, {"reason": "Sandbox.", "step": "review"})
    assert (short.status_code, "at least 40 are needed" in short.content.decode()) == (400, True)
    sent = carried(reviewed(client, address, {"reason": REASON}), "read", "part", "digest")
    wrong = {**proof(ines), "password": "not mine"}
    assert client.post(address, {**sent, "reason": REASON, **wrong, "step": "sign"}).status_code == 400
    assert not GovernanceOverride.objects.exists()


def test_the_link_is_offered_to_risk_officers_only(
    governed: RegisteredModel, ada: User, as_person: SignIn
) -> None:
    client = as_person(ada)
    assert "governance/override" not in client.get(f"/models/{governed.pk}/risk/").content.decode()
    assert client.get(f"/models/{governed.pk}/governance/override/").status_code == 403
