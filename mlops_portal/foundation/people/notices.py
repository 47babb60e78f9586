"""Whom acts of people and rights tell. What becomes of access that was asked for, and of means of signing in, is told
by the services of those themselves.
"""

from collections.abc import Iterable, Mapping, Sequence

from django.urls import reverse

from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.people.models import ApiToken, RoleGrant, ServiceAccount
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.people.services.access import DECIDE_ACCESS
from mlops_portal.foundation.people.services.grants import is_waiting
from mlops_portal.foundation.web.notices import Happening, Place, Receivers, Record, Rule, holders_told, ids
from mlops_portal.foundation.web.notifications import moment
from mlops_portal.foundation.web.settling import Ask, Ending
from mlops_portal.foundation.web.words import sentence

PROFILE = "web:profile"


def _grants(events: Sequence[DomainEvent]) -> Iterable[RoleGrant]:
    return RoleGrant.objects.filter(pk__in=ids(events)).select_related("user", "unit")


def _grant_words(grant: RoleGrant, happening: Happening) -> Mapping[str, str]:
    return {
        "role": ROLES[grant.role].label.lower(),
        "person": str(grant.user or grant.group),
        "where": str(grant.unit) if grant.unit else "one model",
        "waits": "" if grant.is_effective else " It takes effect when a second person confirms it.",
        "reason": sentence(grant.reason),
        "declined": sentence(grant.decline_reason),
    }


def _confirmers(grant: RoleGrant, happening: Happening) -> Iterable[int | None]:
    if grant.unit_id is None or not is_waiting(grant, happening.event.occurred_at):
        return []
    return holders_told(
        "people.grant", unit_id=grant.unit_id, other_than=(grant.granted_by_id, grant.user_id)
    )


def _confirm_page(grant: RoleGrant) -> Place:
    return Place(reverse("administration:grant-confirm", args=[grant.pk]), "people.grant", grant.unit_id)


def _person_page(grant: RoleGrant) -> Place:
    if grant.user_id is None:
        return Place("")
    return Place(reverse("administration:person", args=[grant.user_id]), "people.grant", grant.unit_id)


def _revokers(grant: RoleGrant, happening: Happening) -> Iterable[int | None]:
    if grant.unit_id is None:
        return []
    return holders_told(
        "people.grant", unit_id=grant.unit_id, other_than=(grant.revocation_asked_by_id, grant.user_id)
    )


def _revoke_page(grant: RoleGrant) -> Place:
    return Place(reverse("administration:grant-revoke", args=[grant.pk]), "people.grant", grant.unit_id)


def by_somebody(event: DomainEvent) -> bool:
    """Tell whether a person did it: what is set up with the portal itself is no news to anybody."""
    return event.actor_id is not None


def was_agreed(event: DomainEvent) -> bool:
    """Tell whether a role ended because a second person agreed with whoever asked for it."""
    return bool(event.data.get("agreed"))


GRANT = Record(
    find=_grants,
    subject=lambda grant: f"{ROLES[grant.role].label}, {grant.unit or 'one model'}",
    place=lambda grant: Place(reverse(PROFILE)),
    words=_grant_words,
)
TOKEN = Record(
    find=lambda events: ApiToken.objects.filter(pk__in=ids(events)).select_related("account"),
    about=lambda token: token.account,
    subject=lambda account: f"Service account {account}",
    place=lambda token: Place(""),
    words=lambda token, happening: {
        "label": token.label,
        "account": str(token.account),
        "ends": moment(token.expires_at),
    },
)
ACCOUNT = Record(
    find=lambda events: ServiceAccount.objects.filter(pk__in=ids(events)).select_related("owner", "unit"),
    subject=lambda account: f"Service account {account}",
    place=lambda account: Place(""),
    words=lambda account, happening: {
        "account": str(account),
        "owner": account.owner.name,
        "unit": account.unit.name,
        "reason": sentence(str(happening.data.get("reason", ""))),
    },
)
HOLDER = Receivers("the person", lambda grant, happening: [grant.user_id])
GRANTER = Receivers("who granted it", lambda grant, happening: [grant.granted_by_id])
ASKER = Receivers("who asked for the revocation", lambda grant, happening: [happening.data.get("asked_by")])
CONFIRMERS = Receivers("those who can confirm it", _confirmers)
REVOKERS = Receivers("those who can be the second person", _revokers)
ACCOUNT_OWNER = Receivers(
    "the owner of the service account", lambda token, happening: [token.account.owner_id]
)
NAMED_OWNER = Receivers("the owner named", lambda account, happening: [account.owner_id])
EARLIER_OWNER = Receivers("the owner until now", lambda account, happening: [happening.data["earlier_owner"]])

CONFIRM = Ask("people.confirm", "people.grant")  # a role, as the second person
REVOKE = Ask("people.revoke", "people.grant")  # likewise

