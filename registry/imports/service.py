"""Import a file: start it, run it chunk by chunk, go on where it stopped, and try it without writing.

Each chunk of 500 rows is one act: its rows, their history and ledger entries, its row errors and the row from which
to go on commit together or not at all. The last act emits one summary with the counts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import IntegrityError, transaction

from mlops_portal.foundation.errors import Conflict
from mlops_portal.foundation.events import Verb, register_verbs
from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock, lock_all
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.notices import hush
from mlops_portal.foundation.web.words import plural
from mlops_portal.foundation.work import jobs
from mlops_portal.foundation.work.runs import Fence
from registry.imports import mapping as mappings
from registry.imports.mapping import ColumnMapping
from registry.imports.outcomes import LOST, OPEN, job_of, outcome_of, state_after_its_job
from registry.imports.plan import PlannedRow, Planner
from registry.imports.preview import Preview, Sample, Tally, sample_of
from registry.imports.reading import open_table
from registry.imports.rows import Table
from registry.imports.telling import tell_of
from registry.imports.undoing import is_being_undone
from registry.imports.units import Units
from registry.imports.writing import ChunkWriter, Decision, Outcome, custom_fields_for, new_custom_fields
from registry.models import ImportedModel, ImportMapping, ImportRowError, ImportRun
from registry.states import ImportState

CHUNK = 500
JOB_KIND = "registry.import"
TAKEN_AWAY = "The import was given up, or goes on elsewhere; this process writes no more of it."

register_verbs(
    [
        Verb("registry.inventory_imported", "imported an inventory"),
        Verb("registry.import_given_up", "gave up an import"),
        Verb("registry.import_mapping_saved", "saved an import mapping"),
    ]
)

Progress = Callable[[int, int], None]


def import_preview(
    *,
    content: bytes,
    name: str,
    mapping: ColumnMapping,
    unit: BusinessUnit,
    by: User | None,
    now: datetime,
    adds_units: bool = False,
    limit: int | None = None,
    samples: int = 5,
) -> Preview:
    """Say what importing the file would do, and write nothing.

    Raises:
        Invalid: the file cannot be read or lacks columns of the mapping.
        NotAllowed: ``by`` may not import into ``unit``, or not add units below it.
    """
    require(by, "registry.import", unit_id=unit.pk)
    if adds_units:
        require(by, "people.manage_units", unit_id=unit.pk)
    table = open_table(content, name, **mapping.file)
    planner = Planner(mapping, table.headers)
    writer = _writer(planner, Units(unit, adds=adds_units), by=by, now=now)
    tally = Tally()
    shown: list[Sample] = []
    kept: dict[str, str] = {}
    for chunk in _chunks(islice(_planned(table, planner), limit)):
        decisions = writer.decide(chunk)
        kept |= _kept_as_text(planner, chunk)
        for decision in decisions:
            tally.add(decision)
        shown += [sample_of(one, unit.name) for one in decisions[: max(samples - len(shown), 0)]]
    return Preview(
        headers=table.headers,
        file_notes=table.notes,
        rows=sum(tally.counts.values()),
        blank_rows=table.blank_rows,
        counts=dict(tally.counts),
        problems=tuple(tally.problems),
        notes=tuple(tally.notes),
        problem_groups=tally.grouped_problems.groups(),
        problem_kinds=len(tally.grouped_problems),
        note_groups=tally.grouped_notes.groups(),
        note_kinds=len(tally.grouped_notes),
        unknown_units=tuple(tally.unknown_units.most_common()),
        new_units=tuple(tally.new_units.most_common()),
        unit_column=mapping.unit_column,
        key=mapping.key,
        samples=tuple(shown),
        defaults=tally.defaults(),
        new_fields=new_custom_fields(unit, kept),
        left_out=tuple(planner.left_out.items()),
    )


def _kept_as_text(planner: Planner, chunk: Sequence[PlannedRow]) -> dict[str, str]:
    """Return heading and key of the columns that rows keep as custom fields."""
    return {label: key for label, key in planner.keys.items() if any(key in row.custom for row in chunk)}


@operation
def mapping_save(
    *, document: Mapping[str, Any], unit: BusinessUnit, by: User | None, now: datetime
) -> ImportMapping:
    """Keep a mapping under its name; the same name is replaced.

    Raises:
        Invalid: every mistake in the document.
    """
    require(by, "registry.import", unit_id=unit.pk)
    built = mappings.build(dict(document))
    known = ImportMapping.objects.filter(name=built.name).first()
    if known is not None:
        require(by, "registry.import", unit_id=known.unit_id)
    saved = known or ImportMapping(name=built.name, unit=unit, created_by=by, created_at=now)
    saved.document = dict(document)
    save_as(saved, by=by, now=now, reason="Mapping saved")
    tell_of(saved, "import_mapping_saved", by=by, now=now, name=saved.name)
    return saved


@operation
def import_start(
    *,
    content: bytes,
    name: str,
    mapping: ColumnMapping,
    unit: BusinessUnit,
    by: User | None,
    now: datetime,
    adds_units: bool = False,
    in_background: bool = True,
) -> ImportRun:
    """Keep the file and queue its import; the same file may be imported again at any time.

    Raises:
        Invalid: the file cannot be read or lacks columns of the mapping.
        Conflict: an import from this source is under way.
        NotAllowed: ``by`` may not import into ``unit``.
    """
    require(by, "registry.import", unit_id=unit.pk)
    if adds_units:
        require(by, "people.manage_units", unit_id=unit.pk)
    mapping.check_headers(open_table(content, name, **mapping.file).headers)
    _settle_lost(mapping.source, now=now)
    run = ImportRun(
        unit=unit,
        file=files.store(content, name=name, by=by, now=now),
        file_name=name[:255],
        source=mapping.source,
        mapping=dict(mapping.document),
        adds_units=adds_units,
        started_by=by,
        started_at=now,
    )
    try:
        with transaction.atomic():
            run.save()
    except IntegrityError:
        raise Conflict(f"An import from {mapping.source} is under way; wait for it or stop it.") from None
    if in_background:
        _queue(run, by=by, now=now)
    return run


@operation
def import_resume(*, run: ImportRun, by: User | None, now: datetime) -> ImportRun:
    """Let a stopped or failed import go on after its last finished row.

    Raises:
        Conflict: it is finished or under way, or another import from its source is.
    """
    require(by, "registry.import", unit_id=run.unit_id)
    _settle_lost(run.source, now=now)
    run = lock(ImportRun.objects.all(), run.pk)
    if blockers := resume_blockers(run, job_of(run)):
        raise Conflict(blockers[0].message)
    run.state, run.message, run.finished_at = ImportState.QUEUED, "", None
    try:
        with transaction.atomic():
            run.save()
    except IntegrityError:
        raise Conflict(f"Another import from {run.source} is under way.") from None
    _queue(run, by=by, now=now)
    return run


def resume_blockers(run: ImportRun, job: jobs.Job | None) -> list[Blocker]:
    """Why an import cannot go on after its last finished row. One of a command may: that process then ends itself."""
    if _is_undone(run):
        return [Blocker("undone", "The import was undone. Import the file again.")]
    if is_of_a_command(run):
        return []
    outcome = outcome_of(run, job.state if job else None)
    if not outcome.is_final or run.state == ImportState.FINISHED:
        return [Blocker("not_stopped", f"The import is {run.get_state_display().lower()}.")]
    if not outcome.goes_on:
        return [
            Blocker("all_rows_read", "Every row was read. Repair what is named and import the file again.")
        ]
    return []


def _is_undone(run: ImportRun) -> bool:
    """Tell whether an import was undone, in part at least, or is being undone."""
    if run.undone_at is not None or is_being_undone(run):
        return True
    return ImportedModel.objects.filter(run=run, withdrawn_at__isnull=False).exists()


def is_of_a_command(run: ImportRun) -> bool:
    """Tell whether a process outside of the portal runs this import, or was killed while it did."""
    return run.job_number is None and run.state in OPEN


def give_up_blockers(run: ImportRun) -> list[Blocker]:
    """Why an import cannot be given up: only what a command runs has nobody here to stop it."""
    if is_of_a_command(run):
        return []
    return [Blocker("not_of_a_command", "No command runs this import. A job of the portal can be stopped.")]


@operation
def import_give_up(*, run: ImportRun, by: User | None, now: datetime) -> ImportRun:
    """End an import that a command started, so that its source is free. A process that still runs it writes no more.

    Raises:
        RuleViolation: a worker runs it, or it has ended.
    """
    require(by, "registry.import", unit_id=run.unit_id)
    run = lock(ImportRun.objects.select_related("unit"), run.pk)
    refuse_if(give_up_blockers(run))
    run.state, run.message, run.finished_at = ImportState.STOPPED, "It was given up.", now
    run.save()
    tell_of(run, "import_given_up", by=by, now=now, source=run.source, file=run.file_name)
    return run


def _settle_lost(source: str, *, now: datetime) -> None:
    """Close runs whose job ended without a chance to say so; they would keep their source for ever."""
    under_way = ImportRun.objects.filter(source=source, state__in=OPEN)
    for run in lock_all(under_way, under_way.values("pk")):
        job = job_of(run)
        state = state_after_its_job(run, job.state if job else None)
        if state != run.state:
            message = run.message or (job.error if job else "") or LOST
            _note(run, state=state, message=message, finished_at=now)


def import_run(
    *,
    run: ImportRun,
    by: User | None,
    clock: Callable[[], datetime],
    progress: Progress,
    under: Fence = nullcontext,
) -> ImportRun:
    """Import all rows after ``run.resume_row``. Whatever ends it early leaves a run that can go on.

    ``under`` is the fence of a job: a worker whose job another one took over writes nothing any more.
    """
    mapping = mappings.build(run.mapping)
    try:
        table = open_table(files.read(run.file), run.file_name, **mapping.file)
        planner = Planner(mapping, table.headers)
        total = sum(1 for _ in table.rows())
        with under():
            if not _note(run, state=ImportState.RUNNING, rows=total, blank_rows=table.blank_rows):
                raise Conflict(TAKEN_AWAY)
        done = run.created + run.updated + run.unchanged + run.failed
        progress(done, total)
        for chunk in _chunks(row for row in _planned(table, planner) if row.number > run.resume_row):
            with under():
                run = _write_chunk(run=run, chunk=chunk, planner=planner, by=by, now=clock())
            done += len(chunk)
            progress(done, total)
        with under():
            return _finish(run=run, left_out=planner.left_out, by=by, now=clock())
    except BaseException as error:
        stopped = isinstance(error, jobs.JobStopped | KeyboardInterrupt)
        state = ImportState.STOPPED if stopped else ImportState.FAILED
        with suppress(jobs.JobStopped), under():  # whoever took the job over says how it goes on
            _note(run, state=state, message=getattr(error, "message", "") or str(error), finished_at=clock())
        raise


def _held(run: ImportRun) -> ImportRun:
    """Lock a run that is still this process's own.

    Raises:
        Conflict: somebody gave it up, or let it go on elsewhere.
    """
    found = lock(ImportRun.objects.select_related("unit", "file"), run.pk)
    if (found.job_number, found.state) != (run.job_number, ImportState.RUNNING):
        raise Conflict(TAKEN_AWAY)
    return found


@operation
def _write_chunk(
    *, run: ImportRun, chunk: Sequence[PlannedRow], planner: Planner, by: User | None, now: datetime
) -> ImportRun:
    hush()
    run = _held(run)
    used = _kept_as_text(planner, chunk)
    custom_fields_for(run.unit, used, by=by, now=now)
    writer = _writer(planner, Units(run.unit, adds=run.adds_units), by=by, now=now)
    decisions = writer.decide(chunk, holds=True)
    writer.write(decisions)
    created = [one for one in decisions if one.outcome == Outcome.CREATED and one.model]
    ImportedModel.objects.bulk_create(_imported(run, created))
    run.defaults = dict(Counter(run.defaults) + Counter(name for one in created for name in one.row.unstated))
    counts = Counter(decision.outcome.value for decision in decisions)
    for outcome in Outcome:
        setattr(run, outcome.value, getattr(run, outcome.value) + counts[outcome.value])
    run.resume_row = chunk[-1].number
    run.save()
    ImportRowError.objects.bulk_create(_row_errors(run, decisions))
    return run


def _imported(run: ImportRun, created: Sequence[Decision]) -> Iterator[ImportedModel]:
    for one in created:
        if one.model is not None:
            yield ImportedModel(run=run, unit_id=one.model.unit_id, model=one.model, row=one.row.number)


def _row_errors(run: ImportRun, decisions: Sequence[Decision]) -> Iterator[ImportRowError]:
    for decision in decisions:
        for is_note, found in ((False, decision.problems), (True, decision.notes)):
            for problem in found:
                yield ImportRowError(
                    run=run,
                    unit_id=run.unit_id,
                    row=problem.row,
                    column=problem.column[:400],
                    message=problem.message,
                    is_note=is_note,
                )


@operation
def _finish(*, run: ImportRun, left_out: Mapping[str, int], by: User | None, now: datetime) -> ImportRun:
    run = _held(run)
    run.left_out = dict(left_out)
    run.state, run.finished_at = ImportState.FINISHED, now
    if run.rows and run.failed == run.rows:
        run.state, run.message = (
            ImportState.FAILED,
            f"None of the {plural(run.rows, 'row')} could be imported.",
        )
    run.save()
    tell_of(
        run,
        "inventory_imported",
        by=by,
        now=now,
        source=run.source,
        file=run.file_name,
        sha256=run.file.sha256,
        **import_counts(run),
        **({"defaults": run.defaults} if run.defaults else {}),
        **({"left_out": run.left_out} if run.left_out else {}),
    )
    return run


def import_counts(run: ImportRun) -> dict[str, int]:
    """Return the counts of an import in the order in which they are told."""
    names = ("rows", "blank_rows", "created", "updated", "unchanged", "failed")
    return {name: getattr(run, name) for name in names}


def _note(run: ImportRun, **values: Any) -> bool:
    """Write down how far a run is, unless it was given up or goes on elsewhere; tell whether it was written."""
    for name, value in values.items():
        setattr(run, name, value)
    own = ImportRun.objects.filter(pk=run.pk, job_number=run.job_number)
    if run.job_number is None:
        own = own.filter(state__in=OPEN)
    return bool(own.update(**values))


def _queue(run: ImportRun, *, by: User | None, now: datetime) -> None:
    job = jobs.start(
        kind=JOB_KIND,
        by=by,
        params={"run_id": run.pk},
        now=now,
        unit_id=run.unit_id,
        label=f"Import of {run.file_name}",
    )
    run.job_number = job.pk
    run.save(update_fields=["job_number"])


def _writer(planner: Planner, units: Units, *, by: User | None, now: datetime) -> ChunkWriter:
    return ChunkWriter(mapping=planner.mapping, units=units, custom_keys=planner.keys, by=by, now=now)


def _planned(table: Table, planner: Planner) -> Iterator[PlannedRow]:
    return (planner.plan(row) for row in table.rows())


def _chunks(rows: Iterator[PlannedRow]) -> Iterator[list[PlannedRow]]:
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
