"""What must hold for every record: direction of foreign keys, paired fields, history."""

import re

import pytest
from django.apps import apps
from django.db import models

from mlops_portal.foundation.history import AuditedModel

LAYERS = ["foundation", "registry", "approvals", "monitoring", "audits", "kpis", "integrations"]
RANK = {label: number for number, label in enumerate(LAYERS)}

OPERATIONAL = "operational data, pruned after a while; the acts it leads to are recorded themselves"
DERIVED = "derived from audited rows by one service"
LEDGER = "part of the ledger, which is append-only itself"
NOT_AUDITED = {
    "foundation.Job": OPERATIONAL,
    "foundation.Schedule": OPERATIONAL,
    "foundation.Occurrence": OPERATIONAL,
    "foundation.OutboxMessage": OPERATIONAL,
    "foundation.Lease": OPERATIONAL,
    "foundation.IdempotencyKey": OPERATIONAL,
    "foundation.Notification": "a notice about an act that is recorded itself",
    "foundation.Expectation": "what a notice waits for, gone when the act that ends it is recorded",
    "foundation.SavedView": "a person's own convenience, no governed fact",
    "foundation.StoredFile": "named by its content and never changed; the records that refer to it are audited",
    "foundation.FileChunk": "the bytes of a stored file, verified by its SHA-256",
    "foundation.UnitClosure": DERIVED,
    "foundation.UnitUserRight": DERIVED,
    "foundation.UnitGroupRight": DERIVED,
    "foundation.RightsRevision": "a counter that tells processes to forget cached rights",
    "foundation.TokenUse": OPERATIONAL,
    "registry.ModelCounter": "the last number and activity of a model, changed with rows that are audited",
    "registry.ImportRun": OPERATIONAL,
    "registry.ImportRowError": OPERATIONAL,
    "registry.ImportedModel": OPERATIONAL,
    "approvals.DossierReading": "which parts a person saw last, a help for reading; decisions bind to the dossier itself",
    "audits.LedgerEntry": LEDGER,
    "audits.LedgerPayload": LEDGER,
    "audits.LedgerPending": LEDGER,
    "audits.LedgerRemoval": LEDGER,
    "audits.LedgerLeaf": LEDGER,
    "audits.LedgerTile": LEDGER,
    "audits.Checkpoint": LEDGER,
    "audits.SigningKey": "introduced and rotated by entries of the ledger",
    "audits.AccessLog": "each batch's digest is an entry of the ledger",
    "kpis.KpiSnapshot": "computed from audited rows, with the version of its formula",
}


def own_models():
    """Every record of the product, without history tables and many-to-many tables made by Django."""
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in RANK
        and not hasattr(model, "instance_type")
        and not model._meta.proxy
        and not model._meta.auto_created
    ]


def test_foreign_keys_point_down():
    """String references slip past the import contract; the model graph does not."""
    upward = [
        f"{model._meta.label}.{field.name} → {field.related_model._meta.label}"
        for model in own_models()
        for field in model._meta.get_fields()
        if field.concrete and field.is_relation and field.related_model
        if RANK.get(field.related_model._meta.app_label, -1) > RANK[model._meta.app_label]
    ]
    assert upward == []


def test_every_record_is_audited_or_says_why_not():
    unexplained = {model._meta.label for model in own_models() if not issubclass(model, AuditedModel)} - set(
        NOT_AUDITED
    )
    assert unexplained == set(), "make it an AuditedModel, or give the reason in NOT_AUDITED"


def test_no_audited_record_is_listed_as_not_audited():
    audited = {model._meta.label for model in own_models() if issubclass(model, AuditedModel)}
    assert audited & set(NOT_AUDITED) == set()


def test_foreign_keys_of_audited_records_leave_no_silent_change():
    """``SET_NULL`` changes a row without a history row."""
    silent = [
        f"{model._meta.label}.{field.name}"
        for model in own_models()
        if issubclass(model, AuditedModel)
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey)
        and field.remote_field.on_delete not in {models.PROTECT, models.CASCADE}
    ]
    assert silent == []


def pairs():
    """Every ``x_at``/``x_by`` pair whose two fields may be empty."""
    for model in own_models():
        fields = {field.name: field for field in model._meta.get_fields() if field.concrete}
        for name, field in fields.items():
            stem = re.fullmatch(r"(.+)_at", name)
            other = fields.get(f"{stem.group(1)}_by") if stem else None
            if other is not None and field.null and other.null:
                yield model, name, other.name


PERSON_MAY_BE_MISSING = {
    "approvals.PolicyRevision.published_at": "the revision that ships with the product is published by the system",
    "approvals.Lapse.closed_at": "a lapse whose version no longer serves is settled by that, without anybody's act",
}


@pytest.mark.parametrize(
    ("model", "at", "by"), [pytest.param(*pair, id=f"{pair[0]._meta.label}.{pair[1]}") for pair in pairs()]
)
def test_a_time_and_its_person_come_together(model, at, by):
    if f"{model._meta.label}.{at}" in PERSON_MAY_BE_MISSING:
        return
    mentioned = [
        str(constraint.condition)
        for constraint in model._meta.constraints
        if isinstance(constraint, models.CheckConstraint)
    ]
    assert any(at in text and by in text for text in mentioned), (
        f"{model._meta.label} needs a CheckConstraint that {at} and {by} are set together"
    )
