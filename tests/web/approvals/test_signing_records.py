"""Signatures over records: what is signed is listed line by line, and nothing else is signed."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from approvals import services
from approvals.models import ChangeRequest, Decision, Signature, Validation
from mlops_portal.foundation import canonical
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from registry.models import RegisteredModel
from tests.factories import approvals as make

SignIn = Callable[[User], Client]
SUMMARY = "Concept, data, outcomes and implementation were examined and reproduced."


@pytest.fixture
def validation(model: RegisteredModel, release_cast: make.Cast, ada: User, now: datetime) -> Validation:
    """Return an open validation with an open finding and a settled challenge."""
    vera = release_cast.validator
    version = make.complete_version(model, cast=release_cast, now=now, validated=False)
    found = services.validation_open(version=version, kind="initial", scope="All of it.", by=vera, now=now)
    services.finding_raise(
        validation=found, title="Leak", detail="It leaks.", severity="low", owner=ada,
        due_on=date(2099, 1, 31), by=vera, now=now,
    )  # fmt: skip
    asked = services.challenge_ask(validation=found, question="Why this window?", by=vera, now=now)
    services.challenge_answer(challenge=asked, answer="It leaves out 2020.", by=ada, now=now)
    services.challenge_accept(challenge=asked, by=vera, now=now)
    return found


def carried(page: str, *names: str) -> dict[str, Any]:
    """Return the hidden fields that a step carries on."""
    found = {}
    for name in names:
        values = re.findall(rf'name="{name}" value="([^"]*)"', page)
        found[name] = values if name == "part" else values[0]
    return found


def words(**typed: Any) -> dict[str, Any]:
    return {
        "components": list(Validation.Component.values),
        "outcome": "approved",
        "valid_until": (date.today() + timedelta(days=100)).isoformat(),  # noqa: DTZ011  (the form knows no zone)
        "summary": SUMMARY,
        "has_no_conflict": "on",
        **typed,
    }


def proof(person: User) -> dict[str, str]:
    return {"password": make.PASSWORD, "code": make.fresh_code(person)}


def condition_row(owner: User, verifier: User, **typed: str) -> dict[str, str]:
    return {
        "text_1": "Report the young group every month",
        "evidence_1": "Three reports",
        "owner_1": str(owner.pk),
        "verifier_1": str(verifier.pk),
        "due_on_1": "2099-01-31",
        **typed,
    }


def reviewed(client: Client, address: str, typed: dict[str, Any]) -> str:
    """Go through the first step and return the page of the second."""
    first = client.get(address).content.decode()
    assert 'name="password"' not in first
    answer = client.post(address, {**carried(first, "read", "part"), **typed, "step": "review"})
    page = answer.content.decode()
    assert answer.status_code == 200, page[page.index("<main") :][:6000]
    return page


def test_a_validation_is_concluded_over_what_was_listed_line_by_line(
    validation: Validation, release_cast: make.Cast, ada: User, vera: User, olga: User, as_person: SignIn
) -> None:
    client, address = as_person(vera), f"/validations/{validation.pk}/conclude/"
    first = client.get(address).content.decode()
    recorded = [
        str(validation.version), f"Artifact digest {validation.version.artifact_sha256}", "All of it.", "Leak: low, open.",
        "1. Why this window? Answer: It leaves out 2020. Accepted.", "auc 0.82",
    ]  # fmt: skip
    assert [line for line in recorded if line not in first] == []
    assert "You sign as: <b>validate</b>" in first
    typed = words(outcome="approved_with_conditions", **condition_row(ada, olga))
    page = reviewed(client, address, typed)
    line = f"Report the young group every month. Evidence: Three reports. Owner {ada.name}, verified by {olga.name}, due 31 Jan 2099."
    written = ["Conceptual soundness", "No conflict of interest", "Approved with conditions", line, SUMMARY]
    assert [one for one in [*recorded, *written] if one not in page] == []
    sent = carried(page, "read", "part", "digest")
    answer = client.post(address, {**sent, **typed, **proof(vera), "step": "sign"})
    assert (answer.status_code, answer["Location"]) == (303, f"/validations/{validation.pk}/receipt/")
    validation.refresh_from_db()
    signature = validation.signature
    assert (signature.digest, signature.meaning) == (sent["digest"], "validate")
    assert canonical.digest(signature.statement) == signature.digest
    assert signature.statement["conditions"][0]["owner"] == ada.pk
    receipt = client.get(answer["Location"]).content.decode()
    assert [one for one in (signature.digest, SUMMARY, "recorded by the portal: password", "Ledger entry", line[:34])
            if one.lower() not in receipt.lower()] == []  # fmt: skip
    assert "conceptual soundness, data review, implementation check and outcomes analysis, for" in receipt
    for part in ("Metrics as validated", "Examined", "Conflict of interest", "Valid until"):
        assert f'<th scope="row">{part}</th>' in receipt, (
            "the receipt calls the parts as the signature page did"
        )
    page = client.get(f"/validations/{validation.pk}/").content.decode()
    assert "Report the young group every month" in page
    condition = validation.conditions.get()
    assert (condition.change, condition.decision, condition.verifier) == (None, None, olga)


def test_the_end_that_was_typed_is_signed_and_none_later_than_the_policy_allows(
    validation: Validation, vera: User, as_person: SignIn
) -> None:
    client, address = as_person(vera), f"/validations/{validation.pk}/conclude/"
    far = client.post(address, {**words(valid_until="2099-01-01"), "step": "review"})
    assert far.status_code == 400
    assert "The policy lets a validation of this tier hold until" in far.content.decode()
    past = client.post(address, {**words(valid_until="2020-01-01"), "step": "review"})
    assert "1 Jan 2020 is in the past." in past.content.decode()
    typed = words()
    sent = carried(reviewed(client, address, typed), "read", "part", "digest")
    client.post(address, {**sent, **typed, **proof(vera), "step": "sign"})
    validation.refresh_from_db()
    assert validation.valid_until.date().isoformat() == typed["valid_until"]


@pytest.mark.parametrize(
    ("outcome", "row", "field", "said"),
    [
        pytest.param("approved_with_conditions", {}, "outcome",
                     "“Approved with conditions” needs at least one condition.", id="conditions without any"),
        pytest.param("approved", {}, "outcome", "Conditions go with “Approved with conditions”.",
                     id="conditions with another outcome"),
        pytest.param("approved_with_conditions", {"verifier_1": "ada"}, "verifier_1",
                     "the owner cannot verify it", id="verified by its owner"),
        pytest.param("approved_with_conditions", {"due_on_1": ""}, "due_on_1",
                     "Condition 1 lacks: a due date.", id="without a date"),
        pytest.param("approved_with_conditions", {"text_1": ""}, "text_1",
                     "Condition 1 lacks: what is to be done.", id="without what is to be done"),
    ],
)  # fmt: skip
def test_conditions_fit_the_outcome_and_are_whole(
    validation: Validation, ada: User, olga: User, vera: User, as_person: SignIn,
    outcome: str, row: dict[str, str], field: str, said: str,
) -> None:  # fmt: skip
    is_bare = outcome == "approved_with_conditions" and not row
    changed = {name: str(olga.pk) if value == "ada" else value for name, value in row.items()}
    given = {} if is_bare else condition_row(olga, vera, **changed)
    answer = as_person(vera).post(
        f"/validations/{validation.pk}/conclude/", {**words(outcome=outcome, **given), "step": "review"}
    )
    page = answer.content.decode()
    assert answer.status_code == 400
    assert said in page[page.index(f'id="id_{field}-e"') :].split("</span></span>")[0]
    assert SUMMARY in page


def test_who_validates_owns_no_condition_of_it(validation: Validation, vera: User, as_person: SignIn) -> None:
    page = as_person(vera).get(f"/validations/{validation.pk}/conclude/").content.decode()
    owners = page[page.index('name="owner_1"') :].split("</select>")[0]
    verifiers = page[page.index('name="verifier_1"') :].split("</select>")[0]
    assert vera.name not in owners
    assert vera.name in verifiers


def close_the_finding(validation: Validation, by: User, now: datetime) -> None:
    finding = validation.findings.get()
    services.finding_close(finding=finding, evidence="Retrained without the field.", by=by, now=now)


def replace_the_artifact(validation: Validation, by: User, now: datetime) -> None:
    version = validation.version
    version.artifact_sha256 = "9" * 64
    save_as(version, by=None, now=now, reason="Another artifact", fields=["artifact_sha256"])


def ask_a_challenge(validation: Validation, by: User, now: datetime) -> None:
    services.challenge_ask(validation=validation, question="And why this limit?", by=by, now=now)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(close_the_finding, "validation findings", id="a finding is closed"),
        pytest.param(replace_the_artifact, "version", id="the version has another artifact"),
        pytest.param(ask_a_challenge, "challenges", id="a challenge is asked"),
    ],
)
def test_what_changed_under_the_signer_is_not_signed_and_the_words_are_kept(
    validation: Validation, vera: User, now: datetime, as_person: SignIn,
    change: Callable[[Validation, User, datetime], None], named: str,
) -> None:  # fmt: skip
    client, address, typed = as_person(vera), f"/validations/{validation.pk}/conclude/", words()
    sent = carried(reviewed(client, address, typed), "read", "part", "digest")
    change(validation, vera, now)
    before = Signature.objects.count()
    answer = client.post(address, {**sent, **typed, **proof(vera), "step": "sign"})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Changed while you were reading" in page
    assert f"Changed: {named}." in page
    assert "Nothing was signed." in page
    assert SUMMARY in page
    assert (Signature.objects.count(), make.PASSWORD in page) == (before, False)
    validation.refresh_from_db()
    assert validation.state == "open"


def test_what_changed_is_acknowledged_before_it_is_signed(
    validation: Validation, vera: User, now: datetime, as_person: SignIn
) -> None:
    client, address, typed = as_person(vera), f"/validations/{validation.pk}/conclude/", words()
    first = carried(client.get(address).content.decode(), "read", "part")
    close_the_finding(validation, vera, now)
    page = client.post(address, {**first, **typed, "step": "review"}).content.decode()
    assert "I have read the 1 part that changed" in page
    sent = {**carried(page, "read", "part", "digest"), **typed, "step": "sign"}
    assert client.post(address, {**sent, **proof(vera)}).status_code == 400
    answer = client.post(address, {**sent, **proof(vera), "acknowledged": "1"})
    assert answer.status_code == 303
    validation.refresh_from_db()
    assert validation.state == "concluded"


def test_who_is_not_its_validator_reads_why_they_cannot_conclude_it(
    validation: Validation, make_person: Callable[..., User], as_person: SignIn
) -> None:
    other = make_person("Viktor Other", "validator", unit=validation.unit, signs=True)
    address = f"/validations/{validation.pk}/conclude/"
    client = as_person(other)
    assert "Only its validator concludes a validation." in client.get(address).content.decode()
    typed = words()
    sent = carried(reviewed(client, address, typed), "read", "part", "digest")
    answer = client.post(address, {**sent, **typed, **proof(other), "step": "sign"})
    assert answer.status_code == 409
    validation.refresh_from_db()
    assert validation.state == "open"


REASON = "The evidence turned out to be wrong."


def test_a_revocation_is_signed_over_what_it_takes_back_and_what_follows(
    filed: ChangeRequest, olga: User, vera: User, now: datetime, as_person: SignIn
) -> None:
    make.approve_by(filed, [olga, vera], now=now)
    decision = filed.decisions.get(signer=vera)
    client, address = as_person(vera), f"/decisions/{decision.pk}/revoke/"
    short = client.post(address, {"reason": "Wrong.", "step": "review"})
    assert (short.status_code, "at least 20 are needed" in short.content.decode()) == (400, True)
    page = reviewed(client, address, {"reason": REASON})
    listed = [
        f"Signed by {vera.name}", f"Decision digest {decision.decision_digest}", f"Dossier digest {decision.dossier_digest}",
        str(filed.version), "Runs nowhere", "opens again, and the stages after it wait for it.", "You sign as: <b>close</b>",
        REASON,
    ]  # fmt: skip
    assert [line for line in listed if line not in page] == []
    sent = carried(page, "read", "part", "digest")
    answer = client.post(address, {**sent, "reason": REASON, **proof(vera), "step": "sign"})
    assert (answer.status_code, answer["Location"]) == (303, f"/decisions/{decision.pk}/#revocation")
    receipt = client.get(f"/decisions/{decision.pk}/").content.decode()
    assert "How it was revoked" in receipt
    assert sent["digest"] in receipt
    signature = Signature.objects.get(digest=sent["digest"])
    assert signature.statement["revokes"] == decision.signature.digest
    assert Decision.objects.get(pk=decision.pk).voided_at is not None


def test_a_revocation_says_where_the_version_runs_and_is_not_signed_once_that_changed(
    filed: ChangeRequest, olga: User, vera: User, now: datetime, as_person: SignIn
) -> None:
    make.approve_by(filed, [olga, vera], now=now)
    decision = filed.decisions.get(signer=vera)
    client, address = as_person(vera), f"/decisions/{decision.pk}/revoke/"
    sent = carried(reviewed(client, address, {"reason": REASON}), "read", "part", "digest")
    make.serve(filed, now=now)
    answer = client.post(address, {**sent, "reason": REASON, **proof(vera), "step": "sign"})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Changed: the version, and where it runs now" in page
    assert f"Serves in {filed.environment.name}" in page
    assert REASON in page
    decision.refresh_from_db()
    assert decision.voided_at is None
