"""Signing through the pages: write, review the digest, prove, receipt; rejections and refusals."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django import forms
from django.template.loader import get_template
from django.test import Client

from approvals import services
from approvals.models import ChangeRequest, Decision, Waiver
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from tests.factories import approvals as make

SignIn = Callable[[User], Client]


def sign_url(change: ChangeRequest, verdict: str) -> str:
    return f"/changes/{change.pk}/sign/{verdict}/"


def review(client: Client, change: ChangeRequest, verdict: str, **typed: str) -> str:
    """Go through the first step and return the digest that the second one shows."""
    page = client.post(
        sign_url(change, verdict),
        {"step": "review", "read": change.dossier_digest, "rationale": make.RATIONALE, **typed},
    )
    assert page.status_code == 200, page.content.decode()[:2000]
    found = re.search(r'name="digest" value="([0-9a-f]{64})"', page.content.decode())
    assert found, "the second step shows no digest"
    return found.group(1)


def prove(
    client: Client, person: User, change: ChangeRequest, verdict: str, digest: str, **typed: str
) -> object:
    """Send the second step."""
    form = {
        "step": "sign",
        "read": change.dossier_digest,
        "rationale": make.RATIONALE,
        "digest": digest,
        "acknowledged": "1",
        "password": make.PASSWORD,
        "code": make.fresh_code(person),
        **typed,
    }
    return client.post(sign_url(change, verdict), form)


def test_the_way_back_needs_a_reason_on_the_page_and_not_an_essay(
    at_risk: ChangeRequest, ines: User, now: datetime, as_person: SignIn
) -> None:
    at_risk.change_class = "containment"
    save_as(at_risk, by=None, now=now, fields=["change_class"])
    client = as_person(ines)
    page = client.get(sign_url(at_risk, "approve")).content.decode()
    assert "At least 10 characters." in page
    reason = {"rationale": "Error rate doubled."}
    digest = review(client, at_risk, "approve", **reason)
    assert prove(client, ines, at_risk, "approve", digest, **reason).status_code == 303


def test_an_approval_is_signed_over_the_digest_that_was_shown(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    first = client.get(sign_url(at_risk, "approve")).content.decode()
    assert "Nothing is signed on this step." in first
    assert 'name="password"' not in first
    digest = review(client, at_risk, "approve")
    answer = prove(client, ines, at_risk, "approve", digest)
    decision = Decision.objects.get(signer=ines)
    assert (answer.status_code, answer["Location"]) == (303, f"/decisions/{decision.pk}/")
    assert decision.decision_digest == digest
    receipt = client.get(answer["Location"]).content.decode()
    assert digest in receipt
    assert "recorded by the portal" in receipt.lower()
    at_risk.refresh_from_db()
    assert at_risk.stages.get(key="risk").state == "done"
    assert at_risk.readings.get(reader=ines).dossier_number == at_risk.dossier_number


def test_one_verb_names_the_act_on_the_button_in_the_dialog_and_on_the_receipt(
    filed: ChangeRequest, olga: User, as_person: SignIn
) -> None:
    client = as_person(olga)
    first = client.get(sign_url(filed, "approve")).content.decode()
    assert "Sign: accept" in first
    assert first.count("You sign as: <b>attest</b>") == 1
    answer = prove(client, olga, filed, "approve", review(client, filed, "approve"))
    receipt = client.get(answer["Location"]).content.decode()
    assert f"<h1>Receipt: accept, {filed.code}</h1>" in receipt
    assert "<dt>Decision</dt><dd>Accept</dd><dt>Signed as</dt><dd>Attest</dd>" in receipt
    page = client.get(filed.get_absolute_url()).content.decode()
    assert '">Accept</a>, revision 1' in page
    assert "accept at " in page
    assert "approve at " not in page


def test_conditions_are_part_of_the_digest(
    at_risk: ChangeRequest, ines: User, olga: User, vera: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    condition = {
        "text_1": "Watch the young group every day.",
        "evidence_1": "Monitor 7",
        "owner_1": str(olga.pk),
        "verifier_1": str(vera.pk),
        "due_on_1": "2099-01-31",
    }
    plain = review(client, at_risk, "approve")
    digest = review(client, at_risk, "approve_with_conditions", **condition)
    assert digest != plain
    prove(client, ines, at_risk, "approve_with_conditions", digest, **condition)
    decision = Decision.objects.get(signer=ines)
    assert decision.decision_digest == digest
    assert decision.condition_rows.get().verifier == vera


def test_conditions_are_offered_to_whom_they_fit_and_every_complaint_is_told_at_once(
    at_risk: ChangeRequest, ines: User, olga: User, cleo: User, dora: User, as_person: SignIn
) -> None:
    client, address = as_person(ines), sign_url(at_risk, "approve_with_conditions")
    form = client.get(address).content.decode()
    offered = form[form.index('name="verifier_1"') :].split("</select>")[0]
    assert "Carl" in offered
    assert not [name for name in (cleo.name, dora.name) if name in offered]
    answer = client.post(
        address,
        {
            "step": "review",
            "rationale": "Fine.",
            "text_1": "Watch the young group",
            "evidence_1": "Monitor 7",
            "owner_1": str(olga.pk),
            "verifier_1": str(olga.pk),
            "due_on_1": "2020-01-31",
        },
    )
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "at least 120 are needed" in page
    assert "the owner cannot verify it" in page
    assert "which is past" in page
    summary = page[page.index('id="form-errors"') :].split("</div></div>")[0]
    assert "3 entries need attention" in summary
    assert re.findall(r'href="#(\w+)"', summary) == ["id_rationale", "id_verifier_1", "id_due_on_1"]
    for name, words in (("verifier_1", "the owner cannot verify it"), ("due_on_1", "which is past")):
        assert words in page[page.index(f'id="id_{name}-e"') :].split("</span></span>")[0]


def test_the_summary_of_a_form_counts_what_it_lists() -> None:
    form = forms.Form(data={})
    form.full_clean()
    for words in ("One thing.", "Another thing."):
        form.add_error(None, words)
    page = get_template("components/form_errors.html").render({"form": form})
    assert "2 entries need attention" in page


def test_a_condition_and_its_evidence_are_two_sentences(
    at_risk: ChangeRequest, ines: User, olga: User, vera: User, as_person: SignIn
) -> None:
    typed = {
        "text_1": "Watch the young group",
        "evidence_1": "Monitor 7",
        "owner_1": str(olga.pk),
        "verifier_1": str(vera.pk),
        "due_on_1": "2099-01-31",
    }
    page = as_person(ines).post(
        sign_url(at_risk, "approve_with_conditions"),
        {"step": "review", "read": at_risk.dossier_digest, "rationale": make.RATIONALE, **typed},
    )
    assert "Watch the young group. Evidence: Monitor 7. Owner" in page.content.decode()


def test_words_changed_after_the_review_are_not_signed(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    digest = review(client, at_risk, "approve")
    answer = prove(client, ines, at_risk, "approve", digest, rationale=f"{make.RATIONALE} And more.")
    assert answer.status_code == 409
    assert "Nothing was signed" in answer.content.decode()
    assert not Decision.objects.filter(signer=ines).exists()


def test_a_wrong_code_keeps_the_words_and_clears_the_password(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    digest = review(client, at_risk, "approve")
    answer = prove(client, ines, at_risk, "approve", digest, code="41820")
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "The code has 6 digits. You entered 5." in page
    assert make.PASSWORD not in page
    assert digest in page
    assert not Decision.objects.filter(signer=ines).exists()


def test_what_is_new_to_the_signer_must_be_acknowledged(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    digest = review(client, at_risk, "approve")
    answer = prove(client, ines, at_risk, "approve", digest, acknowledged="")
    assert answer.status_code == 400
    page = answer.content.decode()
    box = re.search(r"<input[^>]*id=\"acknowledged\"[^>]*>", page).group(0)
    assert 'aria-invalid="true"' in box
    assert "autofocus" in box
    assert 'id="acknowledged-e"' in page
    assert "say that you have read what you sign" in page
    assert not Decision.objects.filter(signer=ines).exists()


def test_who_steps_aside_need_not_have_read_the_dossier(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    reason = {"rationale": "I know the vendor."}
    assert "I have read" not in client.get(sign_url(at_risk, "recuse")).content.decode()
    digest = review(client, at_risk, "recuse", **reason)
    answer = prove(client, ines, at_risk, "recuse", digest, acknowledged="", **reason)
    assert answer.status_code == 303
    assert Decision.objects.get(signer=ines).verdict == "recuse"
    assert not at_risk.readings.filter(reader=ines).exists()


def test_what_is_to_be_read_is_told_first_and_acknowledged_before_the_proof(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    """A box under the proof is out of sight, and a browser's bubble over the button looks like a signature."""
    client = as_person(ines)
    words = {"step": "review", "read": at_risk.dossier_digest, "rationale": make.RATIONALE}
    first = client.get(sign_url(at_risk, "approve")).content.decode()
    second = client.post(sign_url(at_risk, "approve"), words).content.decode()
    said = re.search(r"I have read the \d+ parts of the dossier", second).group(0)
    assert said in first
    assert second.index('id="acknowledged"') < second.index('name="password"') < second.index('name="code"')
    assert " required" not in re.search(r"<input[^>]*id=\"acknowledged\"[^>]*>", second).group(0)


