"""Questions the registry asks the apps above, which register answers in `ready()`. No answer is no objection,
except where a docstring says otherwise.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import QuerySet

from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.rules import Blocker
from registry.models import Deployment, Environment, ModelVersion, RegisteredModel


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMove:
    """An alias is about to point to ``version``, or to vanish (None). ``change_id`` names the change that asks.

    Clients load a model by its stage as they do by an alias: ``said`` then names the stage.
    """

    model: RegisteredModel
    name: str
    version: ModelVersion | None
    by: User | None
    now: datetime
    change_id: int | None = None
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A model, or one version of it, is about to become a tombstone."""

    model: RegisteredModel
    version: ModelVersion | None
    by: User | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """A model is about to be retired."""

    model: RegisteredModel
    by: User | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStart:
    """A version is about to be put into an environment."""

    version: ModelVersion
    environment: Environment
    kind: str
    by: User | None
    now: datetime
    change_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Something owed on a model that an app above keeps, in the words of the model's page."""

    title: str
    text: str
    is_overdue: bool
    url: str
    action: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of "last good"; ``is_met`` is None when nobody knows, which counts as not met."""

    code: str
    label: str
    is_met: bool | None
    detail: str = ""


Question = TypeVar("Question")
Gate = Callable[[Question], Sequence[Blocker]]

alias_gates: list[Gate[AliasMove]] = []
deletion_gates: list[Gate[Deletion]] = []
retirement_gates: list[Gate[Retirement]] = []
deployment_gates: list[Gate[DeploymentStart]] = []

# Facts about earlier deployments that only the apps above know: for each deployment's id its criteria. Without an
# answer under APPROVAL_CRITERION no deployment is last good.
APPROVAL_CRITERION = "approval"
last_good_criteria: list[Callable[[Sequence[Deployment]], dict[int, list[Criterion]]]] = []

# Acts on deployments that are closed now, for the pages that show many of them: for each deployment's id why, by the
# name of the act's panel.
ClosedActs = Mapping[str, Sequence[Blocker]]
closed_acts: list[Callable[[Sequence[Deployment]], Mapping[int, ClosedActs]]] = []

# Sections that the policy wants documented for a model: (key, title, kind of document) in the policy's order.
WantedSection = tuple[str, str, str]
wanted_sections: list[Callable[[RegisteredModel, datetime], Sequence[WantedSection]]] = []

# What the policy wants watched in production: (dimension, whether it is needed for this model's tier).
Watched = tuple[str, bool]
watched_dimensions: list[Callable[[RegisteredModel, datetime], Sequence[Watched]]] = []

# Duties that apps above keep: those of one model for its page, and the rows (with `model_id`) that the portfolio counts.
duty_readers: list[Callable[[RegisteredModel, User, datetime], Sequence[Duty]]] = []
duty_rows: list[Callable[[], QuerySet]] = []

# Called when a model moves to another unit, so that rows of the apps above move along: (model, unit, by, now).
unit_transfers: list[Callable[[RegisteredModel, BusinessUnit, User | None, datetime], Any]] = []


def sections_wanted_of(model: RegisteredModel, now: datetime) -> list[WantedSection]:
    """Ask which sections a model's documents need."""
    return [row for answer in wanted_sections for row in answer(model, now)]


def watched_of(model: RegisteredModel, now: datetime) -> dict[str, bool]:
    """Ask which dimensions there are to watch, and whether this model needs them."""
    return dict(row for answer in watched_dimensions for row in answer(model, now))


def closed_acts_of(deployments: Sequence[Deployment]) -> dict[int, ClosedActs]:
    """Ask which acts on deployments are closed now."""
    found: dict[int, ClosedActs] = {}
    for answer in closed_acts:
        found |= answer(deployments)
    return found


def duties_of(model: RegisteredModel, user: User, now: datetime) -> list[Duty]:
    """Ask the apps above what is owed on a model, as far as ``user`` sees it."""
    return [duty for read in duty_readers for duty in read(model, user, now)]


def blockers_of(gates: Iterable[Gate[Question]], question: Question) -> list[Blocker]:
    """Ask every gate and collect all reasons."""
    return [blocker for gate in gates for blocker in gate(question)]
