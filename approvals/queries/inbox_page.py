"""What waits for whom: stages a person's rights fill, conditions they verify, what they decided."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Subquery, Value

from approvals import policies
from approvals.models import ChangeRequest, Comment, Condition, Decision, Execution, Lapse, Stage, Waiver
from approvals.queries.clocks import Clock, clock_of
from approvals.queries.my_duties import duties_among, records_of
from approvals.states import ChangeClass, ChangeState, Owes, Verdict
from approvals.waiver_policies import AUTHORITY_RIGHTS
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import Rights, rights_of
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.words import plural, time_text
from registry.models import ModelVersion, RegisteredModel

# Rights that policies may give a stage to.
STAGE_RIGHTS = (
    "approvals.accept",
    "approvals.validate",
    "approvals.approve_risk",
    "approvals.approve_change",
    "approvals.approve_light",
    "approvals.execute",
    "approvals.rollback",
)
SHOWN = 200
COUNTED = 100
DECIDED_DAYS = 30
# The filters of a queue join the change, its model and version; more joins in one statement take longer to plan than
# the further statements take to run.
JOINED = ("change__model", "change__version")
FETCHED_AFTER = (
    "returns_to", "assigned_to", "change__unit", "change__environment", "change__requester",
    "change__model__owner",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gates say, as segments and one line."""

    passed: int
    waived: int
    warned: int
    failed: int
    line: str
    tone: str
    why: str


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One request in a queue: who owes and how long, what, how risky, is the evidence complete, why not."""

    stage: Stage
    change: ChangeRequest
    clock: Clock
    owes: str
    evidence: Evidence
    blockers: Sequence[Blocker]
    of_stages: int
    owes_waiver: bool = False

    @property
    def why_alone(self) -> str:
        """Say in few words why this request is not signed with others; empty where the one rule lets it (RULES 4.9)."""
        if found := policies.together_blockers(self.change):
            tier = f"tier {self.change.decided_tier}"
            return tier if found[0].code == "tier" else "evidence not complete"
        return "not yours to decide" if self.blockers else ""

    def is_for(self, person: User) -> bool:
        """Tell whether the request is this person's to take: a colleague took it otherwise."""
        return self.stage.assigned_to_id in (None, person.pk)


def evidence_of(change: ChangeRequest) -> Evidence:
    """Sum up the gates of a change."""
    total = change.gates_passed + change.gates_failed + change.gates_waived + change.gates_warned
    extra = f", {change.gates_waived} waived" if change.gates_waived else ""
    extra += (
        f", {plural(change.gates_warned, 'advisory fails,advisories fail')}" if change.gates_warned else ""
    )
    line = (
        f"{change.gates_passed} of {plural(total, 'gate passes,gates pass')}{extra}"
        if total
        else "Gates have not run"
    )
    if change.gates_failed:
        tone, why = "fail", change.headline
    elif total:
        tone, why = "ok", "Evidence complete"
    else:
        tone, why = "info", ""
    return Evidence(
        change.gates_passed, change.gates_waived, change.gates_warned, change.gates_failed, line, tone, why
    )


def _held(user: Any) -> Q:
    """Stages whose right this person holds on the unit or the model."""
    rights = rights_of(user)
    return reduce(or_, (Q(right=right) & _where(rights, right) for right in STAGE_RIGHTS))


def _where(rights: Rights, right: str) -> Q:
    if rights.everywhere(right):
        return Q()
    return Q(unit_id__in=rights.units(right)) | Q(model_id__in=rights.models(right))


def _not_barred(rows: QuerySet[Stage], user: Any) -> QuerySet[Stage]:
    """Leave out what this person asked for, owns, built or decided; what else bars them is said at the row.

    Asked from the person's side: their few decisions, models and versions are read once, not once for each request.
    """
    mine = Decision.objects.filter(signer=user, voided_at__isnull=True)
    own_models = RegisteredModel.objects.filter(Q(owner=user) | Q(developer=user))
    own_versions = ModelVersion.objects.filter(registered_by=user)
    own_changes = ChangeRequest.objects.filter(version__in=own_versions)
    return (
        rows.exclude(pk__in=mine.values("stage"))
        .exclude(change__in=mine.filter(verdict=Verdict.RECUSE).values("change"))
        .exclude(
            Q(is_deciding=True) & Q(change__requester=user) & ~Q(change__change_class=ChangeClass.CONTAINMENT)
        )
        .exclude(is_independent=True, model__in=own_models.values("pk"))
        .exclude(is_independent=True, change__in=own_changes.values("pk"))
    )


