"""Tables of the registry's lists; page, CSV and XLSX read the same columns."""

from collections.abc import Callable, Sequence
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.web import cells, marks
from mlops_portal.foundation.web.tables import Column, Table
from mlops_portal.foundation.web.words import percent, plural, share, when
from registry import tones
from registry.queries import custom, portfolio, sources

CHOICES_SHOWN = 4
NOTE_SHOWN = 80  # the page of the deployment has all of it


def _model_url(row: Any) -> str:
    return reverse("registry:model-detail", args=[row.model_id])


def version_url(row: Any) -> str:
    """Lead to the version of a row."""
    return reverse("registry:version-detail", args=[row.version.model_id, row.version.number])


def _model_note(row: Any) -> SafeString | str:
    """Write the registered name where the title stands above it, and the unit."""
    name = row.model.second_name
    return format_html("<code>{}</code>, {}", name, row.unit) if name else str(row.unit)


def model_column(**settings: Any) -> Column:
    """Name the model of a row as people read it, its registered name and unit below; files hold both names."""
    return Column(
        "Model",
        accessor="model",
        cell=cells.plain,
        export="model.name",
        beside=[("Title", "model.title")],
        note=_model_note,
        **{"link": _model_url, **settings},
    )


def _label(field: str) -> Any:
    return lambda row: getattr(row, f"get_{field}_display")()


def _state(tone_of: Any, field: str) -> Any:
    return lambda value, row: marks.pill(tone_of.get(value, "mute"), getattr(row, f"get_{field}_display")())


def _aliases(row: Any) -> str:
    return ", ".join(f"@{alias.name}" for alias in row.aliases.all())


def _production_url(row: Any) -> str | None:
    number = row.production_number
    return None if number is None else reverse("registry:version-detail", args=[row.pk, number])


def _production(value: Any, row: Any) -> Any:
    return cells.absent("not yet") if value is None else row.production_label or f"v{value}"


def _review(value: Any, row: Any) -> Any:
    if value is None:
        return cells.absent("not set")
    if value >= portal_day(timezone.now()):
        return when(value)
    return format_html("{}<small>{}</small>", marks.pill("fail", "Overdue"), when(value))


def _request(value: Any, row: Any) -> Any:
    behind = row.request_behind
    if behind is None:
        return cells.absent()
    if not behind.url:
        return behind.code
    deciders = format_html_join(", ", '<a href="{}">{}</a>', ((one.url, one.by) for one in behind.decided))
    return format_html(
        '<a href="{}">{}</a><small>{}</small>', behind.url, behind.code, deciders or "no decision"
    )


def count_or_none(tone: str) -> Any:
    """Show a number that matters when it is not zero."""
    return lambda value, row: marks.count(value, tone) if value else cells.absent()


class ModelTable(Table):
    """The portfolio."""

    default_sort = "name"
    name = Column(
        "Model",
        header=True,
        link=True,
        sort="title_key",
        cell=lambda value, row: str(row),
        note=lambda row: row.second_name and format_html("<code>{}</code>", row.second_name),
        beside=[("Title", "title")],
    )
    tier = Column("Tier", sort="tier", cell=lambda value, row: marks.tier(row.tier), accessor="tier")
    kind = Column("Kind", sort="kind", cell=lambda value, row: row.get_kind_display(), export=_label("kind"))
    unit = Column("Unit", accessor="unit.name", sort="unit__name")
    state = Column(
        "State",
        accessor="lifecycle_state",
        sort="lifecycle_state",
        cell=_state(tones.LIFECYCLE, "lifecycle_state"),
        export=_label("lifecycle_state"),
    )
    production = Column(
        "In production",
        accessor="production_number",
        cell=_production,
        link=_production_url,
        export=lambda row: row.production_label or row.production_number,
    )
    open_tasks = Column("Duties", numeric=True, cell=count_or_none("warn"))
    documents = Column(
        "Documents",
        accessor="document_score",
        numeric=True,
        cell=lambda value, row: cells.absent() if value is None else share(value),
    )
    governance = Column(
        "Governance", shown=False, cell=_state(tones.GOVERNANCE, "governance"), export=_label("governance")
    )
    adoption_stage = Column(
        "Adoption",
        shown=False,
        cell=lambda value, row: row.get_adoption_stage_display(),
        export=_label("adoption_stage"),
    )
    use_case = Column(
        "Use case",
        shown=False,
        cell=lambda value, row: row.get_use_case_display() or cells.absent(),
        export=_label("use_case"),
    )
    versions = Column("Versions", shown=False, accessor="counter.last_number", numeric=True)
    next_review = Column("Next review", accessor="next_review_on", sort="next_review_on", cell=_review)
    owner = Column("Owner", cell=cells.person, accessor="owner", export="owner.name")
    updated = Column("Changed", shown=False, accessor="updated_at", sort="updated_at", cell=cells.when)
    vendor = Column("Vendor", shown=False)
    eu_ai_class = Column(
        "EU AI Act",
        shown=False,
        cell=lambda value, row: row.get_eu_ai_class_display(),
        export=_label("eu_ai_class"),
    )
    external_id = Column("Source key", shown=False)


