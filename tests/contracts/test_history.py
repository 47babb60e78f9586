"""Every audited record: creating, changing and deleting it leaves a history row and an entry in the ledger each."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection, models

from audits.models import LedgerEntry
from mlops_portal.foundation.history import AuditedModel, delete_as, history_model, save_as
from mlops_portal.foundation.operations import act
from tests.contracts.building import Builder

PRODUCT = {"foundation", "registry", "approvals", "audits", "kpis", "integrations"}
# Texts whose form means something.
MEANT = {"email", "code", "key", "digest", "sha256", "password", "role", "time_zone"}

# Records that the database keeps from being deleted or changed at all, whoever asks; said where the rule is.
KEPT = {
    "foundation.User": "people are deactivated, never deleted",
    "foundation.BusinessUnit": "units are closed; rows of the tree refer to each other",
}


def audited() -> list[type[AuditedModel]]:
    """Every concrete audited record of the product."""
    return sorted(
        (
            model
            for model in apps.get_models()
            if issubclass(model, AuditedModel)
            and model._meta.app_label in PRODUCT
            and not hasattr(model, "instance_type")
        ),
        key=lambda model: model._meta.label,
    )


def rows_of(instance: models.Model) -> int:
    """How many history rows an instance has."""
    return history_model(type(instance)).objects.filter(**{instance._meta.pk.attname: instance.pk}).count()


def entries_of(instance: models.Model) -> int:
    """How many entries the ledger has of an instance's rows."""
    return LedgerEntry.objects.filter(subject_label=instance._meta.label, subject_id=str(instance.pk)).count()


def change(instance: models.Model, builder: Builder) -> None:
    """Set a field to something that breaks no rule: a text, else a time, else another unit."""
    fields = instance._meta.concrete_fields
    for field in fields:
        is_text = isinstance(field, models.CharField | models.TextField) and not field.choices
        if is_text and field.name not in MEANT:
            setattr(instance, field.name, "changed")
            return
    for field in fields:
        if isinstance(field, models.DateTimeField) and not field.null:
            setattr(instance, field.name, builder.now + timedelta(hours=1))
            return
    instance.unit = builder.keep(builder.build(apps.get_model("foundation.BusinessUnit")))


@pytest.mark.django_db
@pytest.mark.parametrize("model", [pytest.param(model, id=model._meta.label) for model in audited()])
def test_each_act_on_a_record_leaves_a_history_row_and_an_entry(model, now):
    builder = Builder(now)
    instance = builder.build(model)
    with act():
        save_as(instance, by=None, now=now, reason="created")
    connection.check_constraints()
    assert (rows_of(instance), entries_of(instance)) == (1, 1)

    change(instance, builder)
    with act():
        save_as(instance, by=None, now=now + timedelta(minutes=1), reason="changed")
    assert (rows_of(instance), entries_of(instance)) == (2, 2)

    if model._meta.label in KEPT:
        return
    pk = instance.pk
    with act():
        delete_as(instance, by=None, now=now + timedelta(minutes=2), reason="deleted")
    instance.pk = pk
    assert (rows_of(instance), entries_of(instance)) == (3, 3)
    newest = history_model(model).objects.filter(**{instance._meta.pk.attname: pk}).latest()
    assert newest.history_type == "-"


def test_what_is_kept_from_deletion_is_still_a_record():
    assert set(KEPT) <= {model._meta.label for model in audited()}
