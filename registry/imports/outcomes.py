"""What became of an import, in words and a tone: told by what happened to its rows, not by how its job ended."""

from dataclasses import dataclass

from django.db.models import Count, Min

from mlops_portal.foundation.web.words import number, plural
from mlops_portal.foundation.work.models import Job
from mlops_portal.foundation.work.states import FINAL_STATES, JobState
from registry.imports.rows import ProblemGroup
from registry.models import ImportRowError, ImportRun
from registry.states import ImportState

OPEN = (ImportState.QUEUED, ImportState.RUNNING)
GROUPS_SHOWN = 10
NOTHING_FIT = "No row could be imported."
LOST = "The process that ran this import ended before it was done."


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run as pages tell it. A final one does not change by itself; ``goes_on`` says whether rows are left."""

    tone: str
    word: str
    message: str = ""
    is_final: bool = True
    goes_on: bool = False


def state_after_its_job(run: ImportRun, job_state: str | None) -> str:
    """Return the state of a run whose job may have ended without a chance to say so.

    ``job_state`` is empty when the job is gone; a run that a command makes has no job.
    """
    if run.state not in OPEN or run.job_number is None:
        return run.state
    if job_state is not None and job_state not in FINAL_STATES:
        return run.state
    return ImportState.STOPPED if job_state == JobState.STOPPED else ImportState.FAILED


def outcome_of(run: ImportRun, job_state: str | None, *, job_error: str = "") -> Outcome:
    """Say what became of an import; ``job_error`` is what its job left when it ended without the run."""
    state = state_after_its_job(run, job_state)
    is_tried_again = job_state is not None and job_state not in FINAL_STATES
    if state in OPEN or is_tried_again:
        return Outcome("info", "Queued" if state == ImportState.QUEUED else "Running", is_final=False)
    done = run.created + run.updated + run.unchanged + run.failed
    if state == ImportState.FINISHED:
        if run.failed and run.failed == run.rows:
            return Outcome("fail", "Failed", run.message or NOTHING_FIT)
        if run.failed:
            return Outcome("warn", f"Finished, {number(run.failed)} failed", run.message)
        return Outcome("ok", "Finished", run.message)
    goes_on = not run.rows or done < run.rows
    after = f" after {number(done)} of {plural(run.rows, 'row')}" if done and goes_on else ""
    message = run.message or job_error or (LOST if state == ImportState.FAILED else "")
    if state == ImportState.STOPPED:
        return Outcome("warn", f"Stopped{after}", message, goes_on=goes_on)
    return Outcome("fail", f"Failed{after}", message, goes_on=goes_on)


def job_of(run: ImportRun) -> Job | None:
    """Read the job of a run, which expires earlier than the run."""
    return Job.objects.filter(pk=run.job_number).first() if run.job_number else None


def problem_groups_of(run: ImportRun) -> tuple[ProblemGroup, ...]:
    """Return the most frequent problems that many rows of a run share; none when each row has its own."""
    found = (
        ImportRowError.objects.filter(run=run, is_note=False)
        .values("column", "message")
        .annotate(rows=Count("row"), first=Min("row"))
        .filter(rows__gt=1)
        .order_by("-rows", "first")[:GROUPS_SHOWN]
    )
    return tuple(ProblemGroup(one["column"], one["message"], one["rows"], (one["first"],)) for one in found)