def at_my_stage(user: Any) -> QuerySet[Stage]:
    """Stages that decide now and that this person's rights fill."""
    rows = Stage.objects.filter(_held(user), state=Stage.State.CURRENT, change__state=ChangeState.IN_REVIEW)
    return _not_barred(rows, user)


def waiting_for_others(user: Any) -> QuerySet[Stage]:
    """Stages of this person that come later, or whose request went back to the requester."""
    rows = Stage.objects.filter(
        _held(user),
        state__in=[Stage.State.PENDING, Stage.State.RENEW],
        change__state__in=[ChangeState.IN_REVIEW, ChangeState.CHANGES_REQUESTED],
    )
    return _not_barred(rows, user)


def conditions_to_verify(user: Any) -> QuerySet[Condition]:
    """Open conditions that this person verifies."""
    return Condition.objects.filter(verifier=user, state=Condition.State.OPEN).select_related(
        "change__model", "validation__version__model", "model", "owner", "unit"
    )


def conditions_owed(user: Any) -> QuerySet[Condition]:
    """Open conditions that this person fulfils, of requests and validations they see."""
    return (
        Condition.objects.visible_to(user)
        .filter(owner=user, state=Condition.State.OPEN)
        .select_related("change__model", "validation__version__model", "verifier")
    )


def decided_lately(user: Any, now: datetime) -> QuerySet[Decision]:
    """What this person decided in the last 30 days."""
    since = now - timedelta(days=DECIDED_DAYS)
    return Decision.objects.filter(signer=user, decided_at__gte=since).select_related(
        "change__unit", "stage", "signature"
    )


def waivers_decided_lately(user: Any, now: datetime) -> QuerySet[Waiver]:
    """Waivers that this person granted or declined in the last 30 days."""
    since = now - timedelta(days=DECIDED_DAYS)
    return Waiver.objects.filter(decided_by=user, decided_at__gte=since).select_related("change", "model")


def waivers_to_decide(user: Any) -> QuerySet[Waiver]:
    """Requests for waivers whose authority this person may hold and from which they do not benefit.

    The page of each says whether they decide it.
    """
    rights = rights_of(user)
    held = reduce(
        or_,
        (
            Q(authority=authority) & _where(rights, right)
            for authority, (right, whole_group) in AUTHORITY_RIGHTS.items()
            if rights.everywhere(right) or not whole_group
        ),
    )
    return (
        Waiver.objects.filter(held, state=Waiver.State.REQUESTED)
        .exclude(change__state=ChangeState.DRAFT)  # decided once it is filed
        .exclude(requested_by=user)
        .exclude(change__requester=user)
        .exclude(model__in=RegisteredModel.objects.filter(Q(owner=user) | Q(developer=user)))
        .select_related("change", "model", "requested_by", "unit")
    )


def requests_of_waivers(user: Any) -> frozenset[int]:
    """Return the requests that wait for this person's decision on a waiver."""
    return frozenset(waivers_to_decide(user).order_by().values_list("change_id", flat=True))


def open_lapses_of(user: Any) -> QuerySet[Lapse]:
    """Lapses that this person has to settle, in what they see."""
    rows = Lapse.objects.visible_to(user).filter(owner=user, closed_at__isnull=True)
    return rows.select_related("change", "model", "waiver")


def questions_to(user: Any) -> QuerySet[Comment]:
    """Questions for evidence that this person sees and has not answered in the discussion since."""
    answered = Comment.objects.filter(
        change=OuterRef("change"), author=user, written_at__gt=OuterRef("written_at")
    )
    return (
        Comment.objects.visible_to(user)
        .filter(asks=user, change__state=ChangeState.IN_REVIEW)
        .exclude(Exists(answered))
        .select_related("change", "model", "author")
    )


def overdue_in_units(user: Any, now: datetime) -> QuerySet[Stage]:
    """Stages past their time in what this person sees, whoever owes them; no person is named (RULES 4.8)."""
    rows = Stage.objects.visible_to(user).filter(state=Stage.State.CURRENT, due_at__lt=now)
    return rows.filter(change__state=ChangeState.IN_REVIEW).select_related("change", "unit")


def lapses_in_units(user: Any) -> QuerySet[Lapse]:
    """Open lapses in what this person sees."""
    return (
        Lapse.objects.visible_to(user)
        .filter(closed_at__isnull=True)
        .select_related("change", "model", "owner", "waiver")
    )