def offer(name: str, column: Column, expression: Callable[[], Any], *, before: str = "open_tasks") -> None:
    """Let an app above add a column to the portfolio; the expression is annotated on models under the same name."""
    column.__set_name__(ModelTable, name)
    others = [one for one in ModelTable.declared if one.name != name]
    place = [one.name for one in others].index(before)
    ModelTable.declared = (*others[:place], column, *others[place:])
    portfolio.offered[name] = expression


def _why(value: Any, row: Any) -> SafeString | str:
    """Say of what kind it was and, in a few words, what stands behind it: the incident, else the note."""
    behind = row.caused_by_incident or Truncator(row.note).chars(NOTE_SHOWN)
    kind = row.get_kind_display()
    return format_html("{}<small>{}</small>", kind, behind) if behind else kind


class DeploymentTable(Table):
    """What was put where, newest first."""

    default_sort = "-started"
    model = model_column(header=True)
    version = Column("Version", accessor="version.name", link=version_url)
    environment = Column("Environment", accessor="environment.name", note="environment.get_provider_display")
    state = Column("State", cell=_state(tones.DEPLOYMENT, "state"), export=_label("state"))
    kind = Column("Reason", cell=_why, export=_label("kind"))
    traffic_percent = Column("Traffic", numeric=True, cell=lambda value, row: percent(value))
    tier = Column("Tier then", cell=cells.tier)
    started = Column("Started", accessor="started_at", sort="started_at", cell=cells.when, link=True)
    finished = Column("Finished", accessor="finished_at", cell=cells.when)
    change = Column(
        "Change request",
        accessor="change_id",
        cell=_request,
        export=lambda row: f"CR-{row.change_id}" if row.change_id else "",
    )


def _period(value: Any, row: Any) -> Any:
    if row.from_on is None and row.to_on is None:
        return cells.absent("not stated")
    return format_html("{}<small>to {}</small>", when(row.from_on, "open"), when(row.to_on, "open"))


class DatasetTable(Table):
    """Data sets, each at one state."""

    default_sort = "name"
    name = Column("Data set", header=True, link=True, sort="name", note="label", beside=[("Label", "label")])
    unit = Column("Unit", accessor="unit.name", sort="unit__name")
    versions = Column("Versions", accessor="version_count", numeric=True)
    models = Column("Models", accessor="model_count", numeric=True)
    serving = Column("In production", accessor="serving_count", numeric=True)
    size = Column("Rows", accessor="rows", sort="rows", numeric=True, cell=cells.empty_as("not stated"))
    period = Column("Period", accessor="from_on", cell=_period, export="from_on", beside=[("Until", "to_on")])
    digest = Column("Digest", cell=cells.digest)
    source = Column("Source", shown=False, cell=cells.empty_as("not stated"))
    registered = Column("Registered", accessor="created_at", sort="created_at", cell=cells.when)


class PipelineTable(Table):
    """Pipelines that make features."""

    default_sort = "name"
    name = Column("Pipeline", header=True, link=True, sort="name")
    unit = Column("Unit", accessor="unit.name", sort="unit__name")
    versions = Column("Versions", accessor="version_count", numeric=True)
    models = Column("Models", accessor="model_count", numeric=True)
    serving = Column("In production", accessor="serving_count", numeric=True)
    cadence = Column("Runs", cell=cells.empty_as("not stated"))
    owner = Column("Owner", cell=cells.person, export="owner.name")
    url = Column("Address", cell=cells.empty_as("not stated"))
    registered = Column("Registered", accessor="created_at", sort="created_at", cell=cells.when)


