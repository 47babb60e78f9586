"""Whom acts of the registry tell. Of two rows for one person the first counts, and what is expected of somebody goes
before what they should know. Versions, metrics and what pipelines write by the hundred tell nobody; an import tells
once, at its end.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.urls import reverse

from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.web.notices import Happening, Place, Receivers, Record, Rule, holders_told, ids
from mlops_portal.foundation.web.settling import Ask, Ending, Keys, subject_of
from mlops_portal.foundation.web.words import day_text, number, plural, sentence
from registry.models import (
    Deployment,
    GovernanceOverride,
    ImportRun,
    RecordTask,
    RegisteredModel,
    RiskAssessment,
    ThresholdSet,
    UnitUse,
)
from registry.states import Governance

VIEW = "registry.view"
Ids = Iterable[int | None]
OF_MODEL = [f"model__{name}" for name in ("name", "title", "unit", "owner", "developer")]


def _model_page(model: RegisteredModel) -> Place:
    return Place(model.get_absolute_url(), VIEW, model.unit_id, model.pk)


def _page_of_model(row: Any) -> Place:
    return _model_page(row.model)


def _risk_page(row: Any) -> Place:
    return Place(reverse("registry:evidence", args=[row.model_id]), VIEW, row.model.unit_id, row.model_id)


def _of_model(row: Any) -> RegisteredModel:
    model: RegisteredModel = row.model
    return model


def _deciders(right: str, row: Any) -> Ids:
    without = (row.proposed_by_id, row.model.owner_id, row.model.developer_id)
    return holders_told(right, unit_id=row.model.unit_id, other_than=without)


# Models


def _models(events: Sequence[DomainEvent]) -> Iterable[RegisteredModel]:
    return RegisteredModel.objects.alive().filter(pk__in=ids(events)).select_related("unit", "owner")


def _model_words(model: RegisteredModel, happening: Happening) -> Mapping[str, str]:
    data = happening.data
    after, why = str(data.get("after", "")), data.get("rationale") or data.get("reason") or ""
    return {
        "governance": Governance(after).label.lower() if after in Governance.values else after,
        "why": sentence(why if isinstance(why, str) else " ".join(sentence(str(line)) for line in why)),
        "unit": str(model.unit),
        "owner": str(model.owner or "nobody"),
    }


MODEL = Record(find=_models, place=_model_page, words=_model_words)
OWNER_OF_MODEL = Receivers("the model's owner", lambda model, happening: [model.owner_id])
FORMER_OWNER_OF_MODEL = Receivers(
    "its owner until then", lambda model, happening: [happening.data.get("former_owner")]
)
DEVELOPER_OF_MODEL = Receivers("its developer", lambda model, happening: [model.developer_id])


def names_owner(event: DomainEvent) -> bool:
    """Tell whether the owner of a record changed."""
    return "owner" in event.data.get("fields", ())


def names_developer(event: DomainEvent) -> bool:
    """Tell whether the developer of a record changed."""
    return "developer" in event.data.get("fields", ())


def was_governed(event: DomainEvent) -> bool:
    """Tell whether governance was something else before: at a first evaluation nothing changed for anybody."""
    return bool(event.data.get("before"))


# What belongs to a model


def _rows(kind: Any, **related: Sequence[str]) -> Any:
    """Read rows of a model with some fields of each further record; of the wide model what is said of it."""
    own = [field.name for field in kind._meta.concrete_fields]
    read = [*own, *OF_MODEL, *(f"{name}__{field}" for name, fields in related.items() for field in fields)]

    def find(events: Sequence[DomainEvent]) -> Iterable[Any]:
        return kind.objects.filter(pk__in=ids(events)).select_related("model", *related).only(*read)

    return find


TASK = Record(
    find=_rows(RecordTask),
    about=_of_model,
    place=_page_of_model,
    words=lambda task, happening: {"text": sentence(task.text)},
)
TASK_OWNER = Receivers("the owner of the task", lambda task, happening: [task.owner_id])
RATING = Record(
    find=_rows(RiskAssessment),
    about=_of_model,
    place=_risk_page,
    words=lambda rating, happening: {"tier": str(rating.tier), "note": sentence(rating.note)},
)
LIMITS = Record(
    find=_rows(ThresholdSet),
    about=_of_model,
    place=_risk_page,
    words=lambda limits, happening: {
        "number": number(limits.number),
        "reason": sentence(str(happening.data.get("reason", ""))),
    },
)
OVERRIDE = Record(
    find=_rows(GovernanceOverride, model=("governance",)),
    about=_of_model,
    place=_risk_page,
    words=lambda override, happening: {
        "until": day_text(portal_day(override.valid_until)),
        "why": sentence(str(happening.data.get("reason", ""))),
        "governance": override.model.get_governance_display().lower(),
    },
)
OVERRIDER = Receivers("who signed the override", lambda override, happening: [override.decided_by_id])
PROPOSER = Receivers("who proposed it", lambda row, happening: [row.proposed_by_id])
OWNER = Receivers("the model's owner", lambda row, happening: [row.model.owner_id])
DEVELOPER = Receivers("its developer", lambda row, happening: [row.model.developer_id])
RATING_DECIDERS = Receivers(
    "those who approve ratings and have no office at the model",
    lambda rating, happening: _deciders("registry.approve_rating", rating),
)
LIMITS_DECIDERS = Receivers(
    "those who lock limits and have no office at the model",
    lambda limits, happening: _deciders("registry.lock_thresholds", limits),
)


def rating_page(rating: RiskAssessment) -> Place:
    """Lead to where a rating is decided."""
    link = reverse("registry:rating-decide", args=[rating.model_id, rating.pk])
    return Place(link, "registry.approve_rating", rating.model.unit_id, rating.model_id)


def limits_page(limits: ThresholdSet) -> Place:
    """Lead to where limits are locked."""
    link = reverse("registry:limits-lock", args=[limits.model_id, limits.pk])
    return Place(link, "registry.lock_thresholds", limits.model.unit_id, limits.model_id)


USE = Record(
    find=_rows(UnitUse, using_unit=("name",)),
    subject=lambda use: f"{use.using_unit} and {use.model}",
    place=_page_of_model,
    words=lambda use, happening: {
        "unit": str(use.using_unit),
        "model": str(use.model),
        "note": sentence(str(happening.data.get("note", ""))),
    },
)
USE_DECIDERS = Receivers(
    "those who accept uses for the using unit",
    lambda use, happening: holders_told(
        "registry.accept_use", unit_id=use.using_unit_id, other_than=(use.requested_by_id,)
    ),
)
USE_ASKED = Receivers("who asked for the use", lambda use, happening: [use.requested_by_id])
USE_DECIDED = Receivers("who accepted it", lambda use, happening: [use.decided_by_id])


def use_page(use: UnitUse) -> Place:
    """Lead to where a use is decided; the using unit may not see the model."""
    return Place(reverse("registry:use-decide", args=[use.pk]), "registry.accept_use", use.using_unit_id)


DEPLOYMENT = Record(
    find=_rows(Deployment, version=("number", "label"), environment=("name",)),
    about=_of_model,
    place=lambda row: Place(row.get_absolute_url(), VIEW, row.model.unit_id, row.model_id),
    words=lambda row, happening: {
        "version": f"version {row.version.name}",
        "environment": str(row.environment),
        "reason": sentence(str(happening.data.get("reason", ""))),
    },
)


# Imports


def _runs(events: Sequence[DomainEvent]) -> Iterable[ImportRun]:
    return ImportRun.objects.filter(pk__in=ids(events)).select_related("unit")


IMPORT = Record(
    find=_runs,
    subject=lambda run: f"Import of {run.file_name}",
    place=lambda run: Place(reverse("registry:import-run", args=[run.pk]), "registry.import", run.unit_id),
    words=lambda run, happening: {
        "counts": f"{plural(run.created, 'model')} added, {number(run.updated)} changed, {number(run.failed)} refused",
        "then": "Read why rows were refused." if run.failed else "Look through what was added.",
    },
)
STARTER = Receivers("who started it", lambda run, happening: [run.started_by_id])

# What is asked of people, by record, and by which acts it ends


def _of_its_model(record: Any, happening: Happening) -> int:
    return int(record.model_id)


ATTEST = Ask("registry.attest", VIEW)  # the record of a model
DO = Ask("registry.do", VIEW)  # a task
DECIDE_RATING = Ask("registry.decide_rating", VIEW)
PROPOSE_RATING = Ask("registry.propose_rating", VIEW, _of_its_model)
DECIDE_LIMITS = Ask("registry.decide_limits", VIEW)
PROPOSE_LIMITS = Ask("registry.propose_limits", VIEW, _of_its_model)
DECIDE_USE = Ask(
    "registry.decide_use", "registry.accept_use", anywhere=True
)  # the using unit need not see the model


def _model_of(events: Sequence[DomainEvent]) -> Iterable[tuple[Any, Any]]:
    return ((event.subject_id, event.model_id) for event in events)


def _rows_of(kind: Any) -> Keys:
    """Find all rows of a kind that models have."""
    return lambda events: kind.objects.filter(model__in=ids(events)).values_list("model_id", "pk")


DELETED = "No longer needed: the model was deleted"
ENDINGS = (
    Ending(verb="registry.model_attested", ask=ATTEST, outcome="Attested"),
    Ending(
        verb="registry.model_updated",
        ask=ATTEST,
        when=names_owner,
        outcome="No longer needed: passed on to another owner",
    ),
    Ending(verb="registry.task_closed", ask=DO, outcome="Closed"),
    Ending(verb="registry.task_passed_on", ask=DO, outcome="No longer needed: passed on to another owner"),
    Ending(verb="registry.rating_approved", ask=DECIDE_RATING, outcome="Approved"),
    Ending(verb="registry.rating_declined", ask=DECIDE_RATING, outcome="Declined"),
    Ending(verb="registry.rating_proposed", ask=PROPOSE_RATING, keys=_model_of, outcome="Proposed"),
    Ending(verb="registry.limits_locked", ask=DECIDE_LIMITS, outcome="Locked"),
    Ending(verb="registry.limits_declined", ask=DECIDE_LIMITS, outcome="Declined"),
    Ending(verb="registry.limits_proposed", ask=PROPOSE_LIMITS, keys=_model_of, outcome="Proposed"),
    Ending(verb="registry.use_accepted", ask=DECIDE_USE, outcome="Accepted"),
    Ending(verb="registry.use_declined", ask=DECIDE_USE, outcome="Declined"),
    Ending(verb="registry.use_ended", ask=DECIDE_USE, outcome="No longer needed: the use was ended"),
    *(
        Ending(verb="registry.model_deleted", ask=ask, keys=keys, outcome=DELETED)
        for ask, keys in (
            (ATTEST, subject_of),
            (PROPOSE_RATING, subject_of),
            (PROPOSE_LIMITS, subject_of),
            (DO, _rows_of(RecordTask)),
            (DECIDE_RATING, _rows_of(RiskAssessment)),
            (DECIDE_LIMITS, _rows_of(ThresholdSet)),
            (DECIDE_USE, _rows_of(UnitUse)),
        )
    ),
)
RULES = (
    Rule(
        verb="registry.model_updated",
        about=MODEL,
        to=(OWNER_OF_MODEL,),
        asks=ATTEST,
        when=names_owner,
        text="{by} made you the owner. Attest the record and see what is open.",
    ),
    Rule(
        verb="registry.model_updated",
        about=MODEL,
        to=(FORMER_OWNER_OF_MODEL,),
        when=names_owner,
        text="{by} made {owner} the owner. You no longer answer for it.",
    ),
    Rule(
        verb="registry.model_updated",
        about=MODEL,
        to=(DEVELOPER_OF_MODEL,),
        when=names_developer,
        text="{by} made you the developer.",
    ),
    Rule(
        verb="registry.model_transferred",
        about=MODEL,
        to=(OWNER_OF_MODEL, DEVELOPER_OF_MODEL),
        tone="warn",
        text="{by} moved it to {unit}. Roles on the former unit no longer reach it.",
    ),
    Rule(
        verb="registry.task_opened",
        about=TASK,
        to=(TASK_OWNER,),
        asks=DO,
        tone="warn",
        text="A task for you: {text}",
    ),
    Rule(
        verb="registry.task_passed_on",
        about=TASK,
        to=(TASK_OWNER,),
        asks=DO,
        tone="warn",
        text="A task for you: {text}",
    ),
    Rule(
        verb="registry.governance_overridden",
        about=OVERRIDE,
        to=(OWNER,),
        tone="warn",
        text="{by} overrode its governance: {why}",
    ),
    Rule(
        verb="registry.governance_override_ended",
        about=OVERRIDE,
        to=(OWNER, OVERRIDER),
        tone="warn",
        text="{by} ended the override before {until}: {why} Its governance is {governance} now.",
    ),
    Rule(
        verb="registry.governance_changed",
        about=MODEL,
        to=(OWNER_OF_MODEL,),
        when=was_governed,
        tone="warn",
        text="Its governance is {governance} now. {why}",
    ),
    Rule(
        verb="registry.rating_proposed",
        about=RATING,
        to=(RATING_DECIDERS,),
        asks=DECIDE_RATING,
        text="{by} proposes tier {tier}. Approve or decline the rating as the second person.",
        place=rating_page,
    ),
    Rule(
        verb="registry.rating_approved",
        about=RATING,
        to=(PROPOSER, OWNER),
        tone="ok",
        text="{by} approved the rating: tier {tier}. {note}",
    ),
    Rule(
        verb="registry.rating_declined",
        about=RATING,
        to=(PROPOSER,),
        asks=PROPOSE_RATING,
        tone="fail",
        text="{by} declined the rating: {note} Propose another.",
    ),
    Rule(
        verb="registry.rating_declined",
        about=RATING,
        to=(OWNER,),
        tone="warn",
        text="{by} declined the proposed rating: {note}",
    ),
    Rule(
        verb="registry.limits_proposed",
        about=LIMITS,
        to=(LIMITS_DECIDERS,),
        asks=DECIDE_LIMITS,
        text="{by} proposes limits, set {number}. Lock them as the second person, or decline them.",
        place=limits_page,
    ),
    Rule(
        verb="registry.limits_locked",
        about=LIMITS,
        to=(PROPOSER, OWNER, DEVELOPER),
        tone="ok",
        text="{by} locked the limits, set {number}: versions are measured against them from now on.",
    ),
    Rule(
        verb="registry.limits_declined",
        about=LIMITS,
        to=(PROPOSER,),
        asks=PROPOSE_LIMITS,
        tone="fail",
        text="{by} declined the limits, set {number}: {reason} Propose others.",
    ),
    Rule(
        verb="registry.use_requested",
        about=USE,
        to=(USE_DECIDERS,),
        asks=DECIDE_USE,
        text="{by} asks that {unit} may use {model}. Accept or decline the use for your unit.",
        place=use_page,
    ),
    Rule(
        verb="registry.use_requested",
        about=USE,
        to=(OWNER,),
        text="{by} asks that {unit} may use the model. That unit decides.",
    ),
    Rule(
        verb="registry.use_accepted",
        about=USE,
        to=(USE_ASKED, OWNER),
        tone="ok",
        text="{by} accepted the use for {unit}. {note}",
    ),
    Rule(
        verb="registry.use_declined",
        about=USE,
        to=(USE_ASKED, OWNER),
        tone="fail",
        text="{by} declined the use for {unit}. {note}",
    ),
    Rule(
        verb="registry.use_ended",
        about=USE,
        to=(USE_ASKED, OWNER, USE_DECIDED),
        tone="warn",
        text="{by} ended the use by {unit}. {note}",
    ),
    Rule(
        verb="registry.deployment_suspended",
        about=DEPLOYMENT,
        to=(OWNER, DEVELOPER),
        tone="fail",
        text="{by} suspended {version} in {environment}: {reason} See to it that it may serve again.",
    ),
    Rule(
        verb="registry.deployment_resumed",
        about=DEPLOYMENT,
        to=(OWNER, DEVELOPER),
        tone="ok",
        text="{by} let {version} serve again in {environment}.",
    ),
    Rule(
        verb="registry.deployment_stopped",
        about=DEPLOYMENT,
        to=(OWNER, DEVELOPER),
        tone="warn",
        text="{by} stopped {version} in {environment} for good.",
    ),
    Rule(
        verb="registry.inventory_imported",
        about=IMPORT,
        to=(STARTER,),
        tells_actor=True,
        text="The import is finished: {counts}. {then}",
    ),
    Rule(
        verb="registry.import_undone",
        about=IMPORT,
        to=(STARTER,),
        tone="warn",
        tells_actor=True,
        text="{by} undid it. Its page says what went and what stayed.",
    ),
    Rule(
        verb="registry.import_given_up",
        about=IMPORT,
        to=(STARTER,),
        tone="warn",
        text="{by} gave it up before its last row. What it had written stays.",
    ),
)
