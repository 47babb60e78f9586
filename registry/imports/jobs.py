"""The jobs that import an inventory in a worker, and undo that."""

from typing import Any

from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.work import jobs
from mlops_portal.foundation.work.jobs import JobRun
from registry.imports import service, undoing
from registry.imports.outcomes import outcome_of
from registry.models import ImportRun
from registry.states import ImportState


@jobs.register(service.JOB_KIND, label="Import of an inventory", idempotent=True)
def import_inventory(this: JobRun) -> dict[str, Any]:
    """Import, or go on importing, the file of one run. An import that wrote nothing is a failed job.

    Raises:
        DomainError: no row could be imported.
    """

    def progress(done: int, total: int) -> None:
        this.progress(done, total, "Rows")

    run = ImportRun.objects.select_related("unit", "file").get(pk=this.params["run_id"])
    run = service.import_run(run=run, by=this.by, clock=this.now, progress=progress, under=this.transaction)
    if run.state == ImportState.FAILED:
        raise DomainError(run.message)
    outcome = outcome_of(run, None)
    return {**service.import_counts(run), "tone": outcome.tone, "word": outcome.word}


@jobs.register(undoing.JOB_KIND, label="Undoing of an import", idempotent=True)
def undo_import(this: JobRun) -> dict[str, Any]:
    """Withdraw the models that an import created, or go on with that."""

    def progress(done: int, total: int) -> None:
        this.progress(done, total, "Models")

    run = ImportRun.objects.select_related("unit").get(pk=this.params["run_id"])
    done = undoing.undo_run(run=run, by=this.by, clock=this.now, progress=progress, under=this.transaction)
    return dict(done)