def _measured(value: Any, row: Any) -> Any:
    if not value:
        return cells.absent("nothing")
    return format_html(
        "{}<small>weakest: {}</small>", plural(value, "metric"), sources.grade_words(row.weakest).lower()
    )


class PipelineUseTable(Table):
    """Versions that use one pipeline, the newest first."""

    default_sort = "-registered"
    model = model_column(header=True)
    version = Column("Version", accessor="version.name", link=version_url)
    tier = Column("Tier", accessor="model.tier", cell=cells.tier)
    live = Column("Runs in", accessor="live_in", cell=cells.empty_as("not deployed"))
    artifact = Column(
        "Artifact's grade",
        accessor="version.artifact_grade",
        cell=lambda value, row: row.version.get_artifact_grade_display(),
        export=lambda row: row.version.get_artifact_grade_display(),
    )
    registered = Column(
        "Registered", accessor="version.registered_at", sort="version__registered_at", cell=cells.when
    )


class DatasetUseTable(PipelineUseTable):
    """Versions that use one data set, and what for."""

    role = Column(
        "Used for", sort="role", cell=lambda value, row: row.get_role_display(), export=_label("role")
    )
    measured = Column("Measured on it", cell=_measured, export="measured")
    weakest = Column(
        "Weakest grade",
        shown=False,
        cell=lambda value, row: sources.grade_words(value) or cells.absent(),
        export=lambda row: sources.grade_words(row.weakest),
    )


class EnvironmentTable(Table):
    """Where versions can run."""

    default_sort = "name"
    name = Column(
        "Environment",
        header=True,
        link=lambda row: reverse("registry:environment-detail", args=[row.pk]),
        sort="name",
    )
    provider = Column(
        "Runs on",
        cell=lambda value, row: row.get_provider_display(),
        export=_label("provider"),
        note="region",
    )
    is_production = Column("Production", cell=cells.flag("production", "no", "info"))
    connector = Column(
        "Connector", cell=lambda value, row: row.get_connector_display(), export=_label("connector")
    )
    alias = Column("Alias", cell=cells.code)
    unit = Column("Unit", accessor="unit.name", sort="unit__name")
    live = Column("Live versions", accessor="live_count", numeric=True)


class VersionTable(Table):
    """Versions of one model, newest first."""

    default_sort = "-number"
    number = Column("Version", header=True, link=True, sort="number", accessor="name")
    aliases = Column(
        "Aliases", accessor="pk", cell=lambda value, row: _aliases(row) or cells.absent(), export=_aliases
    )
    stage = Column("Stage", cell=_state(tones.STAGE, "stage"), export=_label("stage"))
    live = Column("Runs in", accessor="live_in", cell=cells.empty_as("not deployed"))
    metric = Column(
        "Primary metric", accessor="primary_value", numeric=True, cell=cells.figure("not measured")
    )
    artifact = Column("Artifact", accessor="artifact_sha256", cell=cells.digest)
    grade = Column(
        "Grade", accessor="artifact_grade", cell=lambda value, row: row.get_artifact_grade_display()
    )
    registered = Column("Registered", accessor="registered_at", cell=cells.when)
    registered_by = Column("By", cell=cells.person, export="registered_by.name")


def _choices(value: Any, row: Any) -> Any:
    if not value:
        return cells.absent("no choices" if row.type == "choice" else "none")
    more = f" and {len(value) - CHOICES_SHOWN} more" if len(value) > CHOICES_SHOWN else ""
    return ", ".join(str(one) for one in value[:CHOICES_SHOWN]) + more


class FieldTable(Table):
    """Fields that administrators declared."""

    default_sort = "label"
    label = Column(
        "Field", header=True, link=lambda row: reverse("registry:field-edit", args=[row.pk]), sort="label"
    )
    key = Column("Key", sort="key", cell=cells.code)
    type = Column("Type", sort="type", cell=lambda value, row: row.get_type_display(), export=_label("type"))
    unit = Column("Unit", accessor="unit.name", sort="unit__name")
    required = Column("Required", cell=cells.flag("required", "optional", "info"))
    origin = Column("Origin", accessor="is_imported", cell=cells.flag("came with a file", "declared", "mute"))
    choices = Column("Choices", cell=_choices)
    held = Column("Models with a value", numeric=True, cell=lambda value, row: f"{value} of {row.reach}")

    def noted(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Count the models that hold a value."""
        return custom.with_held(rows)
