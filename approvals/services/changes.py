"""Change requests before filing and after: drafted, edited, withdrawn, locked."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction

from approvals import policies
from approvals.asked import open_items, with_answers
from approvals.events import tell
from approvals.model_facts.records import OF_MODEL
from approvals.models import ChangeRequest
from approvals.services.dropping import conditions_drop
from approvals.services.stages import stages_pause
from approvals.states import ChangeKind, ChangeState
from mlops_portal.foundation.errors import Conflict, NotFound, invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock, lock_all
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import ServiceAccount, User
from mlops_portal.foundation.people.rights import require, rights_of
from mlops_portal.foundation.rules import refuse_if
from mlops_portal.foundation.web.words import number
from mlops_portal.foundation.years import year_problem
from registry.models import Deployment, Environment, ModelVersion, RegisteredModel
from registry.states import DeploymentState

EDITABLE_STATES = frozenset({ChangeState.DRAFT, ChangeState.CHANGES_REQUESTED})
MAX_TEXT, MAX_BAKE_HOURS = 50_000, 24 * 90
TEXTS = (
    "title", "purpose", "scope", "impact", "risk", "incident", "rollback_plan", "rollback_triggers", "what_changed",
)  # fmt: skip
KEEPS_WAY_BACK = policies.RELEASE_KINDS | {ChangeKind.CONFIGURATION, ChangeKind.RESUME}
RELATED = (
    "unit", "version", "version__registered_by", "environment", "requester", "policy_revision__policy",
)  # fmt: skip


class ChangeFields(TypedDict, total=False):
    """What the requester writes. Everything else follows from records or from the policy."""

    title: str
    purpose: str
    scope: str
    impact: str
    risk: str
    configuration: dict[str, Any]
    incident: str
    window_starts_at: datetime | None
    window_ends_at: datetime | None
    traffic_plan: list[dict[str, Any]]
    bake_hours: float
    rollback_target: ModelVersion | None
    rollback_plan: str
    rollback_triggers: str
    rollback_owner: User | None
    alternatives: list[dict[str, Any]]
    what_changed: str
    predecessor: ChangeRequest | None
    is_substantial_modification: bool | None


def lock_change(pk: int) -> ChangeRequest:
    """Lock the model and then the change, in the order of `foundation.locks`, and return the change with its relations."""
    of_change = ChangeRequest.objects.filter(pk=pk).values("model_id")[:1]
    try:
        model = lock(RegisteredModel.objects.select_related(*OF_MODEL), of_change)
    except NotFound:
        raise NotFound(f"There is no change request CR-{pk}.") from None
    change = lock(ChangeRequest.objects.select_related(*RELATED), pk)
    change.model = model
    return change


def lock_changes(changes: Iterable[ChangeRequest]) -> list[ChangeRequest]:
    """Lock the models of changes and then the changes, each in the order of their keys, and return the changes.

    Raises:
        NotFound: one of them is there no more.
    """
    keys = {change.pk for change in changes}
    of_changes = ChangeRequest.objects.filter(pk__in=keys).values("model_id")
    people = RegisteredModel.objects.select_related(*OF_MODEL)
    models = {model.pk: model for model in lock_all(people, of_changes)}
    locked = lock_all(ChangeRequest.objects.select_related(*RELATED), keys)
    if gone := keys.difference(change.pk for change in locked):
        raise NotFound(f"There is no change request CR-{min(gone)}.")
    for change in locked:
        change.model = models[change.model_id]
    return locked


def change_save(change: ChangeRequest, *, by: User | None, now: datetime, reason: str) -> ChangeRequest:
    """Save a changed row under the next row revision."""
    if not change._state.adding:
        change.row_revision += 1
    change.updated_at = now
    return save_as(change, by=by, now=now, reason=reason)


def require_filing(by: User, *, kind: str, unit_id: int, model_id: int) -> None:
    """Refuse who may not file requests here. Operators file the way back (RULES 5.3)."""
    contains = kind in (ChangeKind.ROLLBACK, ChangeKind.SUSPEND)
    if contains and rights_of(by).has("approvals.rollback", unit_id=unit_id, model_id=model_id):
        return
    require(by, "approvals.request", unit_id=unit_id, model_id=model_id)


@operation
def change_draft(
    *,
    model: RegisteredModel,
    kind: str,
    version: ModelVersion | None = None,
    environment: Environment | None = None,
    by: User,
    now: datetime,
    **fields: Unpack[ChangeFields],
) -> ChangeRequest:
    """Begin a change request. Without a rollback target the version that serves there now becomes it.

    Raises:
        Conflict: a request like this one is open already.
    """
    require_filing(by, kind=kind, unit_id=model.unit_id, model_id=model.pk)
    if kind not in ChangeKind.values:
        raise invalid("kind", f"There is no kind of change called {kind}.")
    _check(model, version, fields)
    _check_place(environment, by)
    live = _live(model, environment)
    if fields.get("rollback_target") is None:
        fields["rollback_target"] = _way_back(kind, version, live)
    change = ChangeRequest(
        model=model,
        unit_id=model.unit_id,
        kind=kind,
        version=version,
        environment=environment,
        requester=by,
        filed_by_account=_account_name(by),
        rolls_back=live if kind == ChangeKind.ROLLBACK else None,
        created_at=now,
        updated_at=now,
    )
    _write(change, fields)
    change.title = change.title or _title(change)
    try:
        with transaction.atomic():
            save_as(change, by=by, now=now, reason="Drafted")
    except IntegrityError as error:
        open_one = ChangeRequest.objects.open().filter(
            model=model, kind=kind, version=version, environment=environment
        )
        known = open_one.first()
        if known is None:
            raise
        raise Conflict(f"{known.code} asks for the same and is open already.") from error
    tell("change_drafted", change, by=by, now=now, kind=kind)
    return change


def _check_place(environment: Environment | None, by: User) -> None:
    if environment is None:
        return
    if not Environment.objects.visible_to(by).filter(pk=environment.pk, closed_at__isnull=True).exists():
        raise invalid("environment", f"{environment} is closed, or belongs to a unit you do not see.")


def _account_name(by: User) -> str:
    if by.is_person:
        return ""
    account = ServiceAccount.objects.filter(user=by).first()
    return account.name if account else ""


def _way_back(kind: str, version: ModelVersion | None, live: Deployment | None) -> ModelVersion | None:
    """Return where one would go back to: what serves now, or for the same version its own approved way back."""
    if live is None or kind not in KEEPS_WAY_BACK:
        return None
    if kind in policies.RELEASE_KINDS and (version is None or live.version_id != version.pk):
        return live.version
    release = ChangeRequest.objects.filter(pk=live.change_id or 0).select_related("rollback_target").first()
    return release.rollback_target if release else None


def _live(model: RegisteredModel, environment: Environment | None) -> Deployment | None:
    if environment is None:
        return None
    serving = (DeploymentState.LIVE, DeploymentState.SUSPENDED)
    rows = Deployment.objects.filter(model=model, environment=environment, state__in=serving)
    return rows.select_related("version").order_by("-started_at", "-pk").first()


def _check(model: RegisteredModel, version: ModelVersion | None, fields: ChangeFields) -> None:
    if version is not None and version.model_id != model.pk:
        raise invalid("version", "The version belongs to another model.")
    target = fields.get("rollback_target")
    if target is not None and target.model_id != model.pk:
        raise invalid("rollback_target", "The rollback target belongs to another model.")
    if target is not None and version is not None and target.pk == version.pk:
        raise invalid("rollback_target", "A version is not its own way back.")
    predecessor = fields.get("predecessor")
    if predecessor is not None and predecessor.model_id != model.pk:
        raise invalid("predecessor", "The earlier request concerns another model.")
    starts, ends = fields.get("window_starts_at"), fields.get("window_ends_at")
    for name, moment in (("window_starts_at", starts), ("window_ends_at", ends)):
        if problem := year_problem(moment):
            raise invalid(name, problem)
    if starts and ends and ends <= starts:
        raise invalid("window_ends_at", "The window ends before it starts.")
    _check_shapes(fields)
    shares = [step.get("percent") for step in fields.get("traffic_plan") or []]
    whole = [share for share in shares if isinstance(share, int) and not isinstance(share, bool)]
    if shares and (whole != shares or sorted(set(whole)) != whole or whole[0] < 1 or whole[-1] != 100):
        raise invalid("traffic_plan", "The shares of the traffic rise and end at 100.")


def _check_shapes(fields: ChangeFields) -> None:
    """Refuse what is not shaped as it is read later, before anything is written."""
    for name in ("traffic_plan", "alternatives"):
        rows = fields.get(name)
        if rows is not None and not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
            raise invalid(name, "Give a list of entries, each with named values.")
    if not isinstance(fields.get("configuration", {}), dict):
        raise invalid("configuration", "Give what changes by name.")
    if not 0 <= fields.get("bake_hours", 0) <= MAX_BAKE_HOURS:
        raise invalid("bake_hours", f"The bake time is 0 to {MAX_BAKE_HOURS} hours.")
    for name in TEXTS:
        text = fields.get(name, "")
        if not isinstance(text, str) or len(text) > MAX_TEXT or "\x00" in text:
            raise invalid(name, f"Give a text of at most {number(MAX_TEXT)} characters.")
    if len(fields.get("title", "")) > 200:
        raise invalid("title", "A title has at most 200 characters.")
    if len(fields.get("incident", "")) > 80:
        raise invalid("incident", "The name of an incident has at most 80 characters.")


def _write(change: ChangeRequest, fields: ChangeFields) -> None:
    unknown = fields.keys() - ChangeFields.__annotations__.keys()
    if unknown:
        raise invalid(min(unknown), "This field cannot be written.")
    for name, value in fields.items():
        setattr(change, name, value)


def _title(change: ChangeRequest) -> str:
    to = " to" if change.kind == ChangeKind.ROLLBACK else ""
    what = f"{change.model}{to} {change.version.name}" if change.version else str(change.model)
    where = f" in {change.environment}" if change.environment else ""
    return f"{change.get_kind_display()} {what}{where}"[:200]


@operation
def change_update(
    *,
    change: ChangeRequest,
    row_revision: int,
    answers: Sequence[Mapping[str, Any]] = (),
    by: User,
    now: datetime,
    **fields: Unpack[ChangeFields],
) -> ChangeRequest:
    """Edit a draft, or a request that was sent back. ``row_revision`` is the one the form was built from.

    ``answers`` are to what approvers asked for: rows with ``decision``, ``place`` (from 1) and ``answer``.

    Raises:
        Conflict: somebody else saved in between.
    """
    change = lock_change(change.pk)
    if stale := policies.revision_blockers(change, row_revision):
        raise Conflict(stale[0].message)
    blockers = policies.requester_blockers(change, by)
    if change.state not in EDITABLE_STATES:
        blockers.append(policies.Blocker("not_editable", "Only a draft, or a request sent back, is edited."))
    refuse_if(blockers)
    _check(change.model, change.version, fields)
    _write(change, fields)
    if answers:
        _answer(change, answers)
    return change_save(change, by=by, now=now, reason="Edited")


def _answer(change: ChangeRequest, answers: Sequence[Mapping[str, Any]]) -> None:
    for row in answers:
        text = row.get("answer")
        if isinstance(text, str) and (len(text) > MAX_TEXT or "\x00" in text):
            raise invalid("answers", f"Give a text of at most {number(MAX_TEXT)} characters.")
    try:
        change.answers = with_answers(change, open_items(change), answers)
    except ValueError as error:
        raise invalid("answers", str(error)) from error


@operation
def change_withdraw(*, change: ChangeRequest, reason: str, by: User, now: datetime) -> ChangeRequest:
    """Take a request back before it is approved."""
    change = lock_change(change.pk)
    refuse_if(policies.move_blockers(change, ChangeState.WITHDRAWN) + policies.requester_blockers(change, by))
    change.state, change.closed_at, change.headline = ChangeState.WITHDRAWN, now, "Withdrawn"
    stages_pause(change, by=by, now=now, close=True)
    conditions_drop(change, reason="The request was withdrawn", by=by, now=now)
    change_save(change, by=by, now=now, reason=reason or "Withdrawn")
    tell("change_withdrawn", change, by=by, now=now, reason=reason)
    return change
