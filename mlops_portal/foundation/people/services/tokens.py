"""Service accounts and their tokens: hashed, scoped, expiring, shown once."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mlops_portal.foundation.errors import Invalid, NotAllowed, invalid
from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people import events  # noqa: F401  (registers the verbs)
from mlops_portal.foundation.people.models import ApiToken, BusinessUnit, ServiceAccount, TokenUse, User
from mlops_portal.foundation.people.rights import declared, label_of, require
from mlops_portal.foundation.people.roles import DECIDING_RIGHTS
from mlops_portal.foundation.people.services.grants import account_blockers, lock_behind
from mlops_portal.foundation.people.services.persons import person_create
from mlops_portal.foundation.people.services.units import bump_revision
from mlops_portal.foundation.rules import refuse_if

PREFIX = "mlp_"
MAX_DAYS = 366
OWNER = "The owner of a service account is a person who is active."


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token and its secret, which nobody can read again later."""

    token: ApiToken
    secret: str


def secret_hash(secret: str) -> str:
    """Return what the database keeps of a secret: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


@operation
def account_create(
    *,
    name: str,
    unit: BusinessUnit,
    owner: User,
    purpose: str = "",
    repository: str = "",
    by: User | None,
    now: datetime,
) -> ServiceAccount:
    """Add a pipeline's identity in ``unit``; ``owner`` counts as the person behind it (RULES 1.7)."""
    require(by, "people.manage_accounts", unit_id=unit.pk)
    if not (owner.is_person and owner.is_active):
        raise invalid("owner", OWNER)
    taken = f"A service account named {name} exists."
    if ServiceAccount.objects.filter(name=name).exists():
        raise invalid("name", taken)
    address = f"{hashlib.sha256(name.encode()).hexdigest()[:16]}@service.invalid"
    try:
        identity = person_create(email=address, name=name, kind=User.Kind.SERVICE, by=by, now=now)
    except Invalid as error:  # the address is made of the name: somebody made the account at the same moment
        raise invalid("name", taken) from error
    account = ServiceAccount(
        name=name, user=identity, owner=owner, unit=unit, purpose=purpose, repository=repository
    )
    save_as(account, by=by, now=now, reason="Service account created")
    _tell("people.account_made", account, by, now, owner=owner.name)
    return account


@operation
def account_hand_over(
    *, account: ServiceAccount, owner: User, reason: str, by: User | None, now: datetime
) -> ServiceAccount:
    """Name another owner; whoever owned it still counts for what it did until now (RULES 1.7).

    Raises:
        RuleViolation: a role of the account and one of the new owner's may not be held by one person.
        Invalid: the owner is no active person, or the same as before.
    """
    require(by, "people.manage_accounts", unit_id=account.unit_id)
    lock_behind([account.user, owner], now=now)
    account = lock(ServiceAccount.objects.select_related("user", "owner"), account.pk)
    if not (owner.is_person and owner.is_active):
        raise invalid("owner", OWNER)
    if owner == account.owner:
        raise invalid("owner", f"{owner.name} owns it already.")
    refuse_if(account_blockers(account, person=owner, now=now))
    earlier, account.owner = account.owner, owner
    save_as(account, by=by, now=now, reason=reason, fields=["owner"])
    bump_revision()
    more = {"earlier_owner": earlier.pk, "reason": reason}
    _tell("people.account_handed_over", account, by, now, owner=owner.name, **more)
    return account


@operation
def token_create(
    *, account: ServiceAccount, label: str, scopes: list[str], days: int, by: User | None, now: datetime
) -> NewToken:
    """Make a token limited to ``scopes`` (right names) that ends after ``days``.

    Raises:
        NotAllowed: a machine makes it: whoever holds a token acts through the account, and that is a person.
        RuleViolation: a role of the account and one of the maker's may not be held by one person.
        Invalid: an unknown scope, one that decides, no scope, or more than a year.
    """
    require(by, "people.manage_accounts", unit_id=account.unit_id)
    if by is not None and not by.is_person:
        raise NotAllowed("Tokens are made by people, not by service accounts.")
    maker = by or account.owner
    lock_behind([account.user, maker], now=now)
    refuse_if(account_blockers(account, person=maker, now=now))
    unknown = sorted(set(scopes) - {right.name for right in declared()})
    if unknown or not scopes:
        raise invalid(
            "scopes", f"Unknown scopes: {', '.join(unknown)}." if unknown else "Choose at least one scope."
        )
    if deciding := sorted(label_of(name) for name in set(scopes) & DECIDING_RIGHTS):
        raise invalid("scopes", f"A machine decides nothing, so no token is made for: {', '.join(deciding)}.")
    if not 1 <= days <= MAX_DAYS:
        raise invalid("days", f"A token lives 1 to {MAX_DAYS} days.")
    prefix = secrets.token_hex(4)
    secret = f"{PREFIX}{prefix}_{secrets.token_urlsafe(32)}"
    token = ApiToken(
        account=account,
        label=label,
        prefix=prefix,
        secret_sha256=secret_hash(secret),
        scopes=sorted(set(scopes)),
        created_at=now,
        created_by=maker,
        expires_at=now + timedelta(days=days),
    )
    save_as(token, by=by, now=now, reason="Token made")
    _emit("people.token_made", token, by, now)
    return NewToken(token=token, secret=secret)


@operation
def token_revoke(*, token: ApiToken, reason: str, by: User | None, now: datetime) -> ApiToken:
    """End a token at once."""
    token = lock(ApiToken.objects.select_related("account"), token.pk)
    require(by, "people.manage_accounts", unit_id=token.account.unit_id)
    token.revoked_at = now
    save_as(token, by=by, now=now, reason=reason, fields=["revoked_at"])
    bump_revision()
    _emit("people.token_revoked", token, by, now)
    return token


def _emit(verb: str, token: ApiToken, by: User | None, now: datetime) -> None:
    emit(
        DomainEvent(
            verb=verb,
            subject_label="foundation.ApiToken",
            subject_id=str(token.pk),
            actor_id=str(by.pk) if by else None,
            occurred_at=now,
            unit_id=token.account.unit_id,
            data={"label": token.label, "scopes": token.scopes},
        )
    )


def _tell(verb: str, account: ServiceAccount, by: User | None, now: datetime, **data: Any) -> None:
    emit(
        DomainEvent(
            verb=verb,
            subject_label="foundation.ServiceAccount",
            subject_id=str(account.pk),
            actor_id=str(by.pk) if by else None,
            occurred_at=now,
            unit_id=account.unit_id,
            data={"account": account.name, **data},
        )
    )


def token_find(secret: str, *, now: datetime) -> ApiToken | None:
    """Return the live token of a secret, or None. Compares in constant time."""
    if not secret.startswith(PREFIX):
        return None
    prefix = secret[len(PREFIX) :].partition("_")[0]
    token = ApiToken.objects.select_related("account__user", "account__owner").filter(prefix=prefix).first()
    if token is None or not hmac.compare_digest(token.secret_sha256, secret_hash(secret)):
        return None
    live = token.revoked_at is None and now < token.expires_at and token.account.deactivated_at is None
    active = token.account.user.is_active and token.account.owner.is_active
    return token if live and active else None


def token_touch(token: ApiToken, *, now: datetime) -> None:
    """Note the use of a token, at most once an hour."""
    use = TokenUse.objects.filter(token=token).first()
    if use is None:
        TokenUse.objects.get_or_create(token=token, defaults={"last_used_at": now})
    elif now - use.last_used_at > timedelta(hours=1):
        TokenUse.objects.filter(pk=use.pk).update(last_used_at=now)
