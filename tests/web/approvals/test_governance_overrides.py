"""Overrides of governance: signed in two steps by a risk officer outside the owner's line, for 180 days."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from approvals import services
from approvals.models import Signature
from mlops_portal.foundation import canonical
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.web.words import day_text
from registry.models import GovernanceOverride, RecordTask, RegisteredModel
from registry.services import governance, governance_evaluate
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
        pytest.param("developer", "Owner and developer do not override governance.", id="the developer"),
        pytest.param("manager of the owner", "The owner&#x27;s line does not override governance.", id="above the owner"),
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


ENDED = "The sandbox became the pricing desk's first source."


def told(person: User) -> list[str]:
    return list(Notification.objects.filter(person=person).order_by("pk").values_list("text", flat=True))


def open_tasks(model: RegisteredModel) -> set[str]:
    return set(RecordTask.objects.filter(model=model, closed_at=None).values_list("kind", flat=True))


def test_a_risk_officer_ends_an_override_and_the_facts_apply_at_once(
    governed: RegisteredModel, ines: User, rolf: User, as_person: SignIn
) -> None:
    made = override(governed, rolf, timezone.now())
    assert "became_mandatory" not in open_tasks(governed)
    Notification.objects.all().delete()
    client, risk = as_person(ines), f"/models/{governed.pk}/risk/"
    address = f"/models/{governed.pk}/overrides/{made.pk}/end/"
    assert address in client.get(risk).content.decode()
    assert f"{rolf} signed it until" in client.get(address).content.decode()
    assert client.post(address, {"reason": " "}).status_code == 400
    answer = client.post(address, {"reason": ENDED})
    assert (answer.status_code, answer["Location"]) == (303, risk)
    made.refresh_from_db()
    governed.refresh_from_db()
    assert (made.ended_by, made.end_reason, made.history.first().history_user_id) == (
        ines,
        ENDED,
        str(ines.pk),
    )
    assert made.valid_until - made.decided_at == timedelta(days=180), "what was signed stays"
    assert governed.governance == "mandatory"
    assert not any("Overridden" in line for line in governed.governance_rationale)
    assert "became_mandatory" in open_tasks(governed)
    until = day_text(portal_day(made.valid_until))
    ended = f"{ines} ended the override before {until}: {ENDED} Its governance is mandatory now."
    assert told(rolf) == [ended], "who signed it knows"
    (asked,) = told(governed.owner)
    assert "Governance became mandatory. Missing:" in asked, "what is expected of the owner goes first"
    page = client.get(risk).content.decode()
    assert "Ended earlier" in page
    assert address not in page
    assert f"/models/{governed.pk}/governance/override/" in page, "another may be signed"
    receipt = client.get(f"/governance-overrides/{made.pk}/receipt/").content.decode()
    assert "Ended earlier" in receipt
    assert client.post(address, {"reason": ENDED}).status_code == 409


@pytest.mark.parametrize("place", ["developer", "manager of the owner", "over"])
def test_who_could_not_override_does_not_end_it_and_what_is_over_is_not_ended(
    governed: RegisteredModel, ines: User, rolf: User, now: datetime, as_person: SignIn, place: str
) -> None:
    made = override(governed, rolf, timezone.now())
    governed.refresh_from_db()
    if place == "developer":
        governed.developer = ines
        save_as(governed, by=None, now=now, reason="test", fields=["developer"])
    elif place == "manager of the owner":
        governed.owner.line_manager = ines
        save_as(governed.owner, by=None, now=now, reason="test", fields=["line_manager"])
    else:
        made.valid_until = timezone.now() - timedelta(minutes=1)
        save_as(made, by=None, now=now, reason="test", fields=["valid_until"])
    address = f"/models/{governed.pk}/overrides/{made.pk}/end/"
    assert as_person(ines).post(address, {"reason": ENDED}).status_code == 409
    made.refresh_from_db()
    assert made.ended_at is None


def test_the_owner_does_not_end_an_override(governed: RegisteredModel, rolf: User, as_person: SignIn) -> None:
    made = override(governed, rolf, timezone.now())
    client = as_person(governed.owner)
    assert "/end/" not in client.get(f"/models/{governed.pk}/risk/").content.decode()
    address = f"/models/{governed.pk}/overrides/{made.pk}/end/"
    assert client.post(address, {"reason": ENDED}).status_code == 403


def test_the_api_lists_overrides_and_ends_one(
    governed: RegisteredModel, ines: User, rolf: User, as_person: SignIn
) -> None:
    made = override(governed, rolf, timezone.now())
    client, address = as_person(ines), f"/api/v1/models/{governed.pk}/overrides/"
    assert [row["ended_at"] for row in client.get(address).json()["results"]] == [None]
    end, sent = f"{address}{made.pk}/end/", {"content_type": "application/json"}
    assert client.post(end, {}, **sent).status_code == 400
    answer = client.post(end, {"reason": ENDED}, **sent)
    assert (answer.status_code, answer.json()["end_reason"]) == (200, ENDED), answer.content
    governed.refresh_from_db()
    assert governed.governance == "mandatory"
    assert client.post(end, {"reason": ENDED}, **sent).status_code == 409


def test_an_override_tells_the_owner_of_its_model_and_no_other(
    governed: RegisteredModel, rolf: User, now: datetime
) -> None:
    made = override(governed, rolf, timezone.now())
    notice = Notification.objects.get(text__contains="overrode its governance")
    assert (notice.person, notice.subject) == (governed.owner, str(governed))
    assert made.model == governed


def test_the_reasons_of_a_change_of_governance_are_told_as_sentences(
    governed: RegisteredModel, now: datetime
) -> None:
    governed.decisions_per_day, governed.is_proof_of_concept = 10, True
    save_as(governed, by=None, now=now, reason="test")
    Notification.objects.all().delete()
    governance_evaluate(model=governed, now=timezone.now())
    (text,) = [one for one in told(governed.owner) if "Its governance is optional now. " in one]
    assert "[" not in text


def test_a_nightly_run_does_not_revive_an_override_that_is_ended_meanwhile(
    governed: RegisteredModel, ines: User, rolf: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end comes after the run has gathered the facts, and later than the moment at which the run began."""
    began = timezone.now()
    made = override(governed, rolf, began)
    is_settled = governance._is_settled

    def ended_meanwhile(model: RegisteredModel, *gathered: Any) -> bool:
        assert gathered[0].override == made
        governance.governance_override_end(
            override=made, reason=ENDED, by=ines, now=began + timedelta(seconds=1)
        )
        is_settled(model, *gathered)
        return False

    monkeypatch.setattr(governance, "_is_settled", ended_meanwhile)
    governance.governance_evaluate_all(now=began)
    governed.refresh_from_db()
    assert governed.governance == "mandatory"
    assert not any("Overridden" in line for line in governed.governance_rationale)
