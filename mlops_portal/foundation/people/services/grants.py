"""Role grants: the record of rights; guardian's rows are derived from it, here and nowhere else."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet

from mlops_portal.foundation.errors import NotAllowed, invalid
from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock, lock_all
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people import events  # noqa: F401  (registers the verbs)
from mlops_portal.foundation.people.behind import LINGERS, behind, people_behind
from mlops_portal.foundation.people.gates import Granting, grant_gates
from mlops_portal.foundation.people.models import (
    ApiToken,
    BusinessUnit,
    RoleGrant,
    ServiceAccount,
    UnitClosure,
    UnitUserRight,
    User,
)
from mlops_portal.foundation.people.rights import forget_rights, require, rights_of
from mlops_portal.foundation.people.roles import ROLES, TOXIC_PAIRS
from mlops_portal.foundation.people.services.units import bump_revision
from mlops_portal.foundation.rules import Blocker, refuse_if

ADMINISTRATOR = "administrator"
COUNTS_AS_ACCOUNT = "Whoever owns a service account, or made a live token of it, counts as the account."
BY_TWO = frozenset({ADMINISTRATOR, *(name for name, role in ROLES.items() if role.deciding)})


def living(now: datetime) -> QuerySet[RoleGrant]:
    """Return the grants that are neither revoked nor ended by their date; some wait for a second person."""
    return RoleGrant.objects.filter(revoked_at__isnull=True).exclude(valid_until__lte=now)


def waiting(now: datetime) -> QuerySet[RoleGrant]:
    """Return the grants that wait for a second person."""
    return living(now).filter(role__in=BY_TWO, confirmed_at__isnull=True, is_effective=False)


def is_waiting(grant: RoleGrant, now: datetime) -> bool:
    """Tell whether a grant waits for a second person: it was fixed when it was made that it needs one."""
    open_still = grant.confirmed_at is None and grant.revoked_at is None and not grant.is_effective
    return open_still and grant.role in BY_TWO and (grant.valid_until is None or now < grant.valid_until)


def _related_units(unit_id: int) -> set[int]:
    above = UnitClosure.objects.filter(descendant_id=unit_id).values_list("ancestor_id", flat=True)
    below = UnitClosure.objects.filter(ancestor_id=unit_id).values_list("descendant_id", flat=True)
    return set(above) | set(below)


def identities_of(user: User, *, now: datetime) -> frozenset[int]:
    """Return the people behind ``user`` with every service account they act through: they count as one (RULES 1.7)."""
    people = people_behind(
        user, since=now + LINGERS
    )  # roles are for what comes: what was revoked acts no more then
    live = ApiToken.objects.filter(created_by__in=people, revoked_at__isnull=True, expires_at__gt=now)
    accounts = ServiceAccount.objects.filter(
        Q(owner__in=people) | Q(pk__in=live.values("account_id")), deactivated_at__isnull=True
    )
    return frozenset({user.pk, *people, *accounts.values_list("user_id", flat=True)})


def grant_blockers(
    *, user: User, role: str, unit: BusinessUnit | None, model_id: int | None, now: datetime
) -> list[Blocker]:
    """Why ``user`` may not hold ``role`` there: what else they, or an account of theirs, hold or do (RULES 1.3)."""
    identities = identities_of(user, now=now)
    blockers = []
    for other, holders in _clashing(role, unit.pk if unit else None, identities, now):
        why = "" if holders == {user.pk} else f" {COUNTS_AS_ACCOUNT}"
        labels = f"{ROLES[role].label} and {ROLES[other].label.lower()}"
        blockers.append(
            Blocker(
                "toxic_pair",
                f"{labels} may not be held by one person.{why} Revoke the {ROLES[other].label.lower()} first, "
                "or give this role to somebody else.",
            )
        )
    question = Granting(person=user, identities=identities, role=role, unit=unit, model_id=model_id)
    return blockers + [blocker for gate in grant_gates for blocker in gate(question)]


def _clashing(
    role: str, unit_id: int | None, identities: Collection[int], now: datetime
) -> list[tuple[str, set[int]]]:
    """Return which roles that these hold may not be held beside ``role`` there, each with its holders."""
    held = living(now).filter(user__in=identities)
    if unit_id is not None:
        held = held.filter(Q(unit_id__in=_related_units(unit_id)) | Q(model_id__isnull=False))
    holders: dict[str, set[int]] = defaultdict(set)
    for other, holder_id in held.values_list("role", "user_id"):
        if frozenset({role, other}) in TOXIC_PAIRS:
            holders[other].add(holder_id)
    return sorted(holders.items())


def account_blockers(account: ServiceAccount, *, person: User, now: datetime) -> list[Blocker]:
    """Why ``person`` may not act through an account: a role of it and one of theirs may not meet (RULES 1.3, 1.7)."""
    identities = identities_of(person, now=now) - {account.user_id}
    found = {
        (grant.role, other)
        for grant in living(now).filter(user=account.user_id)
        for other, _ in _clashing(grant.role, grant.unit_id, identities, now)
    }
    return [
        Blocker(
            "toxic_pair",
            f"{account} is {ROLES[role].label.lower()} and {person.name} {ROLES[other].label.lower()}, which may not "
            f"be held by one person. {COUNTS_AS_ACCOUNT}",
            "somebody else",
        )
        for role, other in sorted(found)
    ]


def rederive(user: User) -> None:
    """Make guardian's rows of one person equal to their effective grants, one change of them after the other."""
    lock_all(User.objects.all(), [user.pk], keeps_key=True)
    content_type = ContentType.objects.get_for_model(BusinessUnit)
    ids = dict(Permission.objects.filter(content_type=content_type).values_list("codename", "pk"))
    wanted = {
        (ids[name], unit_id)
        for role, unit_id in RoleGrant.objects.filter(
            user=user, is_effective=True, unit__isnull=False
        ).values_list("role", "unit_id")
        for name in ROLES[role].rights
        if name in ids
    }
    rows = {
        (row.permission_id, row.content_object_id): row.pk for row in UnitUserRight.objects.filter(user=user)
    }
    UnitUserRight.objects.filter(pk__in=[pk for key, pk in rows.items() if key not in wanted]).delete()
    UnitUserRight.objects.bulk_create(
        UnitUserRight(user=user, permission_id=permission, content_object_id=unit)
        for permission, unit in wanted - rows.keys()
    )
    forget_rights(user)
    bump_revision()


