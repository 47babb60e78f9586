"""What a visitor may try as the persona they became: a panel of the home page."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.urls import NoReverseMatch, reverse

from approvals.models import ChangeRequest
from approvals.queries.inbox_page import at_my_stage, conditions_to_verify
from approvals.states import OPEN_STATES, ChangeState
from mlops_portal.demonstration.cast import BY_KEY
from registry.models import RegisteredModel

ROLES_BY_EMAIL = {person.email: frozenset(person.roles) for person in BY_KEY.values()}


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing to try, with the page to do it on."""

    text: str
    url: str
    label: str


def _page(name: str, label: str, text: str) -> Iterable[Hint]:
    """Name a page of the portal, unless this installation does not have it."""
    try:
        yield Hint(text, reverse(name), label)
    except NoReverseMatch:
        return


def _change(text: str, change: ChangeRequest | None) -> Iterable[Hint]:
    if change is not None:
        yield Hint(text, change.get_absolute_url(), f"{change.code} {change.title}")


def _decide(user: Any) -> Iterable[Hint]:
    stages = at_my_stage(user).select_related("change").order_by("change__decided_tier", "change_id")
    ready = stages.filter(change__gates_failed=0).first()
    blocked = stages.filter(change__gates_failed__gt=0).first()
    yield from _change("Evidence is complete: read it, decide and sign.", ready.change if ready else None)
    yield from _change(
        "A gate blocks this one: see why, and which ways are open.", blocked.change if blocked else None
    )
    condition = conditions_to_verify(user).first()
    yield from _change("A condition waits for you to verify it.", condition.change if condition else None)


def _file(user: Any) -> Iterable[Hint]:
    back = (
        ChangeRequest.objects.filter(requester=user, state=ChangeState.CHANGES_REQUESTED)
        .order_by("-pk")
        .first()
    )
    yield from _change("An approver asked for changes: edit and file it again.", back)
    mine = RegisteredModel.objects.inventory().visible_to(user, "approvals.request").filter(developer=user)
    several = Count("versions", filter=Q(versions__deleted_at__isnull=True))
    to_file = mine.exclude(pk__in=ChangeRequest.objects.filter(state__in=OPEN_STATES).values("model_id"))
    rated = to_file.filter(tier__isnull=False).annotate(several=several)
    model = rated.filter(several__gte=2).order_by("-updated_at", "-pk").first()
    if model is not None:
        yield Hint("Compare two versions, then file a change.", model.get_absolute_url(), str(model))


def _operate(user: Any) -> Iterable[Hint]:
    rows = ChangeRequest.objects.visible_to(user).filter(state=ChangeState.APPROVED).order_by("pk")
    yield from _change("Approved: start it.", rows.filter(environment__connector="registry_alias").first())
    yield from _change(
        "Approved, by hand: start it and confirm.", rows.filter(environment__connector="manual").first()
    )
    yield from _page("registry:deployment-list", "Deployments", "See what runs, and roll one back.")


def _own(user: Any) -> Iterable[Hint]:
    yield from _page(
        "registry:model-list", "Models", "Look at your models: what is overdue, what is missing?"
    )


def _manage(user: Any) -> Iterable[Hint]:
    yield from _page("kpis:dashboard", "KPIs", "See the trends, then the rows behind a number.")


def _audit(user: Any) -> Iterable[Hint]:
    rows = ChangeRequest.objects.visible_to(user).filter(
        state=ChangeState.COMPLETED, kind="deploy", decided_tier=1
    )
    yield from _change(
        "Export the evidence of a release and verify it offline.", rows.order_by("-pk").first()
    )
    yield from _page("audits:ledger", "Ledger", "Follow who did what, and verify the record.")
    yield from _page("audits:exports", "Exports", "Build and download a pack.")


def _administer(user: Any) -> Iterable[Hint]:
    yield from _page(
        "administration:people",
        "People",
        "Grant a deciding role, then sign in as the other administrator and confirm it.",
    )


BY_ROLE: Mapping[str, tuple[Callable[[Any], Iterable[Hint]], ...]] = {
    "risk_officer": (_decide,),
    "validator": (_decide,),
    "change_manager": (_decide,),
    "model_owner": (_decide, _own),
    "developer": (_file,),
    "operator": (_operate,),
    "manager": (_manage,),
    "auditor": (_audit,),
    "administrator": (_administer,),
}


def read(user: Any) -> Mapping[str, Any] | None:
    """Return the hints of a person of the demonstration; nobody else gets any."""
    roles = ROLES_BY_EMAIL.get(user.email, frozenset())
    found = [hint for role in sorted(roles) for ask in BY_ROLE.get(role, ()) for hint in ask(user)]
    return {"hints": found} if found else None
