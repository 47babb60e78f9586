"""The job that imports an inventory in a worker."""

from typing import Any

from mlops_portal.foundation.work import jobs
from mlops_portal.foundation.work.jobs import JobRun
from registry.imports import service
from registry.models import ImportRun


@jobs.register(service.JOB_KIND, label="Import of an inventory", idempotent=True)
def import_inventory(this: JobRun) -> dict[str, Any]:
    """Import, or go on importing, the file of one run."""

    def progress(done: int, total: int) -> None:
        this.progress(done, total, "Rows")

    run = ImportRun.objects.select_related("unit", "file").get(pk=this.params["run_id"])
    return service.import_counts(service.import_run(run=run, by=this.by, clock=this.now, progress=progress))