def needs_second(grant: RoleGrant) -> bool:
    """Tell whether two people make this grant: deciding roles, and administrators once there are two.

    Whoever makes administrators alone makes the second person that every deciding role waits for. Who is deactivated
    is no second person; that is why an active administrator is not deactivated before the role is revoked.
    """
    if ROLES[grant.role].deciding:
        return True
    if grant.role != ADMINISTRATOR or grant.granted_by_id is None:
        return False
    others = RoleGrant.objects.filter(
        role=ADMINISTRATOR,
        is_effective=True,
        granted_at__lt=grant.granted_at,
        user__is_active=True,
        user__kind=User.Kind.PERSON,
    ).exclude(user_id__in=[grant.granted_by_id, grant.user_id])
    if grant.unit_id is not None:
        above = UnitClosure.objects.filter(descendant_id=grant.unit_id).values("ancestor_id")
        others = others.filter(unit_id__in=above)
    return others.exists()


def grants_there(person: User, *, unit_id: int | None, model_id: int | None) -> bool:
    """Tell whether a person grants on this unit or model; those who grant everywhere also grant on one model."""
    rights = rights_of(person)
    if unit_id is None and rights.everywhere("people.grant"):
        return True
    return rights.has("people.grant", unit_id=unit_id, model_id=model_id)