def test_a_short_reason_is_refused_before_the_review(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    answer = as_person(ines).post(sign_url(at_risk, "approve"), {"step": "review", "rationale": "Fine."})
    assert answer.status_code == 400
    assert "at least" in answer.content.decode()


@pytest.mark.parametrize(
    ("verdict", "typed", "state"),
    [
        pytest.param("reject", {}, "rejected", id="a rejection ends the round"),
        pytest.param(
            "request_changes", {"items": "Show the fallback"}, "changes_requested", id="changes go back"
        ),
    ],
)
def test_other_verdicts_are_signed_alike(
    at_risk: ChangeRequest, ines: User, as_person: SignIn, verdict: str, typed: dict[str, str], state: str
) -> None:
    client = as_person(ines)
    digest = review(client, at_risk, verdict, **typed)
    answer = prove(client, ines, at_risk, verdict, digest, **typed)
    at_risk.refresh_from_db()
    assert (answer.status_code, at_risk.state) == (303, state)
    assert Decision.objects.get(signer=ines).decision_digest == digest


def test_a_revision_that_moved_is_not_signed(at_risk: ChangeRequest, ines: User, as_person: SignIn) -> None:
    client = as_person(ines)
    digest = review(client, at_risk, "reject")
    answer = prove(client, ines, at_risk, "reject", digest, read="0" * 64)
    assert answer.status_code == 409
    assert "Changed while you were reading" in answer.content.decode()
    assert not Decision.objects.filter(signer=ines).exists()


def test_a_failing_gate_blocks_approval_and_says_why(
    blocked: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    page = client.get(blocked.get_absolute_url()).content.decode()
    bar = page[page.index('class="decide') :]
    approve = re.search(
        r'<button[^>]*aria-disabled="true"[^>]*aria-describedby="why-1"[^>]*>.*?</button>', bar, re.DOTALL
    )
    assert approve
    assert "Approve" in approve.group(0)
    assert blocked.gate_results.filter(is_current=True, outcome="fail").first().gate in bar
    assert f"/changes/{blocked.pk}/sign/reject/" in bar
    form = client.get(sign_url(blocked, "approve")).content.decode()
    assert "Not possible now" in form
    assert 'value="review" aria-disabled="true"' in form


def test_the_requester_sees_no_way_to_sign(at_risk: ChangeRequest, ada: User, as_person: SignIn) -> None:
    page = as_person(ada).get(at_risk.get_absolute_url()).content.decode()
    assert "/sign/approve/" not in page
    assert "Withdraw" in page


def test_a_stranger_finds_no_request(at_risk: ChangeRequest, dora: User, as_person: SignIn) -> None:
    client = as_person(dora)
    assert client.get(at_risk.get_absolute_url()).status_code == 404
    assert client.get(sign_url(at_risk, "approve")).status_code == 404
    assert client.post(sign_url(at_risk, "approve"), {"step": "sign"}).status_code == 404


WHY = "Thin files are new in this population; the limit was set on the files of older applicants only."


@pytest.fixture
def asked(blocked: ChangeRequest, ada: User, now: datetime) -> Waiver:
    """Return a waiver of the failing gate that the head of model risk decides."""
    return services.waiver_request(
        change=blocked,
        gate="PERF-01",
        reason=WHY,
        compensating_control="A person reviews every decision.",
        valid_until=now + timedelta(days=20),
        by=ada,
        now=now,
    )


@pytest.fixture
def head(make_person: Callable[..., User], group: BusinessUnit) -> User:
    """Return who holds the authority that the gate names."""
    return make_person("Hedda Risk", "risk_officer", unit=group, signs=True)


def test_a_waiver_is_decided_in_the_two_steps_of_every_signature(
    asked: Waiver, head: User, as_person: SignIn
) -> None:
    client, page = as_person(head), f"/waivers/{asked.pk}/"
    shown = client.get(page).content.decode()
    assert 'name="password"' not in shown
    assert "young" in shown
    assert "Fails: 1" not in shown
    address = f"{page}sign/grant/"
    first = client.get(address).content.decode()
    assert "accept risk" in first
    sentence = first[first.index('<div class="record">') :].split("</p>")[0]
    assert "although <b>PERF-01</b> (required: release limits are met) fails, until" in sentence
    assert "At least 120 characters for tier 1" in first
    assert 'name="password"' not in first
    short = client.post(address, {"step": "review", "rationale": "ok"})
    assert (short.status_code, "at least 120 are needed" in short.content.decode()) == (400, True)
    words = {"rationale": make.RATIONALE, "read": asked.change.dossier_digest}
    second = client.post(address, {"step": "review", **words}).content.decode()
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', second).group(1)
    assert make.RATIONALE in second
    answer = client.post(
        address,
        {
            "step": "sign",
            **words,
            "digest": digest,
            "acknowledged": "1",
            "password": make.PASSWORD,
            "code": make.fresh_code(head),
        },
    )
    asked.refresh_from_db()
    assert (answer.status_code, answer["Location"], asked.state) == (303, f"{page}receipt/", "granted")
    receipt = client.get(answer["Location"]).content.decode()
    assert digest in receipt
    assert digest == asked.signature.digest
    after = client.get(page).content.decode()
    assert "sign/grant" not in after
    assert make.RATIONALE in after
    assert client.get(address).status_code == 404
    reading = asked.change.readings.get(reader=head)
    assert (reading.dossier_number, asked.change.dossier_number) == (1, 2), "read is what was acknowledged"
    gate = client.get(asked.change.get_absolute_url()).content.decode()
    waived = gate[gate.index("Waived by Hedda Risk") :][:600]
    assert make.RATIONALE[:40] in waived
    assert WHY not in waived


def test_what_a_waiver_leaves_closed_is_said_before_it_is_signed(
    asked: Waiver, head: User, as_person: SignIn
) -> None:
    client, page = as_person(head), f"/waivers/{asked.pk}/"
    rows = asked.change.gate_results.filter(is_current=True, is_blocking=True, outcome="fail")
    others = ", ".join(row.gate for row in rows.exclude(gate="PERF-01").order_by("position"))
    assert others
    words = f"{others} still fails without a waiver, so granting this one alone does not open the request."
    assert "2 decisions given before become void" in client.get(page).content.decode()
    for address in (page, f"{page}sign/grant/"):
        assert words in client.get(address).content.decode()
    assert "What granting does" not in client.get(f"{page}sign/decline/").content.decode()
    other = rows.exclude(gate="PERF-01").get()
    other.outcome = "waived"
    save_as(other, by=None, now=asked.requested_at, reason="Waived meanwhile", fields=["outcome"])
    assert "does not open the request" not in client.get(page).content.decode()


def test_who_may_not_decide_a_waiver_sees_why_and_cannot_sign(
    asked: Waiver, ines: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    page = client.get(f"/waivers/{asked.pk}/").content.decode()
    assert "You cannot decide this" in page
    assert "sign/grant" not in page


def test_enter_signs_and_does_not_go_back(at_risk: ChangeRequest, ines: User, as_person: SignIn) -> None:
    """The first submit button of a form is what Enter presses, with scripts and without."""
    client = as_person(ines)
    page = client.post(
        sign_url(at_risk, "approve"),
        {"step": "review", "read": at_risk.dossier_digest, "rationale": make.RATIONALE},
    ).content.decode()
    form = page[page.index('id="sign-form"') :]
    assert re.findall(r'name="step" value="(\w+)"', form) == ["sign", "write"]
    assert "You sign as Ines" in form
    assert "Signed as" not in form
