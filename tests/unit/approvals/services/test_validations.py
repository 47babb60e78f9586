"""Independent validations, and policies published by two."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from approvals import services
from approvals.models import ChangeRequest, PolicyRevision, Signature, Validation
from approvals.policy.document import default_policy_text
from approvals.policy_in_force import policy_in_force
from approvals.services.revisions import revision_put_in_force
from mlops_portal.foundation.errors import Invalid
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.yaml_documents import DocumentInvalid
from registry.models import ModelVersion, RegisteredModel
from tests.factories import approvals as make


def codes(refusal: pytest.ExceptionInfo[RuleViolation]) -> list[str]:
    return [blocker.code for blocker in refusal.value.blockers]


@pytest.fixture
def fresh(model: RegisteredModel, release_cast: make.Cast, now: datetime) -> ModelVersion:
    """Return a version nobody has validated."""
    return make.complete_version(model, cast=release_cast, now=now, validated=False)


def conclude(validation: Validation, by: User, now: datetime, **changes: object) -> Validation:
    return make.conclude(validation, by=by, now=now, **changes)


def test_a_developer_does_not_validate_their_own_version(
    fresh: ModelVersion, make_person: Callable[..., User], retail: BusinessUnit, now: datetime
) -> None:
    both = make_person("Bodil Both", "developer", "validator", unit=retail)
    other = make.version_register(model=fresh.model, by=both, now=now)
    with pytest.raises(RuleViolation) as refusal:
        services.validation_open(version=other, kind="initial", by=both, now=now)
    assert codes(refusal) == ["is_developer"]


def test_challenges_are_settled_before_the_conclusion(
    fresh: ModelVersion, vera: User, ada: User, now: datetime
) -> None:
    validation = services.validation_open(version=fresh, kind="initial", by=vera, now=now)
    challenge = services.challenge_ask(validation=validation, question="Why this cut-off?", by=vera, now=now)
    with pytest.raises(RuleViolation) as refusal:
        conclude(validation, vera, now)
    assert codes(refusal) == ["challenges"]
    services.challenge_answer(challenge=challenge, answer="It maximises benefit.", by=ada, now=now)
    services.challenge_accept(challenge=challenge, by=vera, now=now)
    assert conclude(validation, vera, now).state == "concluded"


def test_a_conclusion_covers_what_the_tier_asks_and_is_signed(
    fresh: ModelVersion, vera: User, now: datetime
) -> None:
    validation = services.validation_open(version=fresh, kind="initial", by=vera, now=now)
    with pytest.raises(RuleViolation) as refusal:
        conclude(validation, vera, now, components=["outcomes_analysis"])
    assert codes(refusal) == ["components"]
    concluded = conclude(validation, vera, now)
    assert concluded.valid_until == now + timedelta(days=365)
    assert concluded.signature.statement["content"] == concluded.content_digest
    assert concluded.baseline == {"auc": 0.82}


def test_a_critical_finding_keeps_the_validation_from_approving(
    fresh: ModelVersion, vera: User, ada: User, ines: User, now: datetime
) -> None:
    validation = services.validation_open(version=fresh, kind="initial", by=vera, now=now)
    finding = services.finding_raise(
        validation=validation,
        title="Leak",
        detail="The target leaks.",
        severity="critical",
        owner=ada,
        due_on=date(2026, 12, 1),
        by=vera,
        now=now,
    )
    with pytest.raises(RuleViolation) as refusal:
        conclude(validation, vera, now)
    assert codes(refusal) == ["critical"]
    services.finding_close(finding=finding, evidence="Retrained without the field.", by=vera, now=now)
    assert conclude(validation, vera, now).outcome == "approved"


def test_a_finding_is_given_to_somebody_who_sees_the_model(
    fresh: ModelVersion, vera: User, ada: User, olga: User, dora: User, now: datetime,
    as_person: Callable[[User], Client],
) -> None:  # fmt: skip
    validation = services.validation_open(version=fresh, kind="initial", by=vera, now=now)
    typed = {"title": "Leak", "detail": "It leaks.", "severity": "low", "due_on": date(2027, 12, 1)}
    with pytest.raises(Invalid, match="Dora Lindqvist does not see this model"):
        services.finding_raise(validation=validation, owner=dora, by=vera, now=now, **typed)
    place, client = reverse("approvals:finding-raise", args=[validation.pk]), as_person(vera)
    offered = set(client.get(place).context["form"].fields["owner"].queryset)
    assert {ada, olga} <= offered
    assert offered.isdisjoint({dora, vera})
    for stranger in (dora, vera):
        answer = client.post(place, typed | {"owner": stranger.pk})
        assert answer.status_code == 400
        assert "Choose somebody who sees this model and does not validate it." in answer.content.decode()
    assert client.post(place, typed | {"owner": olga.pk}).status_code == 303
    assert validation.findings.get().owner == olga


def test_a_finding_is_due_on_a_day_that_has_not_ended_where_the_portal_is(
    fresh: ModelVersion, vera: User, ada: User, now: datetime, settings: Any
) -> None:
    settings.PORTAL_TIME_ZONE = "Pacific/Kiritimati"
    evening = now.replace(hour=11)
    validation = services.validation_open(version=fresh, kind="initial", by=vera, now=now)
    found = {
        "validation": validation, "title": "Leak", "detail": "It leaks.", "severity": "low", "owner": ada,
        "by": vera, "now": evening,
    }  # fmt: skip
    with pytest.raises(Invalid, match="17 Nov 2026 is in the past"):
        services.finding_raise(due_on=date(2026, 11, 17), **found)
    assert services.finding_raise(due_on=date(2026, 11, 18), **found)


def test_a_conflict_of_interest_is_declared(fresh: ModelVersion, vera: User, now: datetime) -> None:
    validation = services.validation_open(version=fresh, kind="initial", by=vera, now=now)
    with pytest.raises(RuleViolation) as refusal:
        conclude(validation, vera, now, has_no_conflict=False)
    assert codes(refusal) == ["conflict"]


def test_a_policy_is_published_by_another_than_its_drafter(
    in_force: PolicyRevision, make_person: Callable[..., User], group: BusinessUnit, now: datetime
) -> None:
    petra, paul = (
        make_person(f"{name} Publisher", "policy_publisher", unit=group, signs=True)
        for name in ("Petra", "Paul")
    )
    stricter = default_policy_text().replace(
        "rationale_min_length: {1: 120,", "rationale_min_length: {1: 200,"
    )
    revision = services.revision_draft(text=stricter, by=petra, now=now)
    with pytest.raises(RuleViolation) as refusal:
        make.publish(revision, by=petra, now=now)
    assert codes(refusal) == ["own_draft"]
    make.publish(revision, by=paul, now=now)
    assert policy_in_force(now).document.rationale_min_length[1] == 200
    assert policy_in_force(now - timedelta(seconds=1)).revision == in_force


def test_a_policy_laxer_than_a_control_needs_a_signed_reason(
    in_force: PolicyRevision, make_person: Callable[..., User], group: BusinessUnit, now: datetime
) -> None:
    petra, paul = (
        make_person(f"{name} Publisher", "policy_publisher", unit=group, signs=True)
        for name in ("Petra", "Paul")
    )
    laxer = default_policy_text().replace("rehearsal_days: {1: 180,", "rehearsal_days: {1: 400,")
    revision = services.revision_draft(text=laxer, by=petra, now=now)
    with pytest.raises(Invalid):
        make.publish(revision, by=paul, reason=" ", now=now)
    with pytest.raises(RuleViolation) as refusal:
        revision_put_in_force(revision=revision, reason="", by=paul, now=now)
    assert set(codes(refusal)) == {"laxer"}
    published = make.publish(revision, by=paul, reason="Rehearsals move to a new site this year.", now=now)
    assert published.laxness_reason.startswith("Rehearsals")
    assert Signature.objects.get(subject_label="approvals.PolicyRevision").meaning == "accept_risk"


def test_a_broken_policy_names_the_place(
    in_force: PolicyRevision, make_person: Callable[..., User], group: BusinessUnit, now: datetime
) -> None:
    petra = make_person("Petra Publisher", "policy_publisher", unit=group)
    with pytest.raises(DocumentInvalid, match="rating_agge_days"):
        services.revision_draft(
            text=default_policy_text().replace("rating_age_days <=", "rating_agge_days <="), by=petra, now=now
        )


def test_an_urgent_revision_reopens_open_requests(
    filed: ChangeRequest,
    olga: User,
    make_person: Callable[..., User],
    group: BusinessUnit,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> None:
    make.decide(filed, olga, now=now)
    petra, paul = (
        make_person(f"{name} Publisher", "policy_publisher", unit=group, signs=True)
        for name in ("Petra", "Paul")
    )
    text = default_policy_text().replace(
        "title: Release of models", "title: Release of models\nurgent: true", 1
    )
    later = now + timedelta(hours=1)
    revision = services.revision_draft(text=text, by=petra, now=later)
    make.publish(revision, by=paul, now=later)
    run_jobs(later)
    filed.refresh_from_db()
    assert filed.policy_revision == revision
    assert filed.decisions.get().voided_at is not None
