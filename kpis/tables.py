"""Tables of the numbers: the rows behind them, the targets, the numbers by unit and tier."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join

from kpis import definitions
from kpis.computing import Reason, Source
from kpis.judging import limit_text
from mlops_portal.foundation.web import cells, marks
from mlops_portal.foundation.web.tables import Column, Table
from registry.tables import model_column

REASONS = {"counted": "info", "hit": "ok", "failed": "fail", "open": "info", "out": "mute", "error": "warn"}
TARGET_STATES = {"approved": "ok", "proposed": "info", "declined": "mute"}


def _reason(value: Reason, row: Any) -> Any:
    linked = format_html_join("; ", "{}", ((_source(one),) for one in value.sources))
    return marks.pill(REASONS[value.state], linked or value.words)


def _source(source: Source) -> Any:
    if source.deployment:
        url = reverse("registry:deployment-detail", args=[source.deployment])
    elif source.change:
        url = reverse("approvals:change-detail", args=[source.change])
    else:
        return source.words
    return format_html('<a href="{}">{}</a>', url, source.words)


def _version_url(row: Any) -> str:
    return reverse("registry:version-detail", args=[row.model_id, row.version.number])


class RolloutTable(Table):
    """Deployments behind a number."""

    default_sort = "-finished"
    model = model_column(header=True)
    counts = Column(
        "In this number", accessor="kpi_reason", cell=_reason, export=lambda row: row.kpi_reason[1]
    )
    version = Column("Version", accessor="version.name", link=_version_url)
    environment = Column("Environment", accessor="environment.name")
    tier = Column("Tier then", accessor="decided_tier", cell=cells.tier)
    finished = Column(
        "Finished",
        accessor="finished_at",
        sort="finished_at",
        cell=cells.when,
        link=lambda row: row.get_absolute_url(),
    )
    kind = Column("Reason", accessor="get_kind_display")
    state = Column("Became", accessor="get_state_display", shown=False)
    deployment = Column("Deployment", accessor="pk", shown=False)


class LeadTable(RolloutTable):
    """First deployments of versions with the time they took."""

    started = Column("Started", accessor="lead_from", cell=cells.empty_as("not recorded"))
    hours = Column("Lead time, h", accessor="lead_hours", numeric=True, cell=cells.number(1, "", "none"))


class DocumentedTable(RolloutTable):
    """Deployments with the score frozen when they started."""

    score = Column("Score then", accessor="document_score", numeric=True, cell=cells.share("not kept"))
    threshold = Column(
        "Threshold then", accessor="document_threshold", numeric=True, cell=cells.share("not kept")
    )


class ChangeTable(Table):
    """Requests behind the approval time. Who decided is no part of it."""

    default_sort = "-submitted"
    change = Column(
        "Change request", header=True, link=lambda row: row.get_absolute_url(), accessor="code", note="title"
    )
    model = model_column()
    tier = Column("Tier", accessor="decided_tier", cell=cells.tier)
    kind = Column("Kind", accessor="get_kind_display")
    state = Column("State", accessor="get_state_display")
    submitted = Column("Submitted", accessor="submitted_at", sort="submitted_at", cell=cells.when)
    decided = Column("Decided", accessor="decided_at", cell=cells.when)
    hours = Column("Whole time, h", accessor="whole_hours", numeric=True, cell=cells.number(1, "", "open"))
    returns = Column("Sent back", accessor="returns", numeric=True)
    counts = Column(
        "In this number", accessor="kpi_reason", cell=_reason, export=lambda row: row.kpi_reason[1]
    )


class PlaceTable(Table):
    """Numbers by unit and tier, for files."""

    kpi = Column("KPI", header=True)
    name = Column("KPI in words")
    unit = Column("Unit")
    tier = Column("Tier")
    value = Column("Value")
    measured_in = Column("Measured in")
    n = Column("n")
    numerator = Column("Numerator")
    denominator = Column("Denominator")
    band = Column("Band")
    limit = Column("Limit")
    first = Column("From")
    last = Column("To")
    version = Column("Formula")
    computed = Column("Computed")


class HeatTable(Table):
    """The table of units and tiers as it stands on the page, for files."""

    kpi = Column("KPI", header=True)
    unit = Column("Unit")
    tier = Column("Tier")
    numerator = Column("Hits")
    n = Column("Counted")
    value = Column("Value")
    measured_in = Column("Measured in")
    band = Column("Band")
    first = Column("From")
    last = Column("To")


class TargetTable(Table):
    """Targets, newest first."""

    default_sort = "-valid_from"
    kpi = Column("KPI", header=True, link=True, accessor="label")
    scope = Column("Where", accessor="scope_text")
    value = Column(
        "Target",
        cell=lambda value, row: limit_text(definitions.get(row.kpi), value),
        accessor="value",
        numeric=True,
    )
    green = Column(
        "On target",
        accessor="green_limit",
        cell=lambda value, row: limit_text(definitions.get(row.kpi), value),
        numeric=True,
    )
    amber = Column(
        "Watch",
        accessor="amber_limit",
        cell=lambda value, row: limit_text(definitions.get(row.kpi), value),
        numeric=True,
    )
    valid_from = Column("From", accessor="valid_from", sort="valid_from", cell=cells.when)
    state = Column("State", cell=cells.state(TARGET_STATES))
    proposed_by = Column("Proposed by", cell=cells.person, export="proposed_by.name")
    approved_by = Column("Approved by", cell=cells.person, accessor="approved_by", export="approved_by.name")
