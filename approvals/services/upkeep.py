"""What time does to approvals. Every function looks for what is due, settles each item in its own transaction and
bears repetition.
"""

from datetime import datetime, timedelta

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat

from approvals.duties import eligible, note_eligible
from approvals.events import tell
from approvals.models import ChangeRequest, Condition, Lapse, Stage, Validation, Waiver
from approvals.queries.colleagues import records_with_holders
from approvals.queries.validation_list import VOUCHES, ending
from approvals.services.conditions import condition_lapse
from approvals.services.executions import EXECUTE_JOB, change_complete
from approvals.services.lapses import lapse_come_back, lapse_open, lapse_settle_gone
from approvals.services.submission import change_expire, change_refresh
from approvals.services.waivers import waiver_end
from approvals.states import REFRESHABLE, ChangeState
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.web.words import day_text
from mlops_portal.foundation.work import jobs
from registry.models import Deployment
from registry.states import DeploymentState

UNUSED = (ChangeState.APPROVED, ChangeState.SCHEDULED)
TOLD_BEFORE_DAYS = 30  # no policy names when the end of a validation is told
STARTS_AGAIN_AFTER = timedelta(minutes=15)


def approvals_expire(*, now: datetime) -> int:
    """End approvals whose validity has passed unused."""
    due = ChangeRequest.objects.filter(state__in=UNUSED, expires_at__lte=now).order_by("pk")
    return sum(change_expire(change=change, now=now) for change in list(due))


def waivers_end(*, now: datetime) -> int:
    """End waivers whose time has passed; their gates stand again."""
    due = Waiver.objects.filter(state=Waiver.State.GRANTED, valid_until__lte=now).order_by("pk")
    return sum(waiver_end(waiver=waiver, now=now) for waiver in list(due))


def conditions_lapse(*, now: datetime) -> int:
    """Open lapses for conditions past their date; of a validation wherever its version runs without a lapse yet."""
    serving = Deployment.objects.filter(
        version=OuterRef("validation__version"), state=DeploymentState.LIVE
    ).exclude(
        environment__in=Lapse.objects.filter(condition=OuterRef(OuterRef("pk"))).values("change__environment")
    )
    due = Condition.objects.filter(
        Q(change__isnull=False, lapses__isnull=True) | Q(Exists(serving)),
        state=Condition.State.OPEN,
        due_on__lt=portal_day(now),
    )
    return sum(condition_lapse(condition=condition, now=now) for condition in list(due.order_by("pk")))


def bakes_complete(*, now: datetime) -> int:
    """Complete changes whose bake time has passed."""
    due = ChangeRequest.objects.filter(state=ChangeState.VERIFYING, bake_ends_at__lte=now).order_by("pk")
    return sum(change_complete(change=change, now=now) for change in list(due))


def changes_refresh(*, now: datetime) -> int:
    """Compare every filed request with the present records; returns how many had changed content."""
    rows = ChangeRequest.objects.filter(state__in=REFRESHABLE).order_by("pk")
    return sum(change_refresh(change=change, now=now) for change in rows.iterator(chunk_size=500))


def starts_catch_up(*, now: datetime) -> int:
    """Queue scheduled starts again whose job was lost; a start that happened meanwhile makes the job do nothing."""
    late = ChangeRequest.objects.filter(
        state__in=[ChangeState.SCHEDULED, ChangeState.EXECUTING], scheduled_at__lte=now - STARTS_AGAIN_AFTER
    ).exclude(executions__state__in=["waiting", "unknown"])
    pending = set(
        jobs.Job.objects.unfinished().filter(kind=EXECUTE_JOB).values_list("params__change_id", flat=True)
    )
    lost = [change for change in late if change.pk not in pending]
    for change in lost:
        jobs.start(
            kind=EXECUTE_JOB, by=None, params={"change_id": change.pk}, now=now, unit_id=change.unit_id
        )
    return len(lost)


def _serving(prefix: str = "") -> QuerySet[Deployment]:
    """Return what serves of the request that a query is about, ``prefix`` being the way to it."""
    return Deployment.objects.filter(
        version=OuterRef(f"{prefix}version"),
        environment=OuterRef(f"{prefix}environment"),
        state=DeploymentState.LIVE,
    )


def lapses_follow_service(*, now: datetime) -> int:
    """Settle lapses whose version no longer serves where it lapsed, and open them again when it does once more."""
    serving = _serving("change__")
    placed = Lapse.objects.filter(change__version__isnull=False, change__environment__isnull=False)
    gone = placed.filter(~Exists(serving), closed_at__isnull=True)
    back = placed.filter(Exists(serving), closed_at__isnull=False, closed_by__isnull=True)
    settled = sum(lapse_settle_gone(lapse=lapse, now=now) for lapse in list(gone.order_by("pk")))
    return settled + sum(lapse_come_back(lapse=lapse, now=now) for lapse in list(back.order_by("pk")))


@operation
def stages_escalate(*, now: datetime, since: datetime) -> int:
    """Say once, when it happens, that the approvers of a stage are past their deadline."""
    rows = Stage.objects.filter(state=Stage.State.CURRENT, due_at__lte=now, due_at__gt=since)
    overdue = list(rows.select_related("change__model", "change__version").order_by("pk"))
    # Whoever is told is looked for at once for all of them, not for each anew.
    asked = [stage for stage in overdue if stage.assigned_to_id is None]
    records = records_with_holders(asked, by=None, now=now) if asked else {}
    for stage in asked:
        note_eligible(stage, eligible(stage, records[stage.change_id], now=now))
    for stage in overdue:
        tell("stage_overdue", stage.change, by=None, now=now, stage=stage.key, role=stage.role)
    return len(overdue)


@operation
def lapses_of_validity(*, now: datetime) -> int:
    """Open lapses for releases whose validation ended while they run, one for each validation that ended."""
    vouched = Validation.objects.filter(VOUCHES, version=OuterRef("version"))
    last = vouched.order_by("-valid_until", "-pk")
    known = Lapse.objects.filter(change=OuterRef("pk"), key=OuterRef("lapse_key"))
    ended = (
        ChangeRequest.objects.filter(
            Exists(vouched),
            ~Exists(vouched.filter(valid_until__gt=now)),
            Exists(_serving()),
            state=ChangeState.COMPLETED,
            kind__in=["deploy", "promote"],
        )
        .annotate(
            lapse_key=Concat(Value("validation:"), Cast(Subquery(last.values("pk")[:1]), CharField())),
            validation_ended_at=Subquery(last.values("valid_until")[:1]),
        )
        .exclude(Exists(known))
        .select_related("model", "requester", "policy_revision__policy")
        .order_by("model_id", "pk")
    )
    found = list(ended)
    for change in found:
        day = day_text(portal_day(change.validation_ended_at))
        text = f"The validation ended on {day} while the version runs."
        lapse_open(change=change, key=change.lapse_key, text=text, now=now)
    return len(found)


@operation
def validations_tell_end(*, now: datetime) -> int:
    """Tell once, in time, that the last validation of a version that runs is about to end."""
    serving = Deployment.objects.filter(version=OuterRef("version"), state=DeploymentState.LIVE)
    untold = Validation.objects.filter(Exists(serving), end_told_at__isnull=True).order_by("pk")
    found = list(ending(untold, now, TOLD_BEFORE_DAYS).select_related("model"))
    for validation in found:
        validation.end_told_at = now
    bulk_save_as(found, by=None, now=now, reason="Its end was told", fields=["end_told_at"])
    for validation in found:
        tell("validation_ending", validation, by=None, now=now)
    return len(found)