def _require_over(unit_id: int | None, model_id: int | None, by: User | None) -> None:
    """Refuse machines, and whoever may not grant there."""
    if by is None or (by.is_person and grants_there(by, unit_id=unit_id, model_id=model_id)):
        return
    if not by.is_person:
        raise NotAllowed("Roles are granted, confirmed and revoked by people, not by service accounts.")
    require(by, "people.grant", unit_id=unit_id, model_id=model_id)


def lock_behind(users: Collection[User], *, now: datetime) -> None:
    """Let what is given to people, or to accounts that they act through, wait for each other: together it may be toxic.

    Accounts are locked before people: who stands behind them is fixed only then.
    """
    # Their key stays: what somebody else writes at this moment may name them.
    machines = {user.pk for user in users if not user.is_person}
    if machines:
        lock_all(User.objects.all(), machines, keeps_key=True)
    people = {user.pk for user in users if user.is_person} | behind(machines).people(machines, since=now)
    lock_all(User.objects.all(), people, keeps_key=True)


def _is_effective(grant: RoleGrant, now: datetime) -> bool:
    confirmed = grant.confirmed_at is not None or not needs_second(grant)
    in_time = grant.valid_from <= now and (grant.valid_until is None or now < grant.valid_until)
    return confirmed and in_time and grant.revoked_at is None


def _emit(
    verb: str, grant: RoleGrant, by: User | None, now: datetime, reason: str = "", **more: int | None
) -> None:
    emit(
        DomainEvent(
            verb=verb,
            subject_label="foundation.RoleGrant",
            subject_id=str(grant.pk),
            actor_id=str(by.pk) if by else None,
            occurred_at=now,
            unit_id=grant.unit_id,
            model_id=grant.model_id,
            data={"role": grant.role, "person": str(grant.user), "reason": reason, **more},
        )
    )


@operation
def role_grant(
    *,
    user: User,
    role: str,
    unit: BusinessUnit | None = None,
    model_id: int | None = None,
    valid_until: datetime | None = None,
    reason: str,
    by: User | None,
    now: datetime,
) -> RoleGrant:
    """Grant ``role`` on a unit's subtree or, by exception, on one model.

    A deciding role, and an administrator's, takes effect only when a second person confirms it (`needs_second`).

    Raises:
        RuleViolation: a toxic pair, what an app above objects to, oneself, or a role that decides for an account.
        Invalid: unknown role, neither or both scopes, an end in the past.
    """
    if role not in ROLES:
        raise invalid("role", f"There is no role {role}.")
    if (unit is None) == (model_id is None):
        raise invalid("unit", "A role is granted either on a unit or on one model.")
    if valid_until is not None and valid_until <= now:
        raise invalid("valid_until", "The end is in the past.")
    _require_over(unit.pk if unit else None, model_id, by)
    if by is not None and by.pk == user.pk:
        refuse_if([Blocker("own_grant", "Nobody grants a role to themselves.", "another administrator")])
    if not user.is_person and ROLES[role].deciding:
        message = f"A service account does not decide, so it cannot be {ROLES[role].label.lower()}."
        refuse_if([Blocker("machine", message, "a person")])
    lock_behind([user], now=now)
    refuse_if(grant_blockers(user=user, role=role, unit=unit, model_id=model_id, now=now))
    grant = RoleGrant(
        user=user,
        role=role,
        unit=unit,
        model_id=model_id,
        valid_from=now,
        valid_until=valid_until,
        reason=reason,
        granted_by=by,
        granted_at=now,
    )
    grant.is_effective = _is_effective(grant, now)
    save_as(grant, by=by, now=now, reason=reason)
    _emit("people.grant_made", grant, by, now, reason)
    rederive(user)
    return grant


