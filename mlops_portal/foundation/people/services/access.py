"""Access that somebody asks for after a refusal: told to those who can grant it, decided by one of them."""

from datetime import datetime, timedelta

from django.urls import reverse

from mlops_portal.foundation.errors import Conflict, invalid
from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people import events  # noqa: F401  (registers the verbs)
from mlops_portal.foundation.people.models import AccessRequest, BusinessUnit, User
from mlops_portal.foundation.people.rights import declared, holders, label_of, require, rights_of
from mlops_portal.foundation.people.roles import ROLES, Role
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.rules import Blocker, RuleViolation, refuse_if
from mlops_portal.foundation.web.notifications import notify
from mlops_portal.foundation.web.settling import Ask

GRANTS = "people.grant"
DECIDE_ACCESS = Ask("people.decide_access", GRANTS)
A_DAY = 5  # requests one person may make in 24 hours
REASON_AT_LEAST = 10


def granters(unit: BusinessUnit, *, other_than: User | None = None) -> list[User]:
    """People who can grant a role on the unit, by name."""
    return [
        person
        for person in holders(GRANTS, unit_id=unit.pk)
        if other_than is None or person.pk != other_than.pk
    ]


def access_to_decide(user: User) -> list[AccessRequest]:
    """Requests that wait for somebody such as ``user``, the oldest first."""
    rows = AccessRequest.objects.filter(
        unit_id__in=rights_of(user).units(GRANTS), state=AccessRequest.State.ASKED
    ).exclude(person_id=user.pk)
    return list(rows.select_related("person", "unit").order_by("asked_at", "pk")[:100])


def roles_with(right: str) -> list[Role]:
    """Roles that hold the right, those with the fewest rights first."""
    return sorted(
        (role for role in ROLES.values() if right in role.rights),
        key=lambda role: (role.deciding, len(role.rights), role.name),
    )


def _emit(verb: str, access: AccessRequest, by: User, now: datetime, **more: str) -> None:
    emit(
        DomainEvent(
            verb=verb,
            subject_label="foundation.AccessRequest",
            subject_id=str(access.pk),
            actor_id=str(by.pk),
            occurred_at=now,
            unit_id=access.unit_id,
            data={"right": access.right, "person": str(access.person), **more},
        )
    )


@operation
def access_ask(
    *, right: str, unit: BusinessUnit, reason: str, by: User, now: datetime, path: str = ""
) -> AccessRequest:
    """Ask for a right on a unit; those who can grant it are told.

    Raises:
        Invalid: the right does not exist, or the reason says nothing.
        RuleViolation: held already, asked already, too often in a day, or nobody can grant it.
    """
    if right not in {one.name for one in declared()}:
        raise invalid("right", f"There is no right {right}.")
    reason = reason.strip()
    if len(reason) < REASON_AT_LEAST:
        raise invalid("reason", f"Say what for, in at least {REASON_AT_LEAST} characters.")
    lock(User.objects.all(), by.pk)  # two requests of one person wait for each other
    own = AccessRequest.objects.filter(person=by)
    told = granters(unit, other_than=by)
    blockers = []
    if not by.is_active or not by.is_person:
        blockers.append(Blocker("no_person", "Only people ask for access; accounts are given roles."))
    if rights_of(by).has(right, unit_id=unit.pk):
        blockers.append(Blocker("held", f"You hold this right on {unit} already."))
    if own.filter(right=right, unit=unit, state=AccessRequest.State.ASKED).exists():
        blockers.append(Blocker("asked", "You asked for this already; it waits for a decision.", names(told)))
    if own.filter(asked_at__gt=now - timedelta(days=1)).count() >= A_DAY:
        blockers.append(Blocker("too_many", f"You asked {A_DAY} times in a day. Ask again tomorrow."))
    if not told:
        blockers.append(
            Blocker("nobody_grants", f"Nobody can grant roles on {unit}.", "whoever runs the portal")
        )
    refuse_if(blockers)
    access = AccessRequest(person=by, right=right, unit=unit, path=path[:300], reason=reason, asked_at=now)
    save_as(access, by=by, now=now, reason=reason)
    _emit("people.access_asked", access, by, now)
    notify(
        people=told,
        subject=f"Access to {unit}",
        text=f"{by} asks for the right to {lower_first(label_of(right))} on {unit}: {reason}",
        now=now,
        link=reverse("administration:access-decide", args=[access.pk]),
        tone="warn",
        about=access,
        asks=[DECIDE_ACCESS.of(access.pk)],
    )
    return access


