"""Undo an import: the models it created become tombstones, as long as nothing hangs on them and nobody changed them.

What the import updated is not turned back, and units and custom fields that it added stay. A chunk of models is one
act, and each model is deleted by the service that deletes any; an undoing that was cut off goes on when it is run again.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.apps import apps
from django.db.models import Count

from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.events import Verb, register_verbs
from mlops_portal.foundation.history import history_model
from mlops_portal.foundation.locks import lock, lock_all
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import RoleGrant, User
from mlops_portal.foundation.people.rights import require, rights_of
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.words import plural
from mlops_portal.foundation.work import jobs
from mlops_portal.foundation.work.runs import Fence
from mlops_portal.foundation.work.states import FINAL_STATES
from registry.imports.outcomes import job_of, outcome_of
from registry.imports.telling import tell_of
from registry.imports.writing import IMPORTED
from registry.models import Component, ImportedModel, ImportRun, RecordTask, RegisteredModel
from registry.services.models import model_delete

CHUNK = 50
PLANNED_AT_ONCE = 500
JOB_KIND = "registry.import_undo"
# Written with the model itself. Everything else that refers to a model came later.
OWN = frozenset(
    {"registry.Component", "registry.ModelCounter", "registry.RecordTask", "registry.ImportedModel"}
)
UNSEEN = "stands in a unit that you do not see"

register_verbs([Verb("registry.import_undone", "undid an import")])

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What undoing an import would do now."""

    goes: int
    stays: tuple[tuple[str, int], ...]  # why, and how many models
    withdrawn: int

    @property
    def left(self) -> int:
        """How many models would stay."""
        return sum(models for _, models in self.stays)


def withdraw_words(models: int) -> str:
    """Name the effect of undoing."""
    return f"Withdraw {plural(models, 'model')}" if models else "Undo this import"


def rows_left(run: ImportRun) -> Any:
    """Return the models of an import that nobody withdrew, in the order of its file."""
    rows = ImportedModel.objects.filter(run=run, withdrawn_at__isnull=True, model__deleted_at__isnull=True)
    return rows.select_related("model", "model__unit").order_by("pk")


def undo_plan(run: ImportRun, *, by: User | None) -> Plan:
    """Say what would go, what would stay and why."""
    why: Counter[str] = Counter()
    rows = rows_left(run).iterator(chunk_size=PLANNED_AT_ONCE)
    while part := list(islice(rows, PLANNED_AT_ONCE)):
        found = reasons_to_stay([row.model for row in part], by=by)
        why.update(found.get(row.model_id, "") for row in part)
    goes = why.pop("", 0)
    every = ImportedModel.objects.filter(run=run).count()
    return Plan(goes, tuple(why.most_common()), every - goes - why.total())


def reasons_to_stay(models: Sequence[RegisteredModel], *, by: User | None) -> dict[int, str]:
    """Return why models cannot be withdrawn, by their id; those that can are missing. A few statements for all."""
    pks = [model.pk for model in models]
    why: dict[int, list[str]] = {}
    for relation in RegisteredModel._meta.related_objects:
        kind = apps.get_model(relation.related_model._meta.label)
        if kind._meta.label in OWN:
            continue
        column = relation.field.attname
        held = kind._base_manager.filter(**{f"{column}__in": pks}).order_by().values_list(column)
        for pk, rows in held.annotate(rows=Count("pk")):
            why.setdefault(pk, []).append(f"has {plural(rows, str(kind._meta.verbose_name))}")
    for pk in (
        Component.objects.filter(model__in=pks)
        .order_by()
        .values_list("model_id")
        .annotate(rows=Count("pk"))
        .filter(rows__gt=1)
        .values_list("model_id", flat=True)
    ):
        why.setdefault(pk, []).append("has components that were added")
    for pk in _with_roles(pks):
        why.setdefault(pk, []).append("somebody has a role on it")
    for pk, reason in _changes(pks):
        why.setdefault(pk, []).append(reason)
    rights = rights_of(by) if by is not None else None
    for model in models:
        if rights and not rights.has("registry.delete", unit_id=model.unit_id, model_id=model.pk):
            why.setdefault(model.pk, []).append(f"you have no right to delete models of {model.unit}")
    told = {pk: "; ".join(dict.fromkeys(reasons)) for pk, reasons in why.items()}
    if by is None:
        return told
    seen = set(RegisteredModel.objects.visible_to(by).filter(pk__in=pks).values_list("pk", flat=True))
    return told | {pk: UNSEEN for pk in pks if pk not in seen}


def _with_roles(pks: Sequence[int]) -> list[int]:
    """Return the models on which somebody holds, or held, a role of their own."""
    grants = RoleGrant.objects.filter(model_id__in=pks).values_list("model_id", flat=True).distinct()
    return [pk for pk in grants if pk is not None]


