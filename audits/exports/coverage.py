"""What an export reached when it was made, noted beside its file: whoever takes it away holds the right on all of it.

Grants move. An export that names no unit covers every unit its maker held then, and nobody's present grants say which.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from approvals.models import ChangeRequest
from audits.exports.scopes import RIGHT, Scope, What
from audits.models import LedgerEntry
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.people.models import BusinessUnit, UnitClosure, User
from mlops_portal.foundation.people.rights import rights_of
from registry.models import RegisteredModel

NAMED = 5  # units that a refusal names


def coverage_of(scope: Scope, user: User) -> dict[str, Any]:
    """Return the units and single models an export reaches by the grants its rows are read with.

    ``everything`` also stands for entries that belong to no unit. A choice that does not belong to what is exported
    narrows nothing: it did not narrow the content either.

    Raises:
        NotFound: the change request is gone.
    """
    rights = rights_of(user)
    units, models = rights.units(RIGHT), rights.models(RIGHT)
    if scope.what == What.PACK:
        unit_id, model_id = _of_change(scope.change_id or 0)
        return _noted(units & {unit_id}, models & {model_id})
    if scope.what == What.CHANGE_LOG and scope.model_id:
        return _noted(units & _units_of_model(scope.model_id), models & {scope.model_id})
    if scope.unit_id:
        below = UnitClosure.objects.filter(ancestor_id=scope.unit_id).values_list("descendant_id", flat=True)
        inside = RegisteredModel.objects.filter(pk__in=models, unit_id__in=below).values_list("pk", flat=True)
        return _noted(units & set(below), inside)
    if rights.everywhere(RIGHT):
        return {**_noted((), ()), "everything": True}
    return _noted(units, models)


def _of_change(change_id: int) -> tuple[int, int]:
    """Return the unit and the model of a change request."""
    found = ChangeRequest.objects.filter(pk=change_id).values_list("unit_id", "model_id").first()
    if found is None:
        raise NotFound(f"There is no change request {change_id} any more.")
    return found


def _units_of_model(model_id: int) -> set[int]:
    """Return the units that the records of a model are or were in."""
    then = LedgerEntry.objects.filter(model_id=model_id).order_by().values_list("unit_id", flat=True)
    return {unit_id for unit_id in then.distinct() if unit_id}


def _noted(units: Iterable[int], models: Iterable[int]) -> dict[str, Any]:
    return {"units": sorted(units), "models": sorted(models), "everything": False}


def lost_since(covered: Mapping[str, Any] | None, user: User) -> str:
    """Say what of an export this person may not export (any more); empty when they may take all of it."""
    rights = rights_of(user)
    if rights.everywhere(RIGHT):
        return ""
    if covered is None:
        return "the portal did not note what it covers"
    if covered["everything"]:
        return "it covers every unit"
    units = set(covered["units"]) - rights.units(RIGHT)
    models = set(covered["models"]) - rights.models(RIGHT)
    reached = RegisteredModel.objects.filter(pk__in=models, unit_id__in=rights.units(RIGHT))
    models -= set(reached.values_list("pk", flat=True))
    if units:
        names = list(
            BusinessUnit.objects.filter(pk__in=units).order_by("name").values_list("name", flat=True)
        )
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"it covers {', '.join(names[:NAMED])}{more}"
    if models:
        names = list(
            RegisteredModel.objects.filter(pk__in=models).order_by("name").values_list("name", flat=True)
        )
        return f"it covers the model {', '.join(names[:NAMED])}"
    return ""
