"""What stands around a model: its components, and the applications and units that use it."""

from datetime import datetime
from typing import Any

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import delete_as, save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from registry import policies
from registry.events import tell
from registry.models import Component, Consumer, RegisteredModel, UnitUse
from registry.services import fields as plain_fields
from registry.services.governance import governance_evaluate
from registry.services.living import lock_living, touch
from registry.services.models import COMPONENT_FIELDS
from registry.states import UseState

CONSUMER_FIELDS = frozenset({"name", "contact", "purpose"})


def _refuse_other(rows: Any, name: str, what: str) -> None:
    if not name.strip():
        raise invalid("name", "A name is required.")
    if rows.filter(name=name).exists():
        raise invalid("name", f"{what} named {name} exists.")


@operation
def component_add(*, model: RegisteredModel, by: User | None, now: datetime, **fields: Any) -> Component:
    """Add a part with its own kind (fields: name, kind, description, base_model, autonomy_level, tool_allow_list, …)."""
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    component = Component(model=model, unit_id=model.unit_id, kind=model.kind)
    plain_fields.assign(component, fields, allowed=COMPONENT_FIELDS)
    _refuse_other(Component.objects.filter(model=model), component.name, "A component")
    save_as(component, by=by, now=now, reason="Component added")
    touch(model.pk, now)
    tell(
        "component_changed", component, by=by, now=now, act="added", name=component.name, kind=component.kind
    )
    return component


