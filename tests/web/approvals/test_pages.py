"""Every page of approvals for the right person; strangers find nothing; lists stay flat."""

from collections.abc import Callable
from copy import copy
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from approvals import policies, services
from approvals.models import ChangeRequest, Decision, PolicyRevision
from approvals.queries.review_page import releases_before
from mlops_portal.foundation.people.models import BusinessUnit, User
from registry.models import Environment, ModelVersion, RegisteredModel
from tests.factories import approvals as make

SignIn = Callable[[User], Client]


def text_of(client: Client, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, f"{url}: {answer.status_code}"
    return b"".join(answer).decode() if answer.streaming else answer.content.decode()


def test_the_inbox_groups_by_who_owes_and_names_the_evidence(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    page = text_of(as_person(ines), "/approvals/")
    assert "1 request is at your stage. 1 is yours to decide." in page
    assert "You owe the decision" in page
    assert at_risk.title in page
    assert "Evidence complete" in page
    assert f'hx-get="/changes/{at_risk.pk}/preview/"' in page
    assert f'aria-label="Preview of {at_risk.code}"' in page


def test_the_inbox_swaps_only_its_list(at_risk: ChangeRequest, ines: User, as_person: SignIn) -> None:
    answer = as_person(ines).get("/approvals/", {"q": at_risk.code}, headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert "<html" not in page
    assert 'id="list"' in page
    assert at_risk.title in page


@pytest.mark.parametrize(
    ("query", "found"),
    [("evidence=blocked", False), ("evidence=complete", True), ("tier=1", True), ("q=nothing", False)],
)
def test_filters_narrow_the_queue(
    at_risk: ChangeRequest, ines: User, as_person: SignIn, query: str, found: bool
) -> None:
    page = text_of(as_person(ines), f"/approvals/?{query}")
    assert (at_risk.title in page) is found


def test_whoever_took_part_is_not_asked_again(
    at_risk: ChangeRequest, vera: User, olga: User, as_person: SignIn
) -> None:
    for person in (vera, olga):
        assert "Nothing waits for your decision." in text_of(as_person(person), "/approvals/")
    assert at_risk.title in text_of(as_person(vera), "/approvals/?queue=decided")


def test_a_later_stage_waits_for_others(at_risk: ChangeRequest, carl: User, as_person: SignIn) -> None:
    page = text_of(as_person(carl), "/approvals/?queue=others")
    assert "Others decide first" in page
    assert at_risk.title in page


def test_the_review_page_shows_every_section(at_risk: ChangeRequest, ines: User, as_person: SignIn) -> None:
    page = text_of(as_person(ines), at_risk.get_absolute_url())
    assert "No blocking gate fails" in page
    assert "earlier release" not in page
    for section in (
        "gates",
        "metrics",
        "alternatives",
        "diff",
        "docs",
        "blast",
        "conditions",
        "log",
        "stages",
    ):
        assert f'id="{section}"' in page, section
    assert "You may decide: no earlier role in this request" in page
    assert 'data-chart="by-group-1"' in page
    assert page.count("<h1") == 1


def test_earlier_releases_are_those_before_the_request(at_risk: ChangeRequest) -> None:
    later = copy(at_risk)
    later.pk += 1
    assert releases_before(later) == [at_risk]
    assert releases_before(at_risk) == []


def test_reading_is_noted_and_what_changed_is_named(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    client = as_person(ines)
    assert "You have not read this revision yet" in text_of(client, at_risk.get_absolute_url())
    assert client.post(f"/changes/{at_risk.pk}/read/").status_code == 303
    assert "You have not read" not in text_of(client, at_risk.get_absolute_url())
    assert "none changed since you last read it" in text_of(client, f"/changes/{at_risk.pk}/sign/approve/")


def test_a_comment_joins_the_record(at_risk: ChangeRequest, mona: User, as_person: SignIn) -> None:
    client = as_person(mona)
    answer = client.post(
        f"/changes/{at_risk.pk}/comment/", {"text": "Please show the young group.", "gate": ""}
    )
    assert (answer.status_code, answer["Location"]) == (303, f"{at_risk.get_absolute_url()}#log")
    assert "Please show the young group." in text_of(client, at_risk.get_absolute_url())


def test_a_request_is_drafted_edited_and_filed(
    version: ModelVersion, prod: Environment, ada: User, as_person: SignIn
) -> None:
    client = as_person(ada)
    new = f"/changes/new/?model={version.model_id}&version={version.number}"
    assert "4. Rollback" in text_of(client, new)
    answer = client.post(
        new, {"kind": "deploy", "version": version.pk, "environment": prod.pk, "title": "First release"}
    )
    change = ChangeRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/changes/{change.pk}/edit/")
    edit = text_of(client, f"/changes/{change.pk}/edit/")
    assert "Say what the change is for." in edit
    assert 'aria-describedby="file-why"' in edit
    refused = client.post(f"/changes/{change.pk}/file/")
    change.refresh_from_db()
    assert (refused.status_code, change.state) == (303, "draft")
    saved = client.post(
        f"/changes/{change.pk}/edit/",
        {
            "row_revision": change.row_revision,
            "title": "First release",
            "purpose": "Better ranking of thin files.",
            "rollback_plan": "Manual underwriting.",
            "traffic_plan-count": 2,
            "traffic_plan-0-percent": "100",
            "traffic_plan-0-stop_rule": "error rate above 0.5 %",
            "alternatives-count": 2,
            "alternatives-0-title": "Wait",
            "alternatives-0-metrics": "auc 0.8",
            "alternatives-0-why_not": "Losses go on.",
        },
    )
    assert saved.status_code == 303
    change.refresh_from_db()
    assert change.traffic_plan[0] == {
        "percent": 100,
        "hold_hours": 0.0,
        "stop_rule": "error rate above 0.5 %",
    }
    assert change.alternatives[0]["why_not"] == "Losses go on."
    assert client.post(f"/changes/{change.pk}/file/").status_code == 303
    change.refresh_from_db()
    assert (change.state, change.dossier_number) == ("in_review", 1)


def test_an_edit_based_on_an_old_revision_keeps_what_was_typed(
    version: ModelVersion, prod: Environment, ada: User, as_person: SignIn, now: datetime
) -> None:
    change = make.draft(version, prod, by=ada, now=now)
    answer = as_person(ada).post(
        f"/changes/{change.pk}/edit/", {"row_revision": change.row_revision - 1, "purpose": "What I typed."}
    )
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Changed while you were reading" in page
    assert "What I typed." in page


def test_lists_export_and_stay_flat(
    at_risk: ChangeRequest,
    release_cast: make.Cast,
    retail: BusinessUnit,
    prod: Environment,
    ines: User,
    now: datetime,
    as_person: SignIn,
    assert_flat_queries: Callable[..., None],
) -> None:
    client = as_person(ines)
    assert at_risk.code in text_of(client, "/changes/?export=csv")

    def add_rows() -> None:
        for place, name in enumerate(("Second", "Third")):
            model = make.complete_model(unit=retail, cast=release_cast, tier=1, now=now, name=name)
            found = make.complete_version(model, cast=release_cast, now=now, artifact="cd"[place])
            change = make.submitted(found, prod, by=release_cast.developer, now=now)
            make.approve_by(
                change, [release_cast.owner, release_cast.validator], now=now + timedelta(minutes=1)
            )

    pages = ("/changes/", "/approvals/")
    before = {url: len(text_of(client, url)) for url in pages}

    def act() -> None:
        cache.clear()
        for url in pages:
            client.get(url)

    assert_flat_queries(act=act, add_rows=add_rows, budget=75)
    assert all(len(text_of(client, url)) > before[url] for url in pages)


def test_a_waiver_is_asked_for_and_reaches_who_decides(
    blocked: ChangeRequest,
    make_person: Callable[..., User],
    group: BusinessUnit,
    ada: User,
    as_person: SignIn,
) -> None:
    asker = as_person(ada)
    gate = (
        blocked.gate_results.filter(is_current=True, outcome="fail").exclude(waiver_authority="never").first()
    )
    assert gate is not None
    assert gate.gate in text_of(asker, f"/changes/{blocked.pk}/waiver/")
    answer = asker.post(
        f"/changes/{blocked.pk}/waiver/",
        {
            "gate": gate.gate,
            "reason": "The group is small and watched daily until the refit is ready to file.",
            "compensating_control": "Manual review.",
            "valid_until": f"{blocked.created_at + timedelta(days=10):%Y-%m-%d %H:%M}",
        },
    )
    assert answer.status_code == 303
    waiver = blocked.waivers.get()
    head = make_person("Hanna Whitlock", "risk_officer", unit=group, signs=True)
    client = as_person(head)
    assert f"/waivers/{waiver.pk}/" in text_of(client, "/approvals/")
    assert f"/waivers/{waiver.pk}/sign/grant/" in text_of(client, f"/waivers/{waiver.pk}/")
    read = text_of(client, blocked.get_absolute_url())
    assert f'href="/waivers/{waiver.pk}/">Show the waiver asked for' in read
    assert f"/changes/{blocked.pk}/waiver/" not in read, "who decides on waivers asks for none"


def test_the_requester_may_not_decide_their_own_waiver(
    blocked: ChangeRequest, ada: User, as_person: SignIn, now: datetime
) -> None:
    gate = (
        blocked.gate_results.filter(is_current=True, outcome="fail").exclude(waiver_authority="never").first()
    )
    waiver = services.waiver_request(
        change=blocked,
        gate=gate.gate,
        reason="The group is small and watched daily until the refit is ready to file.",
        compensating_control="Manual review.",
        valid_until=now + timedelta(days=10),
        by=ada,
        now=now,
    )
    client = as_person(ada)
    assert "You cannot decide this" in text_of(client, f"/waivers/{waiver.pk}/")
    assert "Whoever benefits from a waiver" in text_of(client, f"/waivers/{waiver.pk}/sign/grant/")


def test_a_release_is_started_rolled_back_and_its_pages_render(
    at_risk: ChangeRequest, release_cast: make.Cast, as_person: SignIn
) -> None:
    make.approve_by(
        at_risk,
        [release_cast.risk_officer, release_cast.change_manager],
        now=at_risk.created_at + timedelta(minutes=30),
    )
    operator = as_person(release_cast.operator)
    assert "Start now" in text_of(operator, at_risk.get_absolute_url())
    text_of(operator, f"/changes/{at_risk.pk}/start/")
    text_of(operator, f"/changes/{at_risk.pk}/schedule/")
    assert operator.post(f"/changes/{at_risk.pk}/start/").status_code == 303
    at_risk.refresh_from_db()
    assert at_risk.state == "scheduled"
    decision = Decision.objects.filter(signer=release_cast.risk_officer).get()
    revoke = f'href="/decisions/{decision.pk}/revoke/"'
    for person in (release_cast.risk_officer, release_cast.second_risk_officer):
        assert revoke in text_of(as_person(person), at_risk.get_absolute_url())
    for person in (release_cast.developer, release_cast.change_manager):
        assert revoke not in text_of(as_person(person), at_risk.get_absolute_url())
    own = text_of(as_person(release_cast.risk_officer), f"/decisions/{decision.pk}/revoke/")
    assert "Sign: revoke the approval" in own
    assert "that I signed at" in own
    other = text_of(as_person(release_cast.second_risk_officer), f"/decisions/{decision.pk}/revoke/")
    assert f"that {decision.signer.name} signed at" in other


def test_validations_are_opened_challenged_and_concluded(
    model: RegisteredModel, release_cast: make.Cast, now: datetime, as_person: SignIn
) -> None:
    version = make.complete_version(model, cast=release_cast, now=now, validated=False, artifact="c")
    validator, developer = as_person(release_cast.validator), as_person(release_cast.developer)
    answer = validator.post(f"/versions/{version.pk}/validate/", {"kind": "initial", "scope": "All of it."})
    url = answer["Location"]
    key = url.rstrip("/").rpartition("/")[2]
    assert validator.post(f"{url}challenge/", {"question": "Why this window?"}).status_code == 303
    challenge = version.validations.get().challenges.get()
    lacking = [
        *policies.conclusion_blockers(
            challenge.validation, by=release_cast.validator, open_challenges=1, who_settles="Ada answers it"
        ),
        *policies.coverage_blockers("approved", required=[], components=[], critical_open=2),
    ]
    said = ["1 challenge is not settled: Ada answers it.", "2 critical findings are open."]
    assert [blocker.message for blocker in lacking] == said
    assert (
        developer.post(
            f"/validations/challenges/{challenge.pk}/answer/", {"answer": "It leaves out 2020."}
        ).status_code
        == 303
    )
    assert validator.post(f"/validations/challenges/{challenge.pk}/accept/").status_code == 303
    page = text_of(validator, url)
    assert "It leaves out 2020." in page
    assert "Settled" in page
    make.conclude(version.validations.get(), by=release_cast.validator, now=now)
    assert f"/validations/{key}/receipt/" in text_of(validator, url)
    page = text_of(validator, f"/models/{model.pk}/validations/")
    assert version.name in page
    assert f"Validations of {model.title}" in page


def test_policies_are_readable_drafted_and_published_by_two(
    in_force: PolicyRevision,
    make_person: Callable[..., User],
    group: BusinessUnit,
    ines: User,
    as_person: SignIn,
) -> None:
    page = text_of(as_person(ines), f"/policies/{in_force.pk}/")
    assert "as “approve”" in page
    assert "Only a fix opens it: no waiver exists." in page
    first = make_person("Pete Drafter", "policy_publisher", unit=group, signs=True)
    client = as_person(first)
    wrong = client.post("/policies/draft/", {"text": "id: MRM-07\n"})
    assert wrong.status_code == 400
    assert "line 1" in wrong.content.decode()
    text = in_force.document.replace("max_live_waivers: 3", "max_live_waivers: 2")
    answer = client.post("/policies/draft/", {"text": text})
    revision = PolicyRevision.objects.get(state="draft")
    assert answer["Location"] == f"/policies/{revision.pk}/"
    assert "Somebody other than the drafter publishes a policy." in text_of(
        client, f"/policies/{revision.pk}/publish/"
    )
    second = make_person("Quinn Second", "policy_publisher", unit=group, signs=True)
    make.publish(revision, by=second, now=timezone.now())
    revision.refresh_from_db()
    assert revision.state == "published"
    assert "Against" in text_of(client, f"/policies/{revision.pk}/")


def test_approvals_appear_on_pages_of_the_registry(
    at_risk: ChangeRequest, ada: User, as_person: SignIn
) -> None:
    client = as_person(ada)
    model = text_of(client, at_risk.model.get_absolute_url())
    assert f"/models/{at_risk.model_id}/changes/panel/" in model
    assert "Request a change" in model
    assert at_risk.title in text_of(client, f"/models/{at_risk.model_id}/changes/panel/")
    assert at_risk.title in text_of(client, f"/models/{at_risk.model_id}/changes/")
    asked = client.get(f"/versions/{at_risk.version_id}/changes/request/")
    assert asked["Location"] == f"/changes/new/?model={at_risk.model_id}&version={at_risk.version.number}"
    assert at_risk.code in text_of(client, f"/search/?q={at_risk.code}")
    assert at_risk.title in text_of(client, "/")


@pytest.mark.parametrize(
    "url",
    ["/changes/{0}/", "/changes/{0}/preview/", "/changes/{0}/edit/", "/changes/{0}/withdraw/", "/changes/{0}/comment/",
     "/changes/{0}/waiver/", "/decisions/{1}/", "/decisions/{1}/revoke/", "/validations/{2}/"],
)  # fmt: skip
def test_strangers_find_nothing(at_risk: ChangeRequest, dora: User, as_person: SignIn, url: str) -> None:
    decision = Decision.objects.order_by("pk").first()
    validation = at_risk.version.validations.get()
    text_of(as_person(dora), url.format(at_risk.pk, decision.pk, validation.pk), status=404)


def test_strangers_are_asked_to_sign_in(at_risk: ChangeRequest) -> None:
    assert Client().get(at_risk.get_absolute_url()).status_code == 302


def test_signing_together_names_what_cannot_be(at_risk: ChangeRequest, ines: User, as_person: SignIn) -> None:
    page = text_of(as_person(ines), f"/approvals/together/?change={at_risk.pk}")
    assert "is tier 1: it is signed on its own." in page
    assert "Nothing here can be signed together" in page
    assert "The reason stands beside each request." in page


def test_signing_together_says_that_requests_went_elsewhere(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    page = text_of(as_person(ines), "/approvals/together/?change=999999")
    assert "None of the selected requests waits for you any more" in page


def test_tier_4_requests_are_signed_together_each_over_its_own_digest(
    in_force: PolicyRevision,
    release_cast: make.Cast,
    retail: BusinessUnit,
    prod: Environment,
    now: datetime,
    as_person: SignIn,
) -> None:
    changes = []
    for place, name in enumerate(("Next offer", "Notes")):
        model = make.complete_model(unit=retail, cast=release_cast, tier=4, now=now, name=name)
        version = make.complete_version(model, cast=release_cast, now=now, artifact="ab"[place])
        change = make.submitted(version, prod, by=release_cast.developer, now=now)
        make.decide(change, release_cast.owner, now=now)
        changes.append(change)
    client = as_person(release_cast.risk_officer)
    form = {
        "change": [change.pk for change in changes],
        **{f"read-{one.pk}": one.dossier_digest for one in changes},
    }
    proof = {
        "rationale": make.RATIONALE,
        "acknowledged": "on",
        "password": make.PASSWORD,
        "code": make.fresh_code(release_cast.risk_officer),
    }
    assert client.post("/approvals/together/", form | proof).status_code == 303
    decisions = Decision.objects.filter(signer=release_cast.risk_officer)
    assert {one.dossier_digest for one in decisions} == {one.dossier_digest for one in changes}
    assert ChangeRequest.objects.filter(state="approved").count() == 2
