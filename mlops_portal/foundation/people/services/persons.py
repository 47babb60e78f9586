"""People: created by administrators, never deleted, only deactivated."""

from datetime import datetime

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string

from mlops_portal.foundation.errors import NotAllowed, invalid
from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation, taken_is_told
from mlops_portal.foundation.people import events  # noqa: F401  (registers the verbs)
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require, rights_of
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.people.services.grants import living
from mlops_portal.foundation.people.services.units import bump_revision
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.notifications import notify


@operation
def person_create(
    *,
    email: str,
    name: str,
    job_title: str = "",
    line_manager: User | None = None,
    password: str | None = None,
    kind: str = User.Kind.PERSON,
    by: User | None,
    now: datetime,
) -> User:
    """Add a person; without ``password`` they cannot sign in until one is set.

    Raises:
        Invalid: the address is taken.
    """
    require(by, "people.manage_accounts")
    email = email.strip().lower()
    taken = f"{email} belongs to somebody already."
    if User.objects.filter(email__iexact=email).exists():
        raise invalid("email", taken)
    person = User(
        email=email, name=name, job_title=job_title, line_manager=line_manager, kind=kind, date_joined=now
    )
    if password is None:
        person.set_unusable_password()
    else:
        person.set_password(password)
    with taken_is_told("email", taken):
        return save_as(person, by=by, now=now, reason="Person created")


def _require_over(person: User, by: User | None) -> None:
    """Refuse administrators of a part who reach for somebody with a role outside of it.

    Who can make a password link or end access over a person has that person's rights in their hands.
    """
    require(by, "people.manage_accounts")
    if by is None or rights_of(by).everywhere("people.manage_accounts"):
        return
    held = living(timezone.now()).filter(user=person).values_list("unit_id", flat=True)
    if not rights_of(by).units("people.manage_accounts").issuperset(held):
        raise NotAllowed(f"{person.name} holds a role outside of the units you administer.")


def _administers(person: User) -> bool:
    """Tell whether a person is an active administrator somewhere."""
    return person.is_active and person.grants.filter(role="administrator", is_effective=True).exists()


def _administers_by_now(person: User) -> bool:
    """Tell whether an administrator counts as a second person: signed in once, has a password, or granted by two.

    The first administrator makes the second alone, and hands them their first link.
    """
    by_two = person.grants.filter(role="administrator", is_effective=True, confirmed_at__isnull=False)
    is_set_up = person.last_login is not None or person.has_usable_password()
    return _administers(person) and (is_set_up or by_two.exists())


def deactivation_blockers(person: User, *, by: User | None) -> list[Blocker]:
    """Why ``by`` may not deactivate a person now: an administrator's access is not ended by one other alone."""
    if by is None or by.pk == person.pk or not _administers(person):
        return []
    message = (
        "This person is an administrator. Revoke that role first, which takes a second person: "
        "one administrator alone does not become the only one."
    )
    return [Blocker("administrator", message, "another administrator")]


@operation
def person_deactivate(*, person: User, reason: str, by: User | None, now: datetime) -> User:
    """End a person's access at once; their records and signatures stay.

    Raises:
        NotAllowed: the person holds a role outside of the units that ``by`` administers.
        RuleViolation: the person is an active administrator, and ``by`` another.
    """
    _require_over(person, by)
    person = lock(User.objects.all(), person.pk)
    refuse_if(deactivation_blockers(person, by=by))
    person.is_active, person.deactivated_at = False, now
    save_as(person, by=by, now=now, reason=reason, fields=["is_active", "deactivated_at"])
    bump_revision()
    emit(
        DomainEvent(
            verb="people.person_deactivated",
            subject_label="foundation.User",
            subject_id=str(person.pk),
            actor_id=str(by.pk) if by else None,
            occurred_at=now,
            data={"reason": reason},
        )
    )
    return person


def _tell(verb: str, person: User, by: User | None, now: datetime) -> None:
    emit(
        DomainEvent(
            verb=verb,
            subject_label="foundation.User",
            subject_id=str(person.pk),
            actor_id=str(by.pk) if by else None,
            occurred_at=now,
        )
    )


def _notice(person: User, text: str, now: datetime) -> None:
    """Tell the person what became of their means of signing in: whoever did it may not have been they."""
    notify(
        people=[person], subject="Your sign-in", text=text, link=reverse("web:profile"), tone="warn", now=now
    )


CHANGED = {
    "people.authenticator_added": "An authenticator was set up for you.",
    "people.authenticator_removed": "Your authenticator was removed.",
    "people.recovery_codes_made": "New recovery codes were made for you; the earlier ones ended.",
}
NOT_YOU = "If that was not you, tell an administrator at once."


@operation
def credential_changed(*, person: User, verb: str, now: datetime) -> None:
    """Enter that a person changed their authenticator or recovery codes, and tell them."""
    _tell(verb, person, person, now)
    _notice(person, f"{CHANGED[verb]} {NOT_YOU}", now)


@operation
def password_set(*, person: User, password: str, now: datetime) -> User:
    """Set one's own password; the hash is kept nowhere but in the person's row."""
    person.set_password(password)
    person.save(update_fields=["password"])
    _tell("people.password_set", person, person, now)
    _notice(person, f"Your password was set. {NOT_YOU}", now)
    return person


def _decides(person: User) -> bool:
    deciding = [name for name, role in ROLES.items() if role.deciding]
    return person.grants.filter(role__in=deciding, is_effective=True).exists()


@operation
def person_invite(*, person: User, by: User | None, now: datetime) -> str:
    """Make a link's path with which the person sets a password. It ends with its use, or after three days.

    Raises:
        NotAllowed: the person holds a role outside of the units that ``by`` administers.
        RuleViolation: the person is deactivated, or no person at all.
    """
    _require_over(person, by)
    blockers = []
    if not person.is_active:
        blockers.append(Blocker("deactivated", "This person is deactivated."))
    if not person.is_person:
        blockers.append(Blocker("machine", "A service account has tokens and no password."))
    if by is not None and _decides(person):
        message = (
            "This person holds a deciding role. Whoever sees a password link could decide in their place: "
            "they use “Forgot your password”, or the role is revoked first and granted by two again."
        )
        blockers.append(Blocker("deciding_role", message, "the person"))
    if by is not None and by.pk != person.pk and _administers_by_now(person):
        message = (
            "This person is an administrator already. Whoever sees a link that sets a password could be both of "
            "the two people that roles need: they use “Forgot your password”."
        )
        blockers.append(Blocker("administrator", message, "the person"))
    refuse_if(blockers)
    _tell("people.person_invited", person, by, now)
    maker = by.name if by else "The portal"
    _notice(
        person,
        f"{maker} made a link that sets your password. If you did not ask, tell an administrator.",
        now,
    )
    key = f"{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}"
    return reverse(
        "account_reset_password_from_key", kwargs=dict(zip(("uidb36", "key"), key.split("-", 1), strict=True))
    )


@operation
def person_profile_update(
    *, person: User, time_zone: str, shortcuts_off: bool, density: str, now: datetime
) -> User:
    """Change one's own display settings."""
    person = lock(User.objects.all(), person.pk)
    person.time_zone, person.shortcuts_off, person.density = time_zone, shortcuts_off, density
    return save_as(
        person, by=person, now=now, reason="Profile changed", fields=["time_zone", "shortcuts_off", "density"]
    )


def random_password() -> str:
    """Make a password nobody chose."""
    return get_random_string(24)
