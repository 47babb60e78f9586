"""Lapses: something an approval rests on ended while the version runs (RULES 5.1)."""

from datetime import datetime

from approvals import policies
from approvals.evaluation import live_waivers, policy_for
from approvals.events import tell
from approvals.facts import facts
from approvals.models import ChangeRequest, Condition, GateResult, Lapse, Validation, Waiver
from approvals.policy.document import AUTHORITIES, known_types
from approvals.policy.engine import named_facts
from approvals.queries.validation_list import VOUCHES
from approvals.services.changes import lock_change
from approvals.states import ChangeKind, ChangeState
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock, lock_all
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import Blocker, refuse_if
from registry.models import Deployment
from registry.states import DeploymentState

DEFAULT_DAYS = 2
HIGHEST_AUTHORITY = AUTHORITIES[-1]
VALIDITY = "validation_age_days"  # the fact that a gate asks for which a validation's age can fail
EXECUTED = (ChangeState.VERIFYING, ChangeState.COMPLETED)
# These take away what runs; they settle a lapse as restricted or suspended.
TAKE_AWAY = (ChangeKind.ROLLBACK, ChangeKind.SUSPEND, ChangeKind.RETIRE)


def is_running(change: ChangeRequest) -> bool:
    """Tell whether what this change put in place still serves."""
    if change.version_id is None or change.environment_id is None:
        return False
    serving = Deployment.objects.filter(version_id=change.version_id, environment_id=change.environment_id)
    return serving.filter(state=DeploymentState.LIVE).exists()


@operation
def lapse_open(
    *,
    change: ChangeRequest,
    key: str,
    text: str,
    waiver: Waiver | None = None,
    condition: Condition | None = None,
    due_at: datetime | None = None,
    by: User | None = None,
    now: datetime,
) -> Lapse:
    """Open a lapse once for each thing that ended, with the deadline of the tier."""
    lock_change(change.pk)  # two jobs that find the same end wait for each other
    known = Lapse.objects.filter(change=change, key=key).first()
    if known is not None:
        return known
    lapse = Lapse(
        change=change,
        key=key,
        waiver=waiver,
        condition=condition,
        model_id=change.model_id,
        unit_id=change.unit_id,
        text=text,
        owner=change.model.owner or change.requester,
        opened_at=now,
        due_at=due_at or _deadline(change, now),
    )
    save_as(lapse, by=by, now=now, reason=text)
    tell("lapse_opened", lapse, by=by, now=now, change=change.code, due_at=lapse.due_at.isoformat())
    return lapse


def _deadline(change: ChangeRequest, now: datetime) -> datetime:
    policy = policy_for(change, now)
    days = policy.document.lapse_deadline_business_days[change.decided_tier or 1] if policy else DEFAULT_DAYS
    return policies.business_deadline(now, days)


@operation
def lapse_close(*, lapse: Lapse, outcome: str, by: User, now: datetime) -> Lapse:
    """Close a lapse by one of the four ways out; each is proved by a record, not by the click."""
    if outcome not in Lapse.Outcome.values:
        raise invalid("outcome", "Choose one of the four ways out.")
    change = lock_change(lapse.change_id)
    lapse = lock(Lapse.objects.select_related("waiver", "condition", "owner"), lapse.pk)
    blockers = policies.lapse_blockers(lapse, by=by)
    if not _is_proved(lapse, change, outcome, now):
        blockers.append(Blocker("no_record", _missing(lapse, outcome)))
    refuse_if(blockers)
    lapse.outcome, lapse.closed_at, lapse.closed_by = outcome, now, by
    save_as(lapse, by=by, now=now, reason=Lapse.Outcome(outcome).label)
    tell("lapse_closed", lapse, by=by, now=now, outcome=outcome)
    return lapse


@operation
def lapse_settle_met(*, condition: Condition, by: User, now: datetime) -> None:
    """Settle the open lapses of a condition, one for each place: what was owed was done, though late."""
    for lapse in Lapse.objects.filter(condition=condition, closed_at__isnull=True).order_by("pk"):
        lapse.outcome, lapse.closed_at, lapse.closed_by = Lapse.Outcome.FIXED, now, by
        fields = ["outcome", "closed_at", "closed_by"]
        save_as(lapse, by=by, now=now, reason="The condition is met", fields=fields)
        tell("lapse_closed", lapse, by=by, now=now, outcome=lapse.outcome)