def took_effect(now: datetime, days: int) -> QuerySet[Execution]:
    """Return the executions of an outer change request that succeeded in the last days."""
    return Execution.objects.filter(
        change=OuterRef("pk"),
        state=Execution.State.SUCCEEDED,
        finished_at__gte=now - timedelta(days=days),
        finished_at__lte=now,
    )


def executed_lately(user: Any, now: datetime) -> QuerySet[ChangeRequest]:
    """Changes that took effect in the last 30 days, for somebody who draws a sample; the list filters the same way."""
    done = took_effect(now, DECIDED_DAYS)
    return (
        ChangeRequest.objects.visible_to(user)
        .filter(Exists(done))
        .annotate(executed_at=Subquery(done.order_by("-finished_at").values("finished_at")[:1]))
        .select_related("model", "unit")
        .order_by("-executed_at", "-pk")
    )


def waiting_count(user: Any) -> int | None:
    """Return how many requests wait at a stage or for a waiver of this person, for the navigation, at most 100.

    The inbox has counted already; see `Totals.navigation`.
    """
    rights = rights_of(user)
    if not any(rights.has(right) for right in STAGE_RIGHTS):
        return None
    rows = at_my_stage(user).order_by()
    count = rows[:COUNTED].count()
    if not any(rights.has(right) for right, _ in AUTHORITY_RIGHTS.values()):
        return count
    # Waivers are asked for seldom: whether these requests are counted already is looked up only where there are some.
    if owed := requests_of_waivers(user):
        at_stage = rows.filter(change__in=owed).values("change").distinct().count()
        count += len(owed) - at_stage
    return min(count, COUNTED)


@dataclass(frozen=True, slots=True)
class Totals:
    """The strip of four, and when the first of all is due."""

    waiting: int
    overdue: int
    complete: int
    blocked: int
    stopped: int  # and others owe; a waiver that this person decides is theirs
    requesters: int
    owed: int  # that wait for a waiver of this person, at a stage of theirs
    earliest: datetime | None

    @property
    def others(self) -> int:
        """How many of the stopped clocks wait for somebody other than a requester."""
        return self.stopped - self.requesters

    def navigation(self, owed: Collection[int]) -> int:
        """Say what `waiting_count` would, from the requests that wait for a waiver of this person."""
        return min(self.waiting + len(owed) - self.owed, COUNTED)


def totals_of(rows: QuerySet[Stage], now: datetime, *, owed: Collection[int] = ()) -> Totals:
    """Count what waits, in one statement. `owed` are the requests that wait for a waiver of this person."""
    stopped = Q(clock_started_at__isnull=True) & ~Q(change__in=owed)
    asked = Waiver.objects.filter(change=OuterRef("change"), state=Waiver.State.REQUESTED)
    found = rows.aggregate(
        waiting=Count("pk"),
        overdue=Count("pk", filter=Q(due_at__lt=now)),
        complete=Count("pk", filter=Q(change__gates_failed=0, change__gates_at__isnull=False)),
        blocked=Count("pk", filter=Q(change__gates_failed__gt=0)),
        stopped=Count("pk", filter=stopped),
        requesters=Count("pk", filter=stopped & Q(change__gates_failed__gt=0) & Q(~Exists(asked))),
        owed=Count("change", filter=Q(change__in=owed), distinct=True),
        earliest=Min("due_at"),
    )
    return Totals(**found)


@dataclass(frozen=True, slots=True)
class Apart:
    """What the other tabs hold."""

    conditions: int
    decided: int


def apart_of(user: Any, now: datetime) -> Apart:
    """Count conditions to verify and what was decided lately, in one statement."""
    counted = {
        "conditions": conditions_to_verify(user),
        "decided": decided_lately(user, now),
        "waivers": waivers_decided_lately(user, now),
    }
    found = User.objects.values_list(*(_counted(rows) for rows in counted.values())).get(pk=user.pk)
    conditions, decided, waivers = (amount or 0 for amount in found)
    return Apart(conditions, decided + waivers)


def _counted(rows: QuerySet[Any]) -> Subquery:
    whole = rows.order_by().annotate(whole=Value(1)).values("whole")
    return Subquery(whole.annotate(count=Count("*")).values("count"))


def latest_of(rows: QuerySet[Stage], totals: Totals, now: datetime) -> tuple[str, float] | None:
    """Name the request that is overdue longest, and by how many seconds.

    By its very time, which an index has: sorting all that is overdue for one row would read each request of it.
    """
    if totals.earliest is None or totals.earliest >= now:
        return None
    change = rows.filter(due_at=totals.earliest).order_by("pk").values_list("change_id", flat=True).first()
    return (f"CR-{change}", (now - totals.earliest).total_seconds()) if change else None