ENDINGS = (
    Ending(verb="people.grant_confirmed", ask=CONFIRM, outcome="Confirmed"),
    Ending(verb="people.grant_declined", ask=CONFIRM, outcome="Declined"),
    Ending(verb="people.grant_revoked", ask=CONFIRM, outcome="No longer needed: the role was revoked"),
    Ending(verb="people.grant_expired", ask=CONFIRM, outcome="No longer needed: the role ended"),
    Ending(verb="people.grant_revoked", ask=REVOKE, outcome="Revoked"),
    Ending(verb="people.revocation_declined", ask=REVOKE, outcome="Declined"),
    Ending(verb="people.grant_expired", ask=REVOKE, outcome="No longer needed: the role ended"),
    Ending(verb="people.access_granted", ask=DECIDE_ACCESS, outcome="Granted"),
    Ending(verb="people.access_declined", ask=DECIDE_ACCESS, outcome="Declined"),
)
RULES = (
    Rule(
        verb="people.grant_made",
        about=GRANT,
        when=by_somebody,
        to=(CONFIRMERS,),
        asks=CONFIRM,
        tone="warn",
        text="{by} makes {person} {role} on {where}: {reason} Confirm it as the second person, or leave it.",
        place=_confirm_page,
    ),
    Rule(
        verb="people.grant_made",
        about=GRANT,
        when=by_somebody,
        to=(HOLDER,),
        text="{by} made you {role} on {where}.{waits}",
    ),
    Rule(
        verb="people.grant_confirmed",
        about=GRANT,
        to=(HOLDER,),
        tone="ok",
        text="{by} confirmed that you are {role} on {where}. You may act in this role now.",
    ),
    Rule(
        verb="people.grant_confirmed",
        about=GRANT,
        to=(GRANTER,),
        tone="ok",
        text="{by} confirmed that {person} is {role} on {where}.",
    ),
    Rule(
        verb="people.grant_declined",
        about=GRANT,
        to=(GRANTER,),
        tone="warn",
        text="{by} declined that {person} is {role} on {where}: {declined}",
        place=_person_page,
    ),
    Rule(
        verb="people.grant_revoked",
        about=GRANT,
        to=(HOLDER,),
        tone="warn",
        text="{by} ended your role of {role} on {where}. If you still need it, ask an administrator of the unit.",
    ),
    Rule(
        verb="people.grant_revoked",
        about=GRANT,
        to=(ASKER,),
        when=was_agreed,
        tone="ok",
        text="{by} agreed: {person} is no longer {role} on {where}.",
        place=_person_page,
    ),
    Rule(
        verb="people.grant_revoked",
        about=GRANT,
        to=(ASKER,),
        tone="ok",
        text="{by} ended the role of {role} on {where} that {person} held, as you asked. It needed no second person.",
        place=_person_page,
    ),
    Rule(
        verb="people.revocation_asked",
        about=GRANT,
        to=(REVOKERS, HOLDER),
        asks=REVOKE,
        tone="warn",
        text="{by} asks that {person} is no longer {role} on {where}. It ends when a second person revokes it.",
        place=_revoke_page,
    ),
    Rule(
        verb="people.revocation_declined",
        about=GRANT,
        to=(HOLDER,),
        tone="ok",
        text="{by} kept your role of {role} on {where}, whose end was asked for.",
    ),
    Rule(
        verb="people.revocation_declined",
        about=GRANT,
        to=(ASKER,),
        tone="warn",
        text="{by} declined that {person} is no longer {role} on {where}. The role is kept.",
        place=_person_page,
    ),
    Rule(
        verb="people.grant_expired",
        about=GRANT,
        to=(HOLDER,),
        tone="warn",
        text="Your role of {role} on {where} ended today. If you still need it, ask an administrator of the unit.",
    ),
    Rule(
        verb="people.account_made",
        about=ACCOUNT,
        to=(NAMED_OWNER,),
        tone="warn",
        text="{by} created the service account {account} in {unit} with you as its owner. What it does counts as yours.",
    ),
    Rule(
        verb="people.account_handed_over",
        about=ACCOUNT,
        to=(NAMED_OWNER,),
        tone="warn",
        text="{by} made you the owner of the service account {account}: {reason} What it does counts as yours.",
    ),
    Rule(
        verb="people.account_handed_over",
        about=ACCOUNT,
        to=(EARLIER_OWNER,),
        text="{by} made {owner} the owner of the service account {account}: {reason} What it did until now still counts as yours.",
    ),
    Rule(
        verb="people.token_made",
        about=TOKEN,
        to=(ACCOUNT_OWNER,),
        text="{by} made the token “{label}” of {account}, for which you answer.",
    ),
    Rule(
        verb="people.token_revoked",
        about=TOKEN,
        to=(ACCOUNT_OWNER,),
        tone="warn",
        text="{by} ended the token “{label}” of {account}. What signs in with it stops working.",
    ),
    Rule(
        verb="people.token_ending",
        about=TOKEN,
        to=(ACCOUNT_OWNER,),
        tone="warn",
        text="The token “{label}” of {account} ends on {ends}. What signs in with it needs another one by then.",
    ),
)
