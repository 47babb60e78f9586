"""Lives that bend: what went wrong, what was refused, what waits. One function for each story of the catalogue."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from approvals.models import ChangeRequest
from approvals.services import (
    change_resubmit,
    change_submit,
    change_update,
    change_withdraw,
    comment_add,
    condition_verify,
    suspend,
    waiver_decide,
    waiver_request,
)
from approvals.states import Verdict
from mlops_portal.demonstration import cast
from mlops_portal.demonstration.blueprint import Blueprint
from mlops_portal.demonstration.derived import alternatives
from mlops_portal.demonstration.evidence import developer_of, register_version
from mlops_portal.demonstration.lives import (
    PREPARATION_DAYS,
    attest,
    experiment,
    intake,
    make_version,
    rate,
    rehearse_if_due,
    usual,
    versions_from,
    wait_today,
    watch,
)
from mlops_portal.demonstration.ratings import answers_for
from mlops_portal.demonstration.release import (
    carry_out,
    condition,
    decide,
    decide_until,
    draft_change,
    file_change,
    live,
    release,
)
from mlops_portal.demonstration.texts import ACCEPTED, REJECTIONS
from mlops_portal.demonstration.timeline import Life
from mlops_portal.demonstration.world import World
from registry.models import Consumer, Document, RegisteredModel
from registry.services.attesting import documents_attest
from registry.services.evidence import document_save
from registry.services.evidence_together import documents_approve
from registry.services.models import model_register
from registry.services.ratings import rating_propose
from registry.services.surroundings import consumer_notify, consumer_release, use_request


def raised(world: World, plan: Blueprint) -> Life[None]:
    """The tier is raised after a year; the newest version is worse for one group and waits for the risk officer."""
    model = yield from intake(world, _as_tier(plan, 2))
    second = _as_tier(plan, 2)
    done = yield from versions_from(world, second, model, 0, 2)
    yield world.after(days=20)
    yield from rate(world, plan, model, 1)
    watch(world, plan, model)
    attest(world, plan, model)
    version = yield from make_version(world, plan, model, done)
    place = world.places[plan.places[0]]
    rehearse_if_due(world, plan, model, place)
    change = file_change(world, plan, model, version, place)
    yield from decide_until(world, plan, change, stage="risk")
    due = (world.now + timedelta(days=40)).date()
    duties = [
        condition(
            world, "Test the calibration of thin files on a full quarter of outcomes.", "Report in the documents of the version",
            owner=developer_of(plan), verifier="samuel", due_on=due,
        ),
        condition(
            world, "Report the approval rates by age group every month.", "Dashboard extract, signed off by the owner",
            owner=cast.OWNERS[plan.unit], verifier="samuel", due_on=due,
        ),
    ]  # fmt: skip
    yield world.after(hours=8)
    decide(world, plan, change, verdict=Verdict.APPROVE_WITH_CONDITIONS, conditions=duties)
    yield from decide_until(world, plan, change)
    yield from carry_out(world, change)
    yield world.after(days=25)
    met = change.conditions.order_by("pk").first()
    if met is not None:
        seen = "The report is attached to the version; calibration holds within the limit."
        condition_verify(condition=met, verification=seen, by=world.person("samuel"), now=world.now)
    newest = yield from wait_today(world, plan, model, done + 1)
    if newest is not None:
        yield from _ask_for_waiver(world, plan, newest)


def _ask_for_waiver(world: World, plan: Blueprint, change: ChangeRequest) -> Life[None]:
    yield world.timeline.ago(hours=max(plan.hours - 1, 0.5))
    comment_add(
        change=change,
        gate="FAIR-01",
        text=f"Please show the result for {plan.worse} with this version and with the one in production, on the same applications.",
        by=world.person("mirela"),
        now=world.now,
    )
    waiver_request(
        change=change,
        gate="FAIR-01",
        reason=f"{_shortfalls(change, 'FAIR-01')}. A refit with more cases of the group is validated next quarter.",
        compensating_control="Every declined application of that group is reviewed by a person.",
        valid_until=world.now + timedelta(days=28),
        by=change.requester,
        now=world.now,
    )


def _shortfalls(change: ChangeRequest, gate: str) -> str:
    return "; ".join(change.gate_results.get(gate=gate, is_current=True).shortfalls)


def _as_tier(plan: Blueprint, tier: int) -> Blueprint:
    return replace(plan, tier=tier)


def taken_back(world: World, plan: Blueprint) -> Life[None]:
    """The second release fails in production and is rolled back within hours; a hotfix follows."""
    model = yield from intake(world, plan)
    yield from versions_from(world, plan, model, 0, 2)
    place = world.places[plan.places[0]]
    yield world.after(days=3)
    version = yield from make_version(world, plan, model, 2)
    yield from release(
        world, plan, model, version, place, incident=plan.incident,
        purpose="Repairs the threshold that flooded the queue after the release before.",
    )  # fmt: skip
    done = yield from versions_from(world, plan, model, 3, plan.versions)
    yield from wait_today(world, plan, model, done)


def refused(world: World, plan: Blueprint) -> Life[None]:
    """A release is rejected, filed again with better evidence, approved; another request is withdrawn."""
    model = yield from intake(world, plan)
    done = yield from versions_from(world, plan, model, 0, 1)
    yield world.after(days=plan.rhythm)
    version = yield from make_version(world, plan, model, done)
    place = world.places[plan.places[0]]
    change = file_change(world, plan, model, version, place)
    last = change.stages.order_by("-position").first()
    assert last is not None  # noqa: S101  (a filed request has stages)
    yield from decide_until(world, plan, change, stage=last.key)
    yield world.after(hours=6)
    decide(world, plan, change, verdict=Verdict.REJECT, words=REJECTIONS[0])
    yield world.after(days=9)
    again = draft_change(
        world, plan, model, version, place, predecessor=change,
        what_changed="The whole test period is shown, and the fallback is written for a stranger on night duty.",
        impact="Over the whole test period the gain is half of what was claimed; it remains outside the interval.",
        rollback_plan="Page 1 of the runbook: one command, one check, one call. Tried by somebody who had never seen it.",
    )  # fmt: skip
    again = change_submit(change=again, by=again.requester, now=world.now)
    yield from decide_until(world, plan, again, stage=last.key)
    yield world.after(hours=7)
    rejecter = change.decisions.get(verdict=Verdict.REJECT).signer
    decide(world, plan, again, by=rejecter)
    yield from carry_out(world, again)
    yield world.after(days=40)
    version = yield from make_version(world, plan, model, done + 1)
    third = file_change(world, plan, model, version, place)
    yield world.after(days=2)
    reason = "The source of one feature ends next month; a version without it replaces this request."
    change_withdraw(change=third, reason=reason, by=third.requester, now=world.now)
    yield from wait_today(world, plan, model, done + 2)


def sent_back(world: World, plan: Blueprint) -> Life[None]:
    """An approver asks for changes; the request is edited, filed again and approved."""
    model = yield from intake(world, plan)
    done = yield from versions_from(world, plan, model, 0, 1)
    yield world.after(days=plan.rhythm)
    version = yield from make_version(world, plan, model, done)
    change = file_change(world, plan, model, version, world.places[plan.places[0]])
    last = change.stages.order_by("-position").first()
    assert last is not None  # noqa: S101  (a filed request has stages)
    yield from decide_until(world, plan, change, stage=last.key)
    yield world.after(hours=5)
    items = [
        "Say how the first hour is watched, for all traffic moves at once",
        "Name who watches during the first night",
    ]
    asked = decide(world, plan, change, verdict=Verdict.REQUEST_CHANGES, items=items)
    answers = (
        "Every ten minutes an operator compares the error rate with the day before; it is in how to go back.",
        "Omar Celik's team does, until eight in the morning.",
    )
    yield world.after(days=2)
    change = change_update(
        change=change,
        row_revision=change.row_revision,
        rollback_plan=f"{change.rollback_plan} An operator compares the error rate with the day before every ten minutes.",
        impact=f"{change.impact} Omar Celik's team watches the first night.",
        answers=[
            {"decision": asked.pk, "place": place, "answer": answer}
            for place, answer in enumerate(answers, start=1)
        ],
        by=change.requester,
        now=world.now,
    )
    change = change_resubmit(change=change, by=change.requester, now=world.now)
    yield from decide_until(world, plan, change)
    yield from carry_out(world, change)
    yield from wait_today(world, plan, model, done + 1)


def voided(world: World, plan: Blueprint) -> Life[None]:
    """Content changes after two decisions: they fall, visibly, and are given anew."""
    model = yield from intake(world, plan)
    done = yield from versions_from(world, plan, model, 0, 1)
    yield world.after(days=plan.rhythm)
    version = yield from make_version(world, plan, model, done)
    change = file_change(world, plan, model, version, world.places[plan.places[0]])
    yield from decide_until(world, plan, change, stage="change")
    yield world.after(hours=4)
    document = Document.objects.filter(version=version).order_by("kind").first()
    assert document is not None  # noqa: S101  (make_version wrote documents)
    validator = world.person("samuel")
    document_save(
        model=model,
        version=version,
        document=document,
        kind=document.kind,
        title=f"{document.title}, with the errata of the review",
        by=world.accounts[plan.unit].user,
        now=world.now,
    )
    yield world.after(hours=3)
    documents_attest(version=version, by=validator, now=world.now)
    documents_approve(version=version, by=world.person(cast.OWNERS[plan.unit]), now=world.now)
    world.work()
    yield world.after(hours=3)
    yield from decide_until(world, plan, change)
    yield from carry_out(world, change)
    yield from wait_today(world, plan, model, done + 1)


def waived(world: World, plan: Blueprint) -> Life[None]:
    """Released although a gate fails, under a waiver; it ends, a lapse opens, and it is renewed by a higher authority."""
    model = yield from intake(world, plan)
    yield world.after(days=6)
    version = yield from make_version(world, plan, model, 0)
    change = file_change(
        world,
        plan,
        model,
        version,
        world.places[plan.places[0]],
        rollback_plan="",
        alternatives=alternatives(plan, version, None),
    )
    yield world.after(hours=6)
    days = {1: 14, 2: 30, 3: 60, 4: 90}[plan.tier]
    _waive(world, change, "OPS-01", days=days, by="ines")
    yield from decide_until(world, plan, change)
    yield from carry_out(world, change)
    if plan.hours:
        yield world.now + timedelta(days=days + 2)
        _waive(world, change, "OPS-01", days=days, by="ines")
    yield from versions_from(world, plan, model, 1, plan.versions)


def _waive(world: World, change: ChangeRequest, gate: str, *, days: int, by: str) -> None:
    waiver = waiver_request(
        change=change,
        gate=gate,
        reason="The manual fallback is written with the users by the end of the month; until then the team stays on call.",
        compensating_control="A developer is on call day and night and can switch the calling application.",
        valid_until=world.now + timedelta(days=days) - timedelta(hours=2),
        by=change.requester,
        now=world.now,
    )
    person = world.person(by)
    waiver_decide(
        waiver=waiver,
        grant=True,
        rationale=ACCEPTED,
        read_digest=change.dossier_digest,
        by=person,
        now=world.now,
        **world.proof(person),
    )
    change.refresh_from_db()


def retired(world: World, plan: Blueprint) -> Life[None]:
    """Consumers leave, the model is stopped and retired."""
    model = yield from _until_it_ends(world, plan)
    owner = world.person(cast.OWNERS[plan.unit])
    for consumer in Consumer.objects.filter(model=model).order_by("pk"):
        consumer_notify(consumer=consumer, note="Ends with the year.", by=owner, now=world.now)
    yield world.after(days=14)
    for consumer in Consumer.objects.filter(model=model).order_by("pk"):
        consumer_release(consumer=consumer, note="Moved to the new one.", by=owner, now=world.now)
    deployment, operator = live(model, world.places[plan.places[0]]), world.person("omar")
    assert deployment is not None  # noqa: S101  (it was released)
    reason = "No consumer is left; stopped before the retirement."
    suspend(deployment=deployment, reason=reason, by=operator, now=world.now, **world.proof(operator))
    world.work()
    yield world.after(days=2)
    words = "Its users moved to the new planning; keeping it running costs more than it gives."
    change = file_change(world, plan, model, None, None, kind="retire", purpose=words)
    yield from decide_until(world, plan, change)
    yield from carry_out(world, change)


def retirement_blocked(world: World, plan: Blueprint) -> Life[None]:
    """Somebody wants to retire a model that a consumer still needs: the gate holds the request today."""
    model = yield from _until_it_ends(world, plan)
    owner = world.person(cast.OWNERS[plan.unit])
    first, *_ = Consumer.objects.filter(model=model).order_by("pk")
    consumer_notify(consumer=first, note="The successor is ready.", by=owner, now=world.now)
    yield world.timeline.ago(hours=plan.hours + 20)
    words = "The successor covers all products; two systems for one purpose confuse the agents."
    change = file_change(world, plan, model, None, None, kind="retire", purpose=words)
    yield world.timeline.ago(hours=plan.hours)
    decide(world, plan, change)


def _until_it_ends(world: World, plan: Blueprint) -> Life[RegisteredModel]:
    model = yield from intake(world, plan)
    yield from versions_from(world, plan, model, 0, plan.versions)
    yield world.after(days=plan.rhythm)
    return model


def paused(world: World, plan: Blueprint) -> Life[None]:
    """Suspended after a complaint and resumed by a decided request; later its configuration changes."""
    model = yield from intake(world, plan)
    done = yield from versions_from(world, plan, model, 0, 1)
    place = world.places[plan.places[0]]
    yield world.after(days=30)
    deployment, operator = live(model, place), world.person("omar")
    assert deployment is not None  # noqa: S101  (it was released)
    reason = "A supplier sends prices in another currency; offers would be wrong."
    suspend(
        deployment=deployment,
        reason=reason,
        incident="INC-318",
        by=operator,
        now=world.now,
        **world.proof(operator),
    )
    world.work()
    yield world.after(days=2)
    words = "The feed is repaired and checked; offers of two days were recalculated."
    change = file_change(world, plan, model, deployment.version, place, kind="resume", purpose=words)
    yield from decide_until(world, plan, change)
    yield from carry_out(world, change)
    yield world.after(days=45)
    tuned = file_change(
        world, plan, model, deployment.version, place, kind="configuration",
        purpose="Fewer offers per customer and week, as the complaints team asked.",
        configuration={"offers_per_week": {"from": 5, "to": 3}},
    )  # fmt: skip
    yield from decide_until(world, plan, tuned)
    yield from carry_out(world, tuned)
    done = yield from versions_from(world, plan, model, done, plan.versions)
    yield from wait_today(world, plan, model, done)


def overdue(world: World, plan: Blueprint) -> Life[None]:
    """Released once, then nobody reviewed it again in time."""
    model = yield from intake(world, plan)
    yield from versions_from(world, plan, model, 0, plan.versions)
    yield world.after(days=3)
    days = max((world.timeline.ago(days=int(plan.hours)) - world.now).days, 2)
    attest(world, plan, model, next_review_days=days)


def unrated(world: World, plan: Blueprint) -> Life[None]:
    """Registered from an inventory of files: no rating yet, or one that waits for a second person."""
    yield world.timeline.ago(days=plan.began)
    model = model_register(
        name=plan.name,
        title=plan.title,
        unit=world.units[plan.unit],
        kind=plan.kind,
        use_case=plan.use_case,
        description=plan.does,
        owner=world.person(cast.OWNERS[plan.unit]),
        developer=world.person(developer_of(plan)),
        is_production_critical=True,
        primary_metric=plan.primary.name,
        by=world.person(developer_of(plan)),
        now=world.now,
    )
    yield world.after(days=4)
    register_version(world, plan, model, 0)
    if plan.uses:
        use_request(
            model=model,
            using_unit=world.units[plan.uses[0]],
            purpose="Wants to read its result every morning.",
            by=world.person(developer_of(plan)),
            now=world.now,
        )
    yield world.after(days=3)
    if plan.waits == "rating":
        rating_propose(
            model=model,
            answers=answers_for(plan, plan.tier),
            eu_ai_class=plan.ai_class,
            eu_ai_class_rationale="As similar models of the unit.",
            by=world.person("samuel"),
            now=world.now,
        )


def light(world: World, plan: Blueprint) -> Life[None]:
    """An experiment whose newest request for staging waits for one approver today."""
    model = yield from intake(world, plan)
    staging = "bank-cloud-staging" if plan.unit in cast.BANK else "plant-cloud-staging"
    yield world.timeline.ago(days=PREPARATION_DAYS)
    version = register_version(world, plan, model, 0)
    yield world.timeline.ago(hours=plan.hours)
    file_change(
        world,
        plan,
        model,
        version,
        world.places[staging],
        purpose="A first try with two users, for six weeks.",
    )


LIVES: Mapping[str, Callable[[World, Blueprint], Life[None]]] = {
    "usual": usual,
    "experiment": experiment,
    "raised": raised,
    "taken_back": taken_back,
    "refused": refused,
    "sent_back": sent_back,
    "voided": voided,
    "waived": waived,
    "retired": retired,
    "retirement_blocked": retirement_blocked,
    "paused": paused,
    "overdue": overdue,
    "unrated": unrated,
    "light": light,
}


def life_of(world: World, plan: Blueprint) -> Life[None]:
    """Return the life that the plan tells."""
    return LIVES[plan.story](world, plan)