def names(people: list[User]) -> str:
    """Name up to three people."""
    shown = ", ".join(person.name for person in people[:3])
    return shown + (f" or {len(people) - 3} others" if len(people) > 3 else "")


def lower_first(text: str) -> str:
    """Write a sentence's beginning inside another sentence."""
    return text[:1].lower() + text[1:]


def _open(access: AccessRequest, by: User) -> AccessRequest:
    """Lock a request that waits, for somebody who may decide on it."""
    access = lock(AccessRequest.objects.select_related("person", "unit"), access.pk)
    require(by, GRANTS, unit_id=access.unit_id)
    if access.state != AccessRequest.State.ASKED:
        raise Conflict(f"{access.decided_by} decided on this already: {access.get_state_display().lower()}.")
    if by.pk == access.person_id:
        raise RuleViolation([Blocker("own_request", "Nobody decides on a request of their own.")])
    return access


@operation
def access_grant(
    *,
    access: AccessRequest,
    role: str,
    by: User,
    now: datetime,
    valid_until: datetime | None = None,
    note: str = "",
) -> AccessRequest:
    """Give the person a role that holds the right, on the unit that was asked for.

    Raises:
        Conflict: somebody decided already.
        Invalid: the role does not hold the right.
        RuleViolation: a toxic pair, as with every grant.
    """
    access = _open(access, by)
    if role not in {one.name for one in roles_with(access.right)}:
        raise invalid("role", "This role does not allow what was asked for.")
    grant = role_grant(
        user=access.person,
        role=role,
        unit=access.unit,
        valid_until=valid_until,
        reason=note or access.reason,
        by=by,
        now=now,
    )
    access.grant = grant
    waits = "" if grant.is_effective else " It takes effect when a second person confirms it."
    ends = f" until {valid_until:%Y-%m-%d}" if valid_until else ""
    text = f"{by} made you {ROLES[role].label.lower()} on {access.unit}{ends}.{waits} {note}".strip()
    return _decide(access, AccessRequest.State.GRANTED, text, note, by, now, tone="ok", role=role)


@operation
def access_decline(*, access: AccessRequest, note: str, by: User, now: datetime) -> AccessRequest:
    """Refuse with a reason that the person reads.

    Raises:
        Conflict: somebody decided already.
        Invalid: no reason.
    """
    access = _open(access, by)
    if not note.strip():
        raise invalid("note", "Say why; the person reads it.")
    text = f"{by} declined access to {access.unit}: {note}"
    return _decide(access, AccessRequest.State.DECLINED, text, note, by, now, tone="fail")


def _decide(
    access: AccessRequest,
    state: str,
    text: str,
    note: str,
    by: User,
    now: datetime,
    *,
    tone: str,
    **more: str,
) -> AccessRequest:
    access.state, access.decided_by, access.decided_at, access.note = state, by, now, note
    decided = ["state", "decided_by", "decided_at", "note", "grant"]
    save_as(access, by=by, now=now, reason=note or access.get_state_display(), fields=decided)
    verb = "people.access_granted" if state == AccessRequest.State.GRANTED else "people.access_declined"
    _emit(verb, access, by, now, note=note, **more)
    notify(
        people=[access.person],
        subject=f"Access to {access.unit}",
        text=text,
        now=now,
        link=access.path if state == AccessRequest.State.GRANTED and access.path.startswith("/") else "",
        tone=tone,
        about=access,
    )
    return access
