"""Tables of approvals' lists; page, CSV and XLSX read the same columns."""

from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from approvals import tones
from approvals.models import Validation
from approvals.queries.inbox_page import evidence_of
from approvals.queries.validation_list import repair_due, waits_text
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.web import cells, marks, svg
from mlops_portal.foundation.web.tables import Column, Table
from mlops_portal.foundation.web.words import day_text
from registry.tables import model_column, version_url


def _gates(value: Any, row: Any) -> Any:
    found = evidence_of(row)
    if row.gates_at is None:
        return cells.absent("not run")
    drawn = svg.segments(found.passed, found.waived, found.warned, found.failed)
    return format_html("{}<small>{}</small>", drawn, found.line)


def _tier(value: Any, row: Any) -> Any:
    return marks.tier(value) if value else cells.absent("not filed")


class ChangeTable(Table):
    """Requests, newest first."""

    default_sort = "-number"
    number = Column("Request", header=True, narrow=True, link=True, sort="pk", accessor="code")
    title = Column("What")
    model = model_column()
    tier = Column("Tier", accessor="decided_tier", sort="tier_order", cell=_tier)
    kind = Column(
        "Change",
        cell=lambda value, row: row.get_kind_display(),
        export=lambda row: row.get_kind_display(),
        shown=False,  # the title begins with it
    )
    version = Column("Version", cell=cells.empty_as("none"), accessor="version.name", shown=False)
    environment = Column(
        "Where", cell=cells.empty_as("wherever it runs"), accessor="environment.name", shown=False
    )
    state = Column(
        "State",
        sort="state",
        cell=lambda value, row: marks.pill(tones.CHANGE[value], row.get_state_display()),
        export=lambda row: row.get_state_display(),
    )
    headline = Column("What stands in the way", cell=cells.empty_as("nothing"))
    gates = Column("Gates", accessor="gates_passed", cell=_gates, export=lambda row: evidence_of(row).line)
    requester = Column("Requested by", cell=cells.person, export="requester.name", shown=False)
    submitted = Column(
        "Filed", accessor="submitted_at", sort="submitted_at", cell=lambda value, row: cells.when(value, row)
    )
    decided = Column(
        "Decided", accessor="decided_at", cell=lambda value, row: cells.when(value, row), shown=False
    )
    revision = Column("Revision", accessor="dossier_number", numeric=True, shown=False)
    digest = Column("Dossier", accessor="dossier_digest", cell=cells.digest, shown=False)


class QueueTable(Table):
    """A queue of the inbox as a file: who owes and how long, what, how risky, is the evidence complete, why not."""

    group = Column("Group")
    number = Column("Request", header=True, accessor="change.code")
    title = Column("What", accessor="change.title")
    model = Column("Model", accessor="change.model.name")
    unit = Column("Unit", accessor="change.unit.name")
    tier = Column("Tier", accessor="change.decided_tier")
    owes = Column("Who owes", accessor="row.owes")
    clock = Column("Time left", accessor="row.clock.label")
    due = Column("Due", accessor="row.stage.due_at")
    stage = Column("Stage", accessor="row.stage.title")
    position = Column(
        "Position", export=lambda found: f"{found['row'].stage.position} of {found['row'].of_stages}"
    )
    taken = Column("Taken by", accessor="row.stage.assigned_to")
    gates = Column("Gates", accessor="row.evidence.line")
    why = Column("Evidence", accessor="row.evidence.why")
    barred = Column("Why not by you", export=lambda found: [one.message for one in found["row"].blockers])
    requester = Column("Requested by", accessor="change.requester.name")
    submitted = Column("Filed", accessor="change.submitted_at")


class ConditionTable(Table):
    """Conditions to verify, as a file."""

    number = Column("Set by", header=True, accessor="origin")
    model = Column("Model", accessor="model.name")
    unit = Column("Unit", accessor="unit.name")
    text = Column("Condition")
    evidence = Column("Evidence")
    owner = Column("Owner", accessor="owner.name")
    due = Column("Due", accessor="due_on")


class DecidedTable(Table):
    """What a person decided lately, as a file."""

    number = Column("Request", header=True, accessor="change.code")
    title = Column("What", accessor="change.title")
    unit = Column("Unit")
    about = Column("At")
    verdict = Column("Verdict")
    decided = Column("Decided", accessor="at")
    void = Column("Void")
    state = Column("The request", accessor="change.predicate")


def _outcome(value: Any, row: Any) -> Any:
    if not value:
        return cells.absent("not concluded")
    return marks.pill(tones.VALIDATION[value], row.get_outcome_display())


def _valid_until(value: Any, row: Any) -> Any:
    if value is None:
        return cells.absent("not concluded")
    if row.outcome == Validation.Outcome.NOT_APPROVED:
        return cells.absent("vouches for nothing")
    day = cells.when(portal_day(value), row)
    if value > timezone.now():
        return day
    return format_html("{}<small>{}</small>", marks.pill("warn", "Ended"), day)


def _waits(value: Any, row: Any) -> Any:
    text = waits_text(row)
    return format_html('<span class="nowrap">{}</span>', text) if text else cells.absent("nothing")


def _due(row: Any) -> str:
    return repair_due(row, portal_day(timezone.now()))


class ValidationTable(Table):
    """Validations, newest first."""

    default_sort = "-validation"
    validation = Column(
        "Validation",
        header=True,
        sort="pk",
        accessor="pk",
        cell=lambda value, row: f"Validation {value}",
        note=lambda row: f"{row.get_kind_display()}, opened {day_text(row.opened_at)}",
        link=lambda row: reverse("approvals:validation", args=[row.pk]),
    )
    model = model_column()
    version = Column("Version", accessor="version.name", link=version_url)
    tier = Column(
        "Tier",
        accessor="model.tier",
        sort="model__tier",
        cell=lambda value, row: marks.tier(value) if value else cells.absent("not rated"),
    )
    kind = Column(
        "Kind",
        cell=lambda value, row: row.get_kind_display(),
        export=lambda row: row.get_kind_display(),
        shown=False,
    )
    validator = Column("Validator", accessor="validator.name")
    state = Column(
        "State",
        sort="state",
        cell=lambda value, row: row.get_state_display(),
        export=lambda row: row.get_state_display(),
    )
    outcome = Column("Outcome", cell=_outcome, export=lambda row: row.get_outcome_display())
    findings = Column("Findings", accessor="findings_open", numeric=True)
    valid_until = Column("Valid until", sort="valid_until", cell=_valid_until)
    waits = Column(
        "Waits for",
        accessor="waits_for",
        cell=_waits,
        note=_due,
        export=lambda row: ", ".join(filter(None, (waits_text(row), _due(row)))),
    )
    opened = Column("Opened", accessor="opened_at", sort="opened_at", cell=cells.when, shown=False)
    concluded = Column(
        "Concluded", accessor="concluded_at", cell=lambda value, row: cells.when(value, row), shown=False
    )