def neighbours_of(change: ChangeRequest, user: Any) -> tuple[int | None, int | None]:
    """Return the requests before and after this one in the person's queue, by time left."""
    keys = list(at_my_stage(user).order_by(*ORDERS[""]).values_list("change_id", flat=True)[:SHOWN])
    if change.pk not in keys:
        return None, keys[0] if keys else None
    place = keys.index(change.pk)
    return keys[place - 1] if place else None, keys[place + 1] if place + 1 < len(keys) else None


ORDERS = {
    "": (F("due_at").asc(nulls_last=True), F("pk").asc()),
    "tier": (F("change__decided_tier").asc(nulls_last=True), F("due_at").asc(nulls_last=True), F("pk").asc()),
    "oldest": (F("change__submitted_at").asc(nulls_last=True), F("pk").asc()),
}


def queue_rows(
    rows: QuerySet[Stage],
    user: User,
    *,
    now: datetime,
    order: str = "",
    most: int = SHOWN,
    owed: Collection[int] | None = None,
) -> list[QueueRow]:
    """Read a queue, at most 200 stages, each request once. `owed` as `requests_of_waivers` gives it, read if absent."""
    keys = list(rows.order_by(*ORDERS.get(order, ORDERS[""])).values_list("pk", flat=True)[:most])
    found = Stage.objects.select_related(*JOINED).prefetch_related(*FETCHED_AFTER).in_bulk(keys)
    stages = [found[key] for key in keys if key in found]
    first: dict[int, Stage] = {}
    for stage in stages:
        known = first.get(stage.change_id)
        if known is None or stage.position < known.position:
            first[stage.change_id] = stage
    shown = [stage for stage in stages if first[stage.change_id] is stage]
    if not shown:
        return []
    records = records_of(user, [stage.change for stage in shown], now)
    duties = duties_among(user, shown, records, now=now)
    asked = _waivers_asked({stage.change_id for stage in shown})
    if owed is None:
        owed = requests_of_waivers(user) if asked else frozenset()
    return [
        _row(
            stage,
            duties[stage.pk],
            _open_stages(records[stage.change_id].stages.values()),
            asked.get(stage.change_id, ""),
            now,
            owes_waiver=stage.change_id in owed,
        )
        for stage in shown
    ]


def _waivers_asked(changes: Collection[int]) -> dict[int, str]:
    """Return who owes the decision on a waiver that was asked for, by request."""
    rows = Waiver.objects.filter(change__in=changes, state=Waiver.State.REQUESTED).order_by("-pk")
    return {
        change: authority.replace("_", " ")
        for change, authority in rows.values_list("change_id", "authority")
    }


def _open_stages(stages: Iterable[Stage]) -> int:
    return sum(stage.state != Stage.State.CLOSED for stage in stages)


def _row(
    stage: Stage,
    blockers: Sequence[Blocker],
    of_stages: int,
    waiver_of: str,
    now: datetime,
    *,
    owes_waiver: bool,
) -> QueueRow:
    change = stage.change
    clock = clock_of(stage, now)
    owes = _owes(stage, change, blockers, clock, waiver_of)
    if owes_waiver:
        owes = f"You owe a decision on a waiver. Until then the clock stands: {clock.left}"
    return QueueRow(stage, change, clock, owes, evidence_of(change), blockers, of_stages, owes_waiver)


def _owes(
    stage: Stage, change: ChangeRequest, blockers: Sequence[Blocker], clock: Clock, waiver_of: str
) -> str:
    if change.state == ChangeState.CHANGES_REQUESTED:
        return f"{change.requester} owes changes. {clock.left}"
    if stage.state != Stage.State.CURRENT:
        return "An earlier stage decides first"
    if stage.blocked_reason:
        return f"Nobody can decide. {clock.left}"
    if blockers:
        return "Others owe: you may not decide this"
    if policies.waits_for_gates(stage) and waiver_of:
        return f"The {waiver_of} owes a decision on a waiver. {clock.left}"
    if policies.waits_for_gates(stage):
        return f"{change.requester} owes a fix, or a waiver. {clock.left}"
    if not clock.runs or stage.due_at is None:
        return f"{Owes.SYSTEM.label} owes. {clock.left}"
    return (
        f"You owe, {clock.left}"
        if clock.tone == "fail" or stage.due_at is None
        else f"You owe, due {time_text(stage.due_at)}"
    )