def second_person_blockers(grant: RoleGrant, *, by: User, now: datetime) -> list[Blocker]:
    """Why ``by`` is not asked as the second person of a grant: it is settled, over, or theirs."""
    blockers = []
    if grant.confirmed_at is not None:
        blockers.append(Blocker("confirmed", "This role is confirmed already."))
    elif grant.revoked_at is not None:
        ended = "declined" if grant.decline_reason else "revoked"
        blockers.append(Blocker(ended, f"This role was {ended}."))
    elif grant.valid_until is not None and grant.valid_until <= now:
        blockers.append(Blocker("ended", "The last day of this role has passed. Grant it anew."))
    elif not is_waiting(grant, now):
        blockers.append(Blocker("not_waiting", "This role needs no second person. Revoke it instead."))
    if by.pk in (grant.granted_by_id, grant.user_id):
        blockers.append(Blocker("same_person", "Somebody other than the granter and the holder confirms."))
    return blockers


def confirmation_blockers(grant: RoleGrant, *, by: User, now: datetime) -> list[Blocker]:
    """Why ``by`` may not confirm a grant now; what the holder holds or does by now counts as when it was made."""
    blockers = second_person_blockers(grant, by=by, now=now)
    if grant.user is None or blockers:
        return blockers
    return grant_blockers(user=grant.user, role=grant.role, unit=grant.unit, model_id=grant.model_id, now=now)


@operation
def grant_confirm(*, grant: RoleGrant, by: User, now: datetime) -> RoleGrant:
    """Confirm a role as the second person; only then it takes effect.

    Raises:
        RuleViolation: confirmed or revoked already, by the same person, or what the holder holds or does by now.
    """
    grant = lock(RoleGrant.objects.all(), grant.pk)
    _require_over(grant.unit_id, grant.model_id, by)
    if grant.user:
        lock_behind([grant.user], now=now)
    refuse_if(confirmation_blockers(grant, by=by, now=now))
    grant.confirmed_by, grant.confirmed_at = by, now
    grant.is_effective = _is_effective(grant, now)
    save_as(
        grant, by=by, now=now, reason="Confirmed", fields=["confirmed_by", "confirmed_at", "is_effective"]
    )
    _emit("people.grant_confirmed", grant, by, now)
    if grant.user:
        rederive(grant.user)
    return grant


def needs_second_to_revoke(grant: RoleGrant, *, by: User) -> bool:
    """Tell whether ``by`` alone may not take this role away: another active administrator's (RULES 1.3).

    Whoever could, would be the only administrator and appoint the next alone.
    """
    return (
        grant.role == ADMINISTRATOR
        and grant.is_effective
        and grant.user is not None
        and grant.user_id != by.pk
        and grant.user.is_active
        and grant.user.is_person
    )


def revocation_asker(grant: RoleGrant) -> User | None:
    """Return who asked for the revocation, while they still grant there; an asker who left counts no more."""
    asker = grant.revocation_asked_by if grant.revoked_at is None else None
    return asker if asker and grants_there(asker, unit_id=grant.unit_id, model_id=grant.model_id) else None


@operation
def grant_decline(*, grant: RoleGrant, reason: str, by: User, now: datetime) -> RoleGrant:
    """End a role that waits for a second person, as that person, and tell the granter why.

    Raises:
        RuleViolation: it waits for nobody, or for somebody else.
        Invalid: no reason.
    """
    grant = lock(RoleGrant.objects.all(), grant.pk)
    _require_over(grant.unit_id, grant.model_id, by)
    refuse_if(second_person_blockers(grant, by=by, now=now))
    if not (reason := reason.strip()):
        raise invalid("reason", "Say why you decline: the person who granted the role reads it.")
    grant.revoked_by, grant.revoked_at, grant.decline_reason, grant.is_effective = by, now, reason, False
    save_as(
        grant,
        by=by,
        now=now,
        reason=reason,
        fields=["revoked_by", "revoked_at", "decline_reason", "is_effective"],
    )
    _emit("people.grant_declined", grant, by, now, reason)
    return grant


