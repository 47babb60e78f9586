"""Waivers: an accepted exception from one gate for one version, by the authority the gate names, with an end."""

from datetime import datetime

from django.db.models import QuerySet

from approvals import policies
from approvals.duties import duty_records
from approvals.evaluation import policy_for, tier_of
from approvals.events import event_of, tell
from approvals.models import ChangeRequest, Waiver
from approvals.policy.document import AUTHORITIES
from approvals.services.changes import lock_change
from approvals.services.lapses import is_running, lapse_open
from approvals.services.signing import prove, sign
from approvals.services.submission import change_refresh
from approvals.states import Meaning
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, RuleViolation, refuse_if

MIN_REASON = 40


@operation
def waiver_request(
    *,
    change: ChangeRequest,
    gate: str,
    reason: str,
    compensating_control: str,
    valid_until: datetime,
    by: User,
    now: datetime,
) -> Waiver:
    """Ask the authority that a gate names to accept its failure for this version.

    A renewal goes to a higher authority each time, and beyond the policy's number to the head of model risk.
    """
    change = lock_change(change.pk)
    require(by, "approvals.request", unit_id=change.unit_id, model_id=change.model_id)
    policy = policy_for(change, now)
    refuse_if([] if policy else [Blocker("no_policy", "No policy is in force.", "a policy publisher")])
    assert policy is not None  # noqa: S101  (refused above)
    rule = next((row for row in policy.document.gates if row.id == gate), None)
    if rule is None:
        raise invalid("gate", f"{policy.name} knows no gate called {gate}.")
    if valid_until <= now:
        raise invalid("valid_until", "The end is in the past.")
    earlier = _of_subject(change)
    live = earlier.filter(state=Waiver.State.GRANTED, valid_until__gt=now)
    blockers = policies.waiver_request_blockers(
        change,
        rule,
        tier=tier_of(change),
        days=(valid_until - now).total_seconds() / 86_400,
        live=live.exclude(gate=gate).count(),
        document=policy.document,
    )
    if len(reason.strip()) < MIN_REASON or not compensating_control.strip():
        blockers.append(
            Blocker(
                "reason", f"Give a reason of at least {MIN_REASON} characters and a compensating control."
            )
        )
    if change.waivers.filter(gate=gate, state=Waiver.State.REQUESTED).exists():
        blockers.append(Blocker("requested", f"A waiver of {gate} is asked for already."))
    refuse_if(blockers)
    assert rule.waiver is not None  # noqa: S101  (refused above)
    renewals = earlier.filter(gate=gate, state__in=[Waiver.State.GRANTED, Waiver.State.ENDED]).count()
    waiver = Waiver(
        change=change,
        model_id=change.model_id,
        version_id=change.version_id,
        unit_id=change.unit_id,
        gate=gate,
        authority=authority_for(
            rule.waiver.authority,
            renewals=renewals,
            most=policy.document.max_waiver_renewals,
            beyond=policy.document.waiver_beyond,
        ),
        reason=reason.strip(),
        compensating_control=compensating_control.strip(),
        requested_by=by,
        requested_at=now,
        valid_until=valid_until,
        renewals=renewals,
    )
    save_as(waiver, by=by, now=now, reason=reason.strip())
    tell(
        "waiver_requested", waiver, by=by, now=now, gate=gate, change=change.code, authority=waiver.authority
    )
    return waiver


def authority_for(named: str, *, renewals: int, most: int, beyond: str) -> str:
    """Return who decides: each renewal goes one authority higher, and beyond the allowed number to the last one."""
    if renewals > most:
        return beyond
    return AUTHORITIES[min(AUTHORITIES.index(named) + renewals, len(AUTHORITIES) - 1)]


def _of_subject(change: ChangeRequest) -> "QuerySet[Waiver]":
    if change.version_id is None:
        return Waiver.objects.filter(change=change)
    return Waiver.objects.filter(version_id=change.version_id)


def waiver_decide(
    *, waiver: Waiver, grant: bool, note: str, password: str, code: str, by: User, now: datetime
) -> Waiver:
    """Grant or decline a waiver, signed. Granting one is a change of content: earlier decisions become void."""
    try:
        _refuse(waiver, by=by, now=now)
        prove(by, password=password, code=code, subject=waiver, now=now)
        decided = _decide(waiver=waiver, grant=grant, note=note, by=by, now=now)
    except RuleViolation as refusal:
        refusal.evidence = event_of(
            "decision_refused",
            waiver,
            by=by,
            now=now,
            data={"reasons": [row.code for row in refusal.blockers]},
        )
        raise
    if grant:
        change_refresh(change=decided.change, by=None, now=now)
    return decided


def _refuse(waiver: Waiver, *, by: User, now: datetime) -> None:
    records = duty_records(waiver.change, now=now)
    refuse_if(policies.waiver_decision_blockers(waiver, by=by, records=records, authority=waiver.authority))


@operation
def _decide(*, waiver: Waiver, grant: bool, note: str, by: User, now: datetime) -> Waiver:
    change = lock_change(waiver.change_id)
    waiver = lock(Waiver.objects.select_related("requested_by"), waiver.pk)
    waiver.change = change
    _refuse(waiver, by=by, now=now)
    if grant and waiver.valid_until <= now:
        raise invalid("valid_until", "Its end has passed while nobody decided.")
    waiver.decided_by, waiver.decided_at, waiver.note = by, now, note.strip()
    if grant:
        statement = {
            "waiver": str(waiver.pk),
            "change": change.code,
            "version": str(change.version_id or ""),
            "gate": waiver.gate,
            "reason": waiver.reason,
            "compensating_control": waiver.compensating_control,
            "valid_until": waiver.valid_until,
            "signer": str(by.pk),
        }
        waiver.signature = sign(
            waiver, meaning=Meaning.ACCEPT_RISK, statement=statement, by=by, role=waiver.authority, now=now
        )
    waiver.state = Waiver.State.GRANTED if grant else Waiver.State.DECLINED
    save_as(waiver, by=by, now=now, reason=note.strip())
    verb = "waiver_granted" if grant else "waiver_declined"
    tell(verb, waiver, by=by, now=now, gate=waiver.gate, change=change.code)
    return waiver


@operation
def waiver_end(*, waiver: Waiver, now: datetime) -> bool:
    """End a waiver whose time has passed: its gate stands again, and where the version runs a lapse opens."""
    change = lock_change(waiver.change_id)
    waiver = lock(Waiver.objects.all(), waiver.pk)
    if waiver.state != Waiver.State.GRANTED or waiver.valid_until > now:
        return False
    waiver.state = Waiver.State.ENDED
    save_as(waiver, by=None, now=now, reason="Its time has passed", fields=["state"])
    tell("waiver_ended", waiver, by=None, now=now, gate=waiver.gate, change=change.code)
    if is_running(change):
        lapse_open(
            change=change,
            key=f"waiver:{waiver.pk}",
            text=f"The waiver of {waiver.gate} ended while the version runs.",
            waiver=waiver,
            now=now,
        )
    change_refresh(change=change, by=None, now=now)
    return True
