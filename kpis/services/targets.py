"""Targets: proposed by one person, approved by another, in force from a day on (RULES 6.1)."""

from datetime import date, datetime
from typing import Any

from kpis import definitions, policies
from kpis.models import KpiTarget
from kpis.reading import zone
from kpis.rights import SET
from kpis.windows import local_day
from mlops_portal.foundation.errors import FieldError, Invalid, NotAllowed, invalid
from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import require, rights_of
from mlops_portal.foundation.rules import refuse_if


def _require(by: User, unit_id: int | None) -> None:
    if unit_id is not None:
        require(by, SET, unit_id=unit_id)
    elif not rights_of(by).everywhere(SET):
        raise NotAllowed("Targets of the whole enterprise are set by those who may set them in every unit.")


@operation
def target_propose(
    *,
    kpi: str,
    unit: BusinessUnit | None,
    tier: int | None,
    value: float,
    green_limit: float,
    amber_limit: float,
    valid_from: date,
    reason: str,
    by: User,
    now: datetime,
) -> KpiTarget:
    """Propose a target from a day on; it holds once another person approved it.

    Raises:
        Invalid: the KPI has no targets, limits contradict each other, the day has passed, or no reason is given.
    """
    _require(by, unit.pk if unit else None)
    try:
        known = definitions.get(kpi)
    except KeyError:
        raise invalid("kpi", f"There is no KPI {kpi}.") from None
    if not known.has_target:
        raise invalid("kpi", f"{known.label} has no target: a model that is stable should not deploy often.")
    errors = policies.limit_errors(known, value=value, green_limit=green_limit, amber_limit=amber_limit)
    if valid_from < (today := local_day(now, zone())):
        errors.append(("valid_from", f"{valid_from} is in the past. The earliest is {today}."))
    if tier is not None and tier not in range(1, 5):
        errors.append(("tier", "Tiers are 1 to 4."))
    if not reason.strip():
        errors.append(("reason", "Say why."))
    if errors:
        raise Invalid([FieldError(where, message) for where, message in errors])
    target = KpiTarget(
        kpi=kpi,
        unit=unit,
        tier=tier,
        value=value,
        green_limit=green_limit,
        amber_limit=amber_limit,
        valid_from=valid_from,
        reason=reason.strip(),
        proposed_by=by,
        proposed_at=now,
    )
    save_as(target, by=by, now=now, reason=reason.strip())
    _tell("target_proposed", target, by=by, now=now, value=value, valid_from=valid_from.isoformat())
    return target


@operation
def target_decide(*, target: KpiTarget, approve: bool, by: User, now: datetime, note: str = "") -> KpiTarget:
    """Approve or decline a target as the second person.

    Raises:
        RuleViolation: decided already, by the proposer, or approved when its first day has passed.
    """
    target = lock(KpiTarget.objects.select_related("unit", "proposed_by"), target.pk)
    _require(by, target.unit_id)
    refuse_if(policies.target_decision_blockers(target, approve=approve, by=by, today=local_day(now, zone())))
    if not approve and not note.strip():
        raise invalid("note", "Say why the target is declined.")
    verb = "target_approved" if approve else "target_declined"
    if approve:
        target.approved_by, target.approved_at = by, now
    else:
        target.declined_by, target.declined_at = by, now
    names = ["approved_by", "approved_at"] if approve else ["declined_by", "declined_at"]
    save_as(target, by=by, now=now, reason=note.strip() or "Target approved", fields=names)
    _tell(verb, target, by=by, now=now, note=note.strip())
    return target


def target_approve(*, target: KpiTarget, by: User, now: datetime, note: str = "") -> KpiTarget:
    """Approve a target as the second person."""
    return target_decide(target=target, approve=True, by=by, now=now, note=note)


def _tell(verb: str, target: KpiTarget, *, by: User, now: datetime, **data: Any) -> None:
    emit(
        DomainEvent(
            verb=f"kpis.{verb}",
            subject_label=target._meta.label,
            subject_id=str(target.pk),
            actor_id=str(by.pk),
            occurred_at=now,
            unit_id=target.unit_id,
            data={"kpi": target.kpi, "tier": target.tier, **data},
        )
    )