@operation
def lapses_settle_validated(*, validation: Validation, by: User, now: datetime) -> int:
    """Settle the lapses of a version whose validation had ended, wherever it runs: this one vouches for it again."""
    if not Validation.objects.filter(VOUCHES, pk=validation.pk, valid_until__gt=now).exists():
        return 0
    ended = Lapse.objects.filter(
        key__startswith="validation:", change__version_id=validation.version_id, closed_at__isnull=True
    )
    found = lock_all(Lapse.objects.all(), ended.values("pk"))
    for lapse in found:
        lapse.outcome, lapse.closed_at, lapse.closed_by = Lapse.Outcome.RENEWED, now, by
        fields = ["outcome", "closed_at", "closed_by"]
        save_as(lapse, by=by, now=now, reason="The version is validated again", fields=fields)
        tell("lapse_closed", lapse, by=by, now=now, outcome=lapse.outcome)
    return len(found)


@operation
def lapse_settle_gone(*, lapse: Lapse, now: datetime) -> bool:
    """Settle a lapse whose version no longer serves there: nothing runs any more on what ended."""
    change = lock_change(lapse.change_id)
    lapse = lock(Lapse.objects.all(), lapse.pk)
    if change.version_id is None or change.environment_id is None:
        return False
    if lapse.closed_at is not None or is_running(change):
        return False
    there = Deployment.objects.filter(version_id=change.version_id, environment_id=change.environment_id)
    stands = there.filter(state=DeploymentState.SUSPENDED).exists()
    lapse.outcome = Lapse.Outcome.SUSPENDED if stands else Lapse.Outcome.RESTRICTED
    lapse.closed_at = now
    reason = "Suspended there" if stands else "The version no longer serves there"
    save_as(lapse, by=None, now=now, reason=reason, fields=["outcome", "closed_at"])
    tell("lapse_closed", lapse, by=None, now=now, outcome=lapse.outcome)
    return True


@operation
def lapse_come_back(*, lapse: Lapse, now: datetime) -> bool:
    """Open a lapse again that the portal settled because nothing ran, when its version serves there again.

    Not if something answers it by now: another release brought the version back, or what ended was renewed. The time
    to settle it begins anew: while nothing ran, nothing could be settled.
    """
    change = lock_change(lapse.change_id)
    lapse = lock(Lapse.objects.select_related("waiver", "condition"), lapse.pk)
    if lapse.closed_at is None or lapse.closed_by_id is not None or not is_running(change):
        return False
    if _is_answered(lapse, change, now):
        return False
    lapse.outcome, lapse.closed_at, lapse.due_at = "", None, max(lapse.due_at, _deadline(change, now))
    changed = ["outcome", "closed_at", "due_at"]
    save_as(lapse, by=None, now=now, reason="The version serves there again", fields=changed)
    tell("lapse_opened", lapse, by=None, now=now, change=change.code, due_at=lapse.due_at.isoformat())
    return True


def lapse_ways_out(lapse: Lapse, *, now: datetime) -> list[tuple[str, str]]:
    """Return the four ways out with what is missing for each; nothing is missing where a record proves it."""
    change = lapse.change
    return [
        (label, "" if _is_proved(lapse, change, outcome, now) else _missing(lapse, outcome))
        for outcome, label in Lapse.Outcome.choices
    ]


_MISSING = {
    Lapse.Outcome.FIXED: "No change request that addresses it was filed since and put in place there.",
    Lapse.Outcome.RESTRICTED: "The version still serves there.",
    Lapse.Outcome.SUSPENDED: "The version still serves there.",
}
_NOT_RENEWED = {
    "waiver": "No other waiver of that gate is live here.",
    "condition": "A condition is a duty: no waiver stands for it.",
    "validation": "Neither was this version validated again since, nor its validation waived.",
    "revocation": "No waiver was asked for on this request since and granted by the head of model risk.",
}


def _missing(lapse: Lapse, outcome: str) -> str:
    """Say which record would prove the way out."""
    if outcome != Lapse.Outcome.RENEWED:
        return _MISSING[Lapse.Outcome(outcome)]
    return _NOT_RENEWED.get(_matter(lapse), "No record renews what ended.")


