"""Threshold sets: limits proposed by one, approved and locked by another of the second line (RULES 3.2)."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Max

from mlops_portal.foundation.errors import FieldError, Invalid, invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from registry import policies
from registry.events import tell
from registry.models import RegisteredModel, ThresholdSet
from registry.services import fields as plain_fields
from registry.services.living import lock_living
from registry.states import ReviewState

DIRECTIONS = ("min", "max")
STEPS = ("release", "watch", "stop", "act")
KEYS = {"code", "title", "metric", "segment", "suite", "direction", "blocking", *STEPS}


def limit_errors(limits: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    """Return what is wrong with limits, by row and field."""
    errors = [] if limits else [FieldError("limits", "At least one limit is required.")]
    codes: set[str] = set()
    for place, row in enumerate(limits, start=1):
        if not isinstance(row, Mapping):
            errors.append(FieldError(f"row {place}", "An object is expected."))
            continue
        errors += [FieldError(f"row {place}, {name}", message) for name, message in _row_errors(row)]
        code = str(row.get("code", ""))
        if code in codes:
            errors.append(FieldError(f"row {place}, code", f"{code} occurs twice."))
        codes.add(code)
    return errors


def _row_errors(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    errors = [(str(name), "There is no such field.") for name in sorted(map(str, row.keys() - KEYS))]
    errors += [
        (name, "A text is required.")
        for name in ("code", "metric")
        if not isinstance(row.get(name), str) or not row[name].strip()
    ]
    errors += [
        (name, "A text is expected.")
        for name in ("title", "segment", "suite")
        if name in row and not isinstance(row[name], str)
    ]
    if not isinstance(row.get("blocking", True), bool):
        errors.append(("blocking", "Say true or false."))
    if row.get("direction") not in DIRECTIONS:
        errors.append(("direction", "Say min (not below) or max (not above)."))
    for name in STEPS:
        value = row.get(name)
        if value is not None and not _is_number(value):
            errors.append((name, "A number is expected."))
    if row.get("release") is None:
        errors.append(("release", "The release limit is required."))
    return errors


def _is_number(value: Any) -> bool:
    """Tell whether a measure can be compared with it: a whole number beyond every measure is no limit."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


@operation
def threshold_set_propose(
    *,
    model: RegisteredModel,
    limits: Sequence[Mapping[str, Any]],
    by: User | None,
    now: datetime,
    rationale: str = "",
    proposed_by: User | None = None,
) -> ThresholdSet:
    """Propose limits: a list of {code, metric, direction, release} with title, segment, suite, watch, stop, act, blocking.

    Where a limit does not say its suite, or whether it blocks, it keeps what the limit of that code says by now.

    Raises:
        Invalid: naming row and field.
        RuleViolation: a proposal awaits approval already.
    """
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    proposer = by or proposed_by
    if proposer is None:
        raise invalid("proposed_by", "Limits name the person who proposes them.")
    if errors := limit_errors(limits):
        raise Invalid(errors)
    if ThresholdSet.objects.filter(model=model, state=ReviewState.PROPOSED).exists():
        refuse_if(
            [Blocker("open_limits", "Limits of this model await approval.", "a validator or risk officer")]
        )
    last = ThresholdSet.objects.filter(model=model).aggregate(last=Max("number"))["last"] or 0
    kept = _kept(model)
    usual = {"segment": "", "suite": "", "blocking": True}
    rows = [{**usual, **kept.get(row["code"], {}), "title": row["code"], **row} for row in limits]
    proposed = ThresholdSet(
        model=model, unit_id=model.unit_id, number=last + 1, proposed_by=proposer, proposed_at=now
    )
    plain_fields.assign(proposed, {"limits": rows, "rationale": rationale}, allowed=("limits", "rationale"))
    save_as(proposed, by=by, now=now, reason=rationale or "Limits proposed")
    tell("limits_proposed", proposed, by=by, now=now, number=proposed.number)
    return proposed


def _kept(model: RegisteredModel) -> dict[str, dict[str, Any]]:
    """Return suite and blocking by code of the limits in force, else of the newest proposal."""
    sets = list(ThresholdSet.objects.filter(model=model).order_by("-number"))
    earlier = next((one for one in sets if one.state == ReviewState.APPROVED), sets[0] if sets else None)
    return {
        row["code"]: {name: row[name] for name in ("suite", "blocking") if name in row}
        for row in (earlier.limits if earlier else ())
    }


@operation
def threshold_set_lock(*, limits: ThresholdSet, by: User, now: datetime) -> ThresholdSet:
    """Approve and lock limits as the second person; they supersede the set that was in force.

    Raises:
        RuleViolation: decided already, or by the proposer, owner or developer.
    """
    limits = _locked(limits, by)
    for earlier in ThresholdSet.objects.filter(model=limits.model, state=ReviewState.APPROVED).order_by("pk"):
        earlier.state = ReviewState.SUPERSEDED
        save_as(earlier, by=by, now=now, reason=f"Superseded by limits {limits.number}", fields=["state"])
    limits.state, limits.locked_by, limits.locked_at = ReviewState.APPROVED, by, now
    save_as(limits, by=by, now=now, reason="Limits locked", fields=["state", "locked_by", "locked_at"])
    tell("limits_locked", limits, by=by, now=now, number=limits.number)
    return limits


@operation
def threshold_set_decline(*, limits: ThresholdSet, reason: str, by: User, now: datetime) -> ThresholdSet:
    """Decline proposed limits with a reason."""
    limits = _locked(limits, by)
    if not reason.strip():
        raise invalid("reason", "Say why the limits are declined.")
    limits.state = ReviewState.DECLINED
    save_as(limits, by=by, now=now, reason=reason, fields=["state"])
    tell("limits_declined", limits, by=by, now=now, number=limits.number, reason=reason)
    return limits


def _locked(limits: ThresholdSet, by: User) -> ThresholdSet:
    model = lock_living(limits.model_id)
    limits = lock(ThresholdSet.objects.select_related("model", "proposed_by"), limits.pk)
    require(by, "registry.lock_thresholds", unit_id=model.unit_id, model_id=model.pk)
    refuse_if(policies.limits_decision_blockers(limits, by=by))
    return limits