@operation
def component_update(
    *, component: Component, by: User | None, now: datetime, reason: str = "", **fields: Any
) -> Component:
    """Change a part of a model."""
    model = lock_living(component.model_id)
    component = lock(Component.objects.all(), component.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    changed = plain_fields.assign(component, fields, allowed=COMPONENT_FIELDS)
    _refuse_other(
        Component.objects.filter(model=model).exclude(pk=component.pk), component.name, "A component"
    )
    if changed:
        save_as(component, by=by, now=now, reason=reason or "Component changed", fields=changed)
        touch(model.pk, now)
        tell("component_changed", component, by=by, now=now, act="changed", fields=sorted(changed))
        governance_evaluate(model=model, now=now)
    return component


@operation
def component_remove(*, component: Component, by: User | None, now: datetime, reason: str = "") -> None:
    """Remove a part; the last one stays.

    Raises:
        RuleViolation: it is the only one.
    """
    model = lock_living(component.model_id)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    if Component.objects.filter(model=model).count() == 1:
        refuse_if([Blocker("last_component", "A model has at least one component.")])
    tell("component_changed", component, by=by, now=now, act="removed", name=component.name, reason=reason)
    delete_as(component, by=by, now=now, reason=reason or "Component removed")


@operation
def consumer_add(*, model: RegisteredModel, by: User | None, now: datetime, **fields: Any) -> Consumer:
    """Add an application, process or team that uses the output (fields: name, contact, purpose)."""
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    consumer = Consumer(model=model, unit_id=model.unit_id)
    plain_fields.assign(consumer, fields, allowed=CONSUMER_FIELDS)
    _refuse_other(Consumer.objects.filter(model=model), consumer.name, "A consumer")
    save_as(consumer, by=by, now=now, reason="Consumer added")
    tell("consumer_added", consumer, by=by, now=now, name=consumer.name)
    governance_evaluate(model=model, now=now)
    return consumer


@operation
def consumer_update(*, consumer: Consumer, by: User | None, now: datetime, **fields: Any) -> Consumer:
    """Change name, contact or purpose of a consumer."""
    model = lock_living(consumer.model_id)
    consumer = lock(Consumer.objects.all(), consumer.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    changed = plain_fields.assign(consumer, fields, allowed=CONSUMER_FIELDS)
    _refuse_other(Consumer.objects.filter(model=model).exclude(pk=consumer.pk), consumer.name, "A consumer")
    return (
        save_as(consumer, by=by, now=now, reason="Consumer changed", fields=changed) if changed else consumer
    )


@operation
def consumer_notify(*, consumer: Consumer, by: User | None, now: datetime, note: str = "") -> Consumer:
    """Note that a consumer was told of the planned retirement (RULES 5.6)."""
    model = lock_living(consumer.model_id)
    consumer = lock(Consumer.objects.all(), consumer.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    consumer.notified_at = now
    save_as(consumer, by=by, now=now, reason=note or "Consumer notified", fields=["notified_at"])
    tell("consumer_notified", consumer, by=by, now=now, name=consumer.name, note=note)
    return consumer


@operation
def consumer_release(*, consumer: Consumer, by: User, now: datetime, note: str = "") -> Consumer:
    """Note who confirmed for a consumer that it no longer needs the model.

    Raises:
        RuleViolation: it was never notified, or confirmed already.
    """
    model = lock_living(consumer.model_id)
    consumer = lock(Consumer.objects.all(), consumer.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    blockers = []
    if consumer.notified_at is None:
        blockers.append(Blocker("not_notified", f"{consumer} was not notified yet."))
    if consumer.released_at is not None:
        blockers.append(Blocker("released", f"{consumer} confirmed already."))
    refuse_if(blockers)
    consumer.released_at, consumer.released_by = now, by
    save_as(consumer, by=by, now=now, reason=note or "Released", fields=["released_at", "released_by"])
    tell("consumer_released", consumer, by=by, now=now, name=consumer.name, note=note)
    governance_evaluate(model=model, now=now)
    return consumer


@operation
def use_request(
    *, model: RegisteredModel, using_unit: BusinessUnit, by: User, now: datetime, purpose: str = ""
) -> UnitUse:
    """Ask that a unit may use another unit's model; that unit accepts or declines.

    Raises:
        RuleViolation: the unit owns the model or has an open use.
    """
    model = lock_living(model.pk)
    require(by, "registry.view", unit_id=model.unit_id, model_id=model.pk)
    _require_either(by, "registry.edit", model.unit_id, using_unit.pk)
    blockers = []
    if using_unit.pk == model.unit_id:
        blockers.append(Blocker("own_unit", f"{using_unit} owns the model."))
    if UnitUse.objects.filter(model=model, using_unit=using_unit).exclude(state=UseState.ENDED).exists():
        blockers.append(Blocker("open_use", f"{using_unit} asked for this use already, or uses the model."))
    refuse_if(blockers)
    use = UnitUse(
        model=model, unit_id=model.unit_id, using_unit=using_unit, requested_by=by, requested_at=now
    )
    plain_fields.assign(use, {"purpose": purpose}, allowed=("purpose",))
    save_as(use, by=by, now=now, reason="Use requested")
    tell("use_requested", use, by=by, now=now, using_unit=using_unit.code)
    return use


def _require_either(by: User | None, right: str, first: int, second: int) -> None:
    """Refuse unless the right is held on one of two units."""
    if by is not None and not policies.holds(by, right, first):
        require(by, right, unit_id=second)


@operation
def use_decide(*, use: UnitUse, accept: bool, by: User, now: datetime, note: str = "") -> UnitUse:
    """Accept or decline a use for the using unit.

    Raises:
        NotAllowed: ``by`` does not accept uses for that unit.
        RuleViolation: decided already, or one's own request.
    """
    model = lock_living(use.model_id)
    use = lock(UnitUse.objects.select_related("using_unit", "requested_by"), use.pk)
    require(by, "registry.accept_use", unit_id=use.using_unit_id)
    refuse_if(policies.use_decision_blockers(use, by=by, now=now))
    use.state = UseState.ACCEPTED if accept else UseState.DECLINED
    use.decided_by, use.decided_at, use.note = by, now, note
    decided = ["state", "decided_by", "decided_at", "note"]
    save_as(use, by=by, now=now, reason=note or "Use decided", fields=decided)
    verb = "use_accepted" if accept else "use_declined"
    tell(verb, use, by=by, now=now, using_unit=use.using_unit.code, note=note)
    governance_evaluate(model=model, now=now)
    return use


@operation
def use_end(*, use: UnitUse, by: User | None, now: datetime, note: str = "") -> UnitUse:
    """End a use; either unit may."""
    model = lock_living(use.model_id)
    use = lock(UnitUse.objects.select_related("using_unit"), use.pk)
    _require_either(by, "registry.edit", use.unit_id, use.using_unit_id)
    refuse_if([Blocker("ended", "This use ended already.")] if use.state == UseState.ENDED else [])
    use.state, use.note = UseState.ENDED, note
    save_as(use, by=by, now=now, reason=note or "Use ended", fields=["state", "note"])
    tell("use_ended", use, by=by, now=now, using_unit=use.using_unit.code, note=note)
    governance_evaluate(model=model, now=now)
    return use