def _matter(lapse: Lapse) -> str:
    """Return what ended: a waiver, a condition, a validation or a revoked approval, with which its conditions fell."""
    return "revocation" if _is_dropped(lapse) else lapse.key.partition(":")[0]


def _is_dropped(lapse: Lapse) -> bool:
    """Tell whether it is about a condition that nobody can meet any more: the approval that set it was revoked."""
    return lapse.condition is not None and lapse.condition.state == Condition.State.DROPPED


def _is_met(lapse: Lapse) -> bool:
    """Tell whether it is about a condition that is met by now, after its day."""
    return lapse.condition is not None and lapse.condition.state == Condition.State.MET


def _is_answered(lapse: Lapse, change: ChangeRequest, now: datetime) -> bool:
    """Tell whether the version that runs stands on something again: what ended was renewed, or it was released anew."""
    if _is_met(lapse):
        return True
    anew = [later for later in _put_in_place_since(lapse, change) if later.version_id == change.version_id]
    return any(_addresses(later, lapse, change) for later in anew) or _is_renewed(lapse, change, now)


def _is_proved(lapse: Lapse, change: ChangeRequest, outcome: str, now: datetime) -> bool:
    match outcome:
        case Lapse.Outcome.RENEWED:
            return _is_renewed(lapse, change, now)
        case Lapse.Outcome.FIXED:
            return _is_met(lapse) or any(
                _addresses(later, lapse, change) for later in _put_in_place_since(lapse, change)
            )
        case _:
            return not is_running(change)


def _is_renewed(lapse: Lapse, change: ChangeRequest, now: datetime) -> bool:
    """Tell whether something that answers the same matter holds now: for a waiver another one of its gate, whenever
    it was granted; for what is no waiver, something that came into force since.
    """
    waivers = Waiver.objects.filter(
        version_id=change.version_id,
        state=Waiver.State.GRANTED,
        decided_at__gte=lapse.opened_at,
        valid_until__gt=now,
    )
    match _matter(lapse):
        case "waiver":
            live = live_waivers(change, now).get(lapse.waiver.gate) if lapse.waiver else None
            return live is not None and live.pk != lapse.waiver_id
        case "validation":
            again = Validation.objects.filter(
                VOUCHES,
                version_id=change.version_id,
                concluded_at__gte=lapse.opened_at,
                valid_until__gt=now,
            )
            return again.exists() or waivers.filter(gate__in=_gates_of_validity(change, now)).exists()
        case "revocation":
            kept = waivers.filter(
                change=change, requested_at__gte=lapse.opened_at, authority=HIGHEST_AUTHORITY
            )
            return kept.exists()
        case _:
            return False


def _gates_of_validity(change: ChangeRequest, now: datetime) -> list[str]:
    """Return the gates of the request's policy that ask how old the validation is."""
    policy = policy_for(change, now)
    if policy is None:
        return []
    types = known_types(facts.types())
    return [gate.id for gate in policy.document.gates if VALIDITY in named_facts(gate.rule, types)]


def _put_in_place_since(lapse: Lapse, change: ChangeRequest) -> list[ChangeRequest]:
    """Return the requests filed after the lapse opened that were executed where the lapsed one runs."""
    if change.environment_id is None:
        return []
    later = ChangeRequest.objects.filter(
        model_id=change.model_id,
        environment_id=change.environment_id,
        submitted_at__gte=lapse.opened_at,
        state__in=EXECUTED,
        revoked_at__isnull=True,
    )
    return list(later.exclude(pk=change.pk).exclude(kind__in=TAKE_AWAY))


def _addresses(later: ChangeRequest, lapse: Lapse, change: ChangeRequest) -> bool:
    """Tell whether an executed request removed what lapsed: the waived gate, the condition, or the lost approval."""
    if lapse.waiver is not None:
        outcomes = (GateResult.Outcome.PASS, GateResult.Outcome.NOT_APPLICABLE)
        results = later.gate_results.filter(gate=lapse.waiver.gate, is_current=True, outcome__in=outcomes)
        return results.exists()
    if lapse.condition is not None and not _is_dropped(lapse):
        return lapse.condition.state == Condition.State.MET or not is_running(change)
    return True