@operation
def grant_revoke(*, grant: RoleGrant, reason: str, by: User, now: datetime) -> RoleGrant:
    """End a role at once; an active administrator's is only asked for, and ends when a second person revokes it, too.

    The holder may be that person. The returned grant tells by ``revoked_at`` whether it ended.

    Raises:
        RuleViolation: revoked already, or the same person asked for it already.
    """
    grant = lock(RoleGrant.objects.select_related("user", "revocation_asked_by"), grant.pk)
    _require_over(grant.unit_id, grant.model_id, by)
    refuse_if([Blocker("revoked", "This role was revoked already.")] if grant.revoked_at else [])
    if needs_second_to_revoke(grant, by=by):
        asker = revocation_asker(grant)
        if asker is None:
            return _ask_revocation(grant, reason, by, now)
        if asker.pk == by.pk:
            message = "You asked for this already. A second person revokes the role of an administrator."
            refuse_if([Blocker("same_person", message, "another administrator, or the holder")])
    asker = revocation_asker(grant)
    agreed = asker is not None and asker.pk != by.pk and needs_second_to_revoke(grant, by=asker)
    grant.revoked_by, grant.revoked_at, grant.is_effective = by, now, False
    save_as(grant, by=by, now=now, reason=reason, fields=["revoked_by", "revoked_at", "is_effective"])
    asked_by = grant.revocation_asked_by_id
    _emit("people.grant_revoked", grant, by, now, reason, asked_by=asked_by, agreed=agreed)
    if grant.user:
        rederive(grant.user)
    return grant


ASKED = ["revocation_asked_by", "revocation_asked_at", "revocation_reason"]


def _ask_revocation(grant: RoleGrant, reason: str, by: User, now: datetime) -> RoleGrant:
    grant.revocation_asked_by, grant.revocation_asked_at, grant.revocation_reason = by, now, reason
    save_as(grant, by=by, now=now, reason=reason, fields=ASKED)
    _emit("people.revocation_asked", grant, by, now, reason)
    return grant


@operation
def revocation_decline(*, grant: RoleGrant, reason: str, by: User, now: datetime) -> RoleGrant:
    """Keep a role whose revocation was asked for: the asker takes it back, or another administrator declines.

    Raises:
        RuleViolation: nobody asked, or the holder would keep the own role.
    """
    grant = lock(RoleGrant.objects.select_related("revocation_asked_by"), grant.pk)
    _require_over(grant.unit_id, grant.model_id, by)
    blockers = []
    if grant.revoked_at is not None or grant.revocation_asked_by is None:
        blockers.append(Blocker("not_asked", "Nobody asks for the revocation of this role."))
    if by.pk == grant.user_id:
        blockers.append(Blocker("own_grant", "The holder may agree to the revocation, not decline it."))
    refuse_if(blockers)
    asked_by = grant.revocation_asked_by_id
    grant.revocation_asked_by, grant.revocation_asked_at, grant.revocation_reason = None, None, ""
    save_as(grant, by=by, now=now, reason=reason, fields=ASKED)
    _emit("people.revocation_declined", grant, by, now, reason, asked_by=asked_by)
    return grant


@operation
def grants_refresh(*, now: datetime) -> int:
    """End grants whose time has come; returns how many. Run by the scheduler. None begins without a person's act."""
    ended, changed = 0, {}
    due = RoleGrant.objects.filter(is_effective=True, valid_until__lte=now).order_by("pk")
    for pk in list(due.values_list("pk", flat=True)):
        grant = lock(RoleGrant.objects.select_related("user"), pk)
        if not grant.is_effective:  # it was revoked since
            continue
        grant.is_effective = False
        save_as(grant, by=None, now=now, reason="Ended by its dates", fields=["is_effective"])
        _emit("people.grant_expired", grant, None, now)
        if grant.user:
            changed[grant.user.pk] = grant.user
        ended += 1
    # After all grants: whoever revokes one locks it before its holder.
    lock_behind(list(changed.values()), now=now)
    for user in changed.values():
        rederive(user)
    return ended
