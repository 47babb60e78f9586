"""Which change request a record belongs to, and the page it has: entries hold no keys to live data."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Q
from django.urls import reverse

from approvals.models import ChangeRequest, Condition, Decision, Signature, Validation, Waiver
from approvals.models.parts import PARTS
from audits.models import LedgerEntry
from registry.models import Document, GovernanceOverride

CHANGE = ChangeRequest._meta.label
SIGNATURE = Signature._meta.label
Subject = tuple[str, str]

COLUMNS = {kind._meta.label: (kind, column) for kind, column in PARTS.items()}

# Pages of records that are no page of the request itself.
PAGES: dict[str, Callable[[Any], str]] = {
    Decision._meta.label: lambda row: reverse("approvals:receipt", args=[row.pk]),
    Waiver._meta.label: lambda row: reverse("approvals:waiver", args=[row.pk]),
    Validation._meta.label: lambda row: reverse("approvals:validation", args=[row.pk]),
    Condition._meta.label: lambda row: row.get_origin_url(),
    Document._meta.label: lambda row: reverse("registry:document-detail", args=[row.model_id, row.pk]),
}


def rows_about(change_id: int) -> list[int]:
    """Return the row ids of every entry about a request, its parts and the signatures on them.

    The parts are read first, so that each kind is found by the index of subjects however long the ledger is.
    """
    subjects: dict[str, list[str]] = {CHANGE: [str(change_id)]}
    for kind, column in PARTS.items():
        keys = kind._default_manager.filter(**{column: change_id}).values_list("pk", flat=True)
        subjects[kind._meta.label] = [str(key) for key in keys]
    signed = Q(pk__in=[])
    for label, ids in subjects.items():
        signed |= Q(subject_label=label, subject_id__in=ids)
    subjects[SIGNATURE] = [str(key) for key in Signature.objects.filter(signed).values_list("pk", flat=True)]
    return [
        row
        for label, ids in subjects.items()
        if ids
        for row in LedgerEntry.objects.filter(subject_label=label, subject_id__in=ids)
        .order_by()
        .values_list("pk", flat=True)
    ]


def signed_by(keys: Iterable[str]) -> dict[str, Subject]:
    """Return what each signature stands under."""
    ids = [int(key) for key in keys if key.isdecimal()]
    rows = Signature.objects.filter(pk__in=ids).values_list("pk", "subject_label", "subject_id")
    return {str(pk): (label, key) for pk, label, key in rows}


def requests_of(subjects: Iterable[Subject]) -> dict[Subject, int]:
    """Return the request of each record that is one or a part of one: a statement for each kind of record."""
    wanted = set(subjects)
    signed = signed_by(key for label, key in wanted if label == SIGNATURE)
    below: dict[str, set[str]] = defaultdict(set)
    for label, key in wanted | set(signed.values()):
        if key.isdecimal():
            below[label].add(key)
    found = {(CHANGE, key): int(key) for key in below.get(CHANGE, ())}
    for label, keys in below.items():
        if label in COLUMNS:
            kind, column = COLUMNS[label]
            rows = kind._default_manager.filter(pk__in=keys, **{f"{column}__isnull": False}).values_list(
                "pk", column
            )
            found |= {(label, str(pk)): change for pk, change in rows}
    found |= {(SIGNATURE, key): found[about] for key, about in signed.items() if about in found}
    return {subject: change for subject, change in found.items() if subject in wanted}


def page_of(label: str, key: str, user: Any) -> tuple[str, str]:
    """Return name and address of the page of a record that ``user`` may see, else of the request it is a part of."""
    if label == SIGNATURE:
        return _page_of_signature(key, user)
    kinds: dict[str, Any] = {kind._meta.label: kind for kind in (ChangeRequest, Validation, Document)}
    kinds |= {label: kind for label, (kind, _) in COLUMNS.items()}
    kind = kinds.get(label)
    row = kind._default_manager.visible_to(user).filter(pk=key).first() if kind and key.isdecimal() else None
    if row is None:
        return "", ""
    if isinstance(row, ChangeRequest):
        return row.code, row.get_absolute_url()
    name = str(row._meta.verbose_name).capitalize()
    if label in PAGES:
        return name, PAGES[label](row)
    return page_of(CHANGE, str(requests_of([(label, key)]).get((label, key), "")), user)


def _page_of_signature(key: str, user: Any) -> tuple[str, str]:
    """Lead to the receipt: of the decision, of the answer to a waiver; else to what was signed."""
    decision = Decision.objects.visible_to(user).filter(signature_id=key).first() if key.isdecimal() else None
    if decision is not None:
        return "Receipt", reverse("approvals:receipt", args=[decision.pk])
    label, about = signed_by([key]).get(key, ("", ""))
    if label == Waiver._meta.label and Waiver.objects.visible_to(user).filter(pk=about).exists():
        return "Receipt", reverse("approvals:waiver-receipt", args=[about])
    if label == Validation._meta.label and Validation.objects.visible_to(user).filter(pk=about).exists():
        return "Receipt", reverse("approvals:validation-receipt", args=[about])
    overridden = GovernanceOverride.objects.visible_to(user).filter(pk=about)
    if label == GovernanceOverride._meta.label and overridden.exists():
        return "Receipt", reverse("approvals:override-receipt", args=[about])
    return page_of(label, about, user) if label != SIGNATURE else ("", "")