def _changes(pks: Sequence[int]) -> list[tuple[int, str]]:
    """Return who changed the records since: people, and later imports; what the portal evaluates at night is none."""
    found = []
    for kind, column in ((RegisteredModel, "id"), (Component, "model_id"), (RecordTask, "model_id")):
        changes = history_model(kind)._base_manager.filter(**{f"{column}__in": pks}).exclude(history_type="+")
        for pk, who, reason in changes.order_by("history_id").values_list(
            column, "history_user_id", "history_change_reason"
        ):
            if reason == IMPORTED:
                found.append((pk, "a later import changed it"))
            elif who:
                found.append((pk, "somebody changed it since"))
    return found


def undo_job_of(run: ImportRun) -> jobs.Job | None:
    """Read the job of the last undoing, which expires earlier than the import."""
    return jobs.Job.objects.filter(pk=run.undo_job_number).first() if run.undo_job_number else None


def is_being_undone(run: ImportRun) -> bool:
    """Tell whether an undoing of this import waits or runs."""
    job = undo_job_of(run)
    return job is not None and job.state not in FINAL_STATES


def undo_blockers(run: ImportRun) -> list[Blocker]:
    """Why an import cannot be undone now, whoever asks."""
    job = job_of(run)
    if not outcome_of(run, job.state if job else None).is_final:
        return [Blocker("not_final", "The import is still under way.", "whoever stops it")]
    if is_being_undone(run):
        return [Blocker("under_way", "The import is being undone.")]
    if not ImportedModel.objects.filter(run=run).exists():
        if run.created:
            return [Blocker("unknown", "It was made before the portal kept which models an import creates.")]
        return [Blocker("nothing", "This import created no model.")]
    if not rows_left(run).exists():
        return [Blocker("nothing_left", "Nothing is left to undo: every model it created is gone.")]
    return []


@operation
def undo_start(*, run: ImportRun, by: User | None, now: datetime) -> ImportRun:
    """Queue the undoing of an import.

    Raises:
        RuleViolation: it is under way, or nothing of it can be withdrawn.
        NotAllowed: ``by`` may not import into its unit.
    """
    require(by, "registry.import", unit_id=run.unit_id)
    run = lock(ImportRun.objects.select_related("unit"), run.pk)
    refuse_if(undo_blockers(run))
    job = jobs.start(
        kind=JOB_KIND,
        by=by,
        params={"run_id": run.pk},
        now=now,
        unit_id=run.unit_id,
        label=f"Undoing the import of {run.file_name}",
    )
    run.undo_job_number = job.pk
    run.save(update_fields=["undo_job_number"])
    return run


def undo_run(
    *,
    run: ImportRun,
    by: User | None,
    clock: Callable[[], datetime],
    progress: Progress,
    under: Fence = nullcontext,
) -> Mapping[str, int]:
    """Withdraw what can be withdrawn, chunk by chunk; return how many models went and how many stay.

    ``under`` is the fence of a job, as in `import_run`.
    """
    pks = list(rows_left(run).values_list("pk", flat=True))
    progress(0, len(pks))
    for start in range(0, len(pks), CHUNK):
        with under():
            _withdraw(run=run, pks=pks[start : start + CHUNK], by=by, now=clock())
        progress(min(start + CHUNK, len(pks)), len(pks))
    with under():
        return _tell_undone(run=run, by=by, now=clock())


@operation
def _withdraw(*, run: ImportRun, pks: Sequence[int], by: User | None, now: datetime) -> None:
    require(by, "registry.import", unit_id=run.unit_id)
    left = rows_left(run).filter(pk__in=pks)
    wanted = left.values_list("model_id", flat=True)
    held = lock_all(RegisteredModel.objects.alive().select_related("unit"), list(wanted))
    rows = list(
        left
    )  # read under the locks: others may have withdrawn or deleted some, and nothing brings one back
    models = {model.pk: model for model in held}
    why = reasons_to_stay(held, by=by)
    for row in rows:
        row.stays = why.get(row.model_id, "")
        if not row.stays:
            try:
                model_delete(
                    model=models[row.model_id],
                    reason=f"Import {run.pk} of {run.file_name} undone",
                    by=by,
                    now=now,
                )
                row.withdrawn_at = now
            except DomainError as refusal:
                row.stays = refusal.message
    ImportedModel.objects.bulk_update(rows, ["withdrawn_at", "stays"])


@operation
def _tell_undone(*, run: ImportRun, by: User | None, now: datetime) -> dict[str, int]:
    created = ImportedModel.objects.filter(run=run)
    counts = {
        "withdrawn": created.filter(withdrawn_at__isnull=False).count(),
        "stays": rows_left(run).count(),
        "updated_and_not_turned_back": run.updated,
    }
    run.undone_at = now
    run.save(update_fields=["undone_at"])
    tell_of(run, "import_undone", by=by, now=now, source=run.source, file=run.file_name, **counts)
    return counts
