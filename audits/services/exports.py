"""Starting exports, recording what they made and who took it away. Every one of these acts is an entry."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.models import ChangeRequest
from audits import events
from audits.exports.coverage import lost_since
from audits.exports.scopes import FORMATS, JOB_KINDS, LABELS, RIGHT, Scope, What, told
from audits.models import LedgerEntry
from mlops_portal.foundation.errors import Conflict, FieldError, Invalid, NotAllowed, NotFound, invalid
from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.files.models import StoredFile
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require, rights_of
from mlops_portal.foundation.work import jobs
from mlops_portal.foundation.work.models import Job
from mlops_portal.foundation.work.states import JobState
from registry.models import RegisteredModel


def _tell(verb: str, job: Job, *, by: User | None, now: datetime, **data: Any) -> None:
    emit(
        DomainEvent(
            verb=verb,
            subject_label="foundation.Job",
            subject_id=str(job.pk),
            actor_id=str(by.pk) if by else None,
            occurred_at=now,
            unit_id=job.unit_id,
            data=data,
        )
    )


@operation
def export_start(*, scope: Scope, by: User, now: datetime) -> Job:
    """Queue an export of what ``by`` may export.

    Raises:
        Invalid: the format or a choice does not belong to this, or the period ends before it begins.
        NotFound: the change request or the model does not exist for this person.
        NotAllowed: no right to export there.
    """
    if surplus := scope.surplus():
        message = f"Not a choice of this export: {LABELS[scope.what].lower()}."
        raise Invalid([FieldError(name, message) for name in surplus])
    if scope.format not in FORMATS[scope.what]:
        raise invalid(
            "format", f"{scope.format} is not made of this. Choose {', '.join(FORMATS[scope.what])}."
        )
    since, until = scope.moment("since"), scope.moment("until")
    if since and until and until <= since:
        raise invalid("until", "The period ends before it begins.")
    if (at := scope.moment("at")) and at > now:
        raise invalid("at", "This moment is in the future.")
    unit_id = _unit_of(scope, by)
    job = jobs.start(
        kind=JOB_KINDS[scope.what],
        by=by,
        params=scope.as_params(),
        now=now,
        unit_id=unit_id,
        label=told(scope),
    )
    _tell(events.EXPORT_STARTED, job, by=by, now=now, scope=scope.as_params())
    return job


@operation
def export_again(*, job: Job, by: User, now: datetime) -> Job:
    """Make an export once more, of the same scope as the ledger is now."""
    return export_start(scope=Scope.of(job.params), by=by, now=now)


def _unit_of(scope: Scope, by: User) -> int | None:
    """Return the unit an export belongs to, having asked for the right there."""
    if scope.what == What.PACK:
        if not scope.change_id:
            raise invalid("change", "Name the change request.")
        change = ChangeRequest.objects.visible_to(by, RIGHT).filter(pk=scope.change_id).first()
        if change is None:
            raise NotFound(f"There is no change request {scope.change_id} that you may export.")
        return change.unit_id
    if scope.unit_id:
        require(by, RIGHT, unit_id=scope.unit_id)
    if scope.model_id:
        model = RegisteredModel.objects.visible_to(by, RIGHT).filter(pk=scope.model_id).first()
        if model is None:
            raise NotFound(f"There is no model {scope.model_id} that you may export.")
        return model.unit_id
    require(by, RIGHT)
    return scope.unit_id


@operation
def export_written(*, job: Job, pack: Mapping[str, Any], by: User | None, now: datetime) -> None:
    """Enter the kind of a pack and the digests of its files before it is closed: it holds this entry and proves it."""
    _tell(events.EXPORT_WRITTEN, job, by=by, now=now, **pack)


def entry_written(job: Job) -> UUID:
    """Return the entry that `export_written` made last."""
    about = LedgerEntry.objects.filter(
        verb=events.EXPORT_WRITTEN, subject_label="foundation.Job", subject_id=str(job.pk)
    )
    return about.order_by("-id").values_list("entry_id", flat=True)[0]


@operation
def export_made(*, job: Job, file: StoredFile, to_entry: int | None, by: User | None, now: datetime) -> None:
    """Enter what an export made, so that the digest of the file can be proved later."""
    _tell(events.EXPORT_MADE, job, by=by, now=now, sha256=file.sha256, size=file.size, ledger_size=to_entry)


@operation
def export_taken(*, job: Job, by: User, now: datetime) -> StoredFile:
    """Enter a download and return the file.

    Raises:
        NotAllowed: the right to export a part of what it covers has ended since, or never was.
        Conflict: there is no file.
    """
    if not rights_of(by).has(RIGHT):
        raise NotAllowed("You have no right to export any more.")
    if job.state != JobState.SUCCEEDED:
        raise Conflict("This export has no file yet.")
    covered = None if Scope.of(job.params).surplus() else job.result.get("covers")
    if lost := lost_since(covered, by):
        raise NotAllowed(
            f"You may not export all of this any more: {lost}. Make a new export of what you may export now.",
            owner="an administrator of the unit",
        )
    file = StoredFile.objects.filter(pk=job.result.get("file_id")).first()
    if file is None:
        raise NotFound("The file of this export is no longer kept. Make it again.")
    _tell(events.EXPORT_TAKEN, job, by=by, now=now, sha256=file.sha256)
    return file


@operation
def verification_start(*, by: User, now: datetime) -> Job:
    """Queue a verification of the whole ledger.

    Raises:
        NotAllowed: no right to verify.
    """
    require(by, "audits.verify")
    return jobs.start(kind="audits.verify", by=by, params={}, now=now)


@operation
def verification_record(*, job: Job, outcome: dict[str, Any], by: User | None, now: datetime) -> None:
    """Enter the outcome of a verification."""
    _tell(events.VERIFIED, job, by=by, now=now, **outcome)
