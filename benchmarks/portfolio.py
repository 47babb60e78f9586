"""A portfolio of any size: units, people, models, versions, deployments, change requests.

Models, versions and deployments come through the registry's batch services, with the rights, rules, history and
ledger entries of single ones. Change requests have no batch service, and filing one freezes a dossier and evaluates
every gate: a few hundred a minute. Theirs are benchmark data, written with `bulk_save_as` (history and ledger
included) in the shape that filing gives them: stages, gate results, a dossier.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from django.utils import timezone

from approvals.dossier_format import PARTS, build_dossier
from approvals.models import ChangeRequest, Dossier, GateResult, PolicyRevision, Stage
from approvals.services import install_default_policy
from approvals.states import ChangeState
from mlops_portal.foundation.canonical import digest
from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.services.grants import grant_confirm, role_grant
from mlops_portal.foundation.people.services.persons import person_create
from mlops_portal.foundation.people.services.units import unit_create
from registry.models import Environment, ModelVersion, RegisteredModel
from registry.services.bulk import (
    PastDeployment,
    deployments_record_many,
    models_register_many,
    versions_register_many,
)
from registry.services.models import NewModel
from registry.services.operations import environment_create
from registry.services.versions import NewVersion
from registry.states import DeploymentState

T = TypeVar("T")

UNITS = 200
BATCH = 1000
GATES = 8
MANY = 2000  # versions of the first model: a list of many versions of one model
STAGES = (
    ("attest", "Owner attests", "model_owner", "approvals.accept", "attest", False),
    ("risk", "Second line decides", "risk_officer", "approvals.approve_risk", "approve", True),
    ("change", "Change is released", "change_manager", "approvals.approve_change", "release", False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is."""

    models: int
    versions: int
    deployments: int
    open_changes: int
    closed_changes: int


# An inbox shows 200 requests, and facets of a list of up to 1,000 rows are counted at once, in one statement more: the
# small one has so many, too, or the pages could not be compared.
SMALL = Size(models=100, versions=2_000, deployments=1_200, open_changes=200, closed_changes=300)
LARGE = Size(models=10_000, versions=200_000, deployments=50_000, open_changes=5_000, closed_changes=15_000)
QUICK = Size(models=1_000, versions=20_000, deployments=5_000, open_changes=500, closed_changes=1_500)


class Portfolio:
    """Builds a portfolio and lets it grow; the same seed gives the same portfolio."""

    def __init__(self, *, seed: int = 7, say: Callable[[str], None] = print) -> None:
        self.chance = random.Random(seed)  # noqa: S311  (sizes and times, no secret)
        self.say = say
        self.now = timezone.now()
        self.models: list[RegisteredModel] = []
        self.last_versions: list[ModelVersion] = []
        self.size = Size(models=0, versions=0, deployments=0, open_changes=0, closed_changes=0)

    def found(self) -> None:
        """Make units (three levels), people, environments and the policy, or find those of an earlier benchmark."""
        if BusinessUnit.objects.filter(code="group").exists():
            self._find()
            return
        self.root = unit_create(code="group", name="Group", by=None, now=self.now)
        divisions = [self._unit(f"division-{n}", self.root) for n in range(9)]
        teams = [self._unit(f"team-{n}", divisions[n % 9]) for n in range(UNITS - 10)]
        self.units: list[BusinessUnit] = teams
        self.admin = self._person("admin", ("administrator",), self.root, confirm=False)
        self.sees_all = self._person("all", ("risk_officer", "auditor"), self.root)
        self.sees_one = self._person("one", ("risk_officer", "auditor"), teams[0])
        self.owners = [self._person(f"owner-{n}", (), self.root) for n in range(50)]
        publisher = self._person("publisher", ("policy_publisher",), self.root)
        install_default_policy(by=None, second=publisher, now=self.now)
        self.policy = PolicyRevision.objects.get(state=PolicyRevision.State.PUBLISHED)
        self.environments = [
            environment_create(
                unit=self.root, name=f"production-{n}", provider="aws", region="eu-central-1",
                is_production=n < 4, connector="manual", by=None, now=self.now,
            )
            for n in range(6)
        ]  # fmt: skip

    def _find(self) -> None:
        self.root = BusinessUnit.objects.get(code="group")
        self.units = list(BusinessUnit.objects.filter(code__startswith="team-").order_by("pk"))
        self.owners = list(User.objects.filter(email__startswith="owner-").order_by("pk"))
        self.models = list(RegisteredModel.objects.order_by("pk"))

    def _unit(self, code: str, parent: BusinessUnit) -> BusinessUnit:
        name = code.replace("-", " ").capitalize()
        return unit_create(code=code, name=name, parent=parent, by=None, now=self.now)

    def _person(self, name: str, roles: Sequence[str], unit: BusinessUnit, *, confirm: bool = True) -> User:
        email = f"{name}@example.org"
        person = person_create(email=email, name=name.capitalize(), by=None, now=self.now)
        for role in roles:
            grant = role_grant(user=person, role=role, unit=unit, reason="Benchmark", by=None, now=self.now)
            if confirm:
                grant_confirm(grant=grant, by=self.admin, now=self.now)
        return person

    def grow(self, to: Size) -> None:
        """Add what is missing to ``to``; says how long each part took."""
        before, began = self.size, time.perf_counter()
        new_models = self.register_models(to.models - before.models)
        self._told(f"{len(new_models)} models", began)
        began = time.perf_counter()
        self._register_versions(new_models, to.versions - before.versions)
        self._told(f"{to.versions - before.versions} versions", began)
        began = time.perf_counter()
        self._record_deployments(new_models, to.deployments - before.deployments)
        self._told(f"{to.deployments - before.deployments} deployments", began)
        began = time.perf_counter()
        self._file_changes(to.open_changes - before.open_changes, is_open=True)
        self._file_changes(to.closed_changes - before.closed_changes, is_open=False)
        self._told("change requests", began)
        self.size = to

    def _told(self, what: str, began: float) -> None:
        self.say(f"  {what} in {time.perf_counter() - began:.1f} s")

    def _past(self, days: float = 500) -> datetime:
        return self.now - timedelta(days=self.chance.uniform(1, days))

    def register_models(self, count: int) -> list[RegisteredModel]:
        """Register models through the batch service, spread over units and owners."""
        first, made = len(self.models), []
        for numbers in batched(range(first, first + count), BATCH):
            made += models_register_many(
                models=[self._new_model(number) for number in numbers], by=None, now=self.now
            )
        self.models += made
        return made

    def _new_model(self, number: int) -> NewModel:
        return NewModel(
            name=f"model-{number:05d}",
            unit=self.units[number % len(self.units)],
            fields={
                "title": f"Model {self.chance.randrange(10**6)}",
                "description": "Estimates what is asked of it.",
                "kind": self.chance.choice(["analytical", "generative", "agent"]),
                "owner": self.owners[number % len(self.owners)],
                "next_review_on": self._past().date() if number % 3 else None,
                "primary_metric": "auc",
            },
            tags={"team": f"team-{number % 20}"},
        )

    def _register_versions(self, models: Sequence[RegisteredModel], count: int) -> None:
        many = min(MANY, count // 4) if models and models[0] is self.models[0] else 0
        each, extra = divmod(count - many, len(models))
        wanted = [
            model
            for place, model in enumerate(models)
            for _ in range(each + (place < extra) + (many if place == 0 else 0))
        ]
        last: dict[int, ModelVersion] = {}
        for part in batched(wanted, BATCH):
            rows = [(model, self._new_version()) for model in part]
            for version in versions_register_many(versions=rows, by=None, now=self.now):
                last[version.model_id] = version
        self.last_versions += [last[model.pk] for model in models]

    def _new_version(self) -> NewVersion:
        run = f"{self.chance.getrandbits(128):032x}"
        return NewVersion(
            fields={"source": f"s3://models/{run}", "run_id": run, "parameters": {"depth": 6, "rate": 0.1}},
            artifact_sha256=f"{self.chance.getrandbits(256):064x}",
        )

    def _record_deployments(self, models: Sequence[RegisteredModel], count: int) -> None:
        latest = self.last_versions[-len(models) :]
        served: set[tuple[int, int]] = set()
        for numbers in batched(range(count), BATCH):
            rows = []
            for number in numbers:
                version = latest[number % len(latest)]
                environment = self.environments[self.chance.randrange(len(self.environments))]
                rows.append(self._past_deployment(version, environment, served))
            deployments_record_many(deployments=rows, by=None, now=self.now)

    def _past_deployment(
        self, version: ModelVersion, environment: Environment, served: set[tuple[int, int]]
    ) -> PastDeployment:
        began = self._past()
        finished, key = began + timedelta(minutes=20), (version.model_id, environment.pk)
        is_live = key not in served
        served.add(key)
        return PastDeployment(
            version=version,
            environment=environment,
            started_at=began,
            finished_at=finished,
            ended_at=None if is_live else finished + timedelta(hours=20),
            state=DeploymentState.LIVE if is_live else DeploymentState.SUPERSEDED,
        )

    def _file_changes(self, count: int, *, is_open: bool) -> None:
        # An open request is one of its kind, version and environment: spread them over the models.
        first = self.size.open_changes if is_open else self.size.closed_changes
        for numbers in batched(range(first, first + count), BATCH):
            self._file(list(self._new_changes(numbers, is_open=is_open)), is_open=is_open)

    def _new_changes(self, numbers: Sequence[int], *, is_open: bool) -> Iterator[ChangeRequest]:
        for number in numbers:
            version = self.last_versions[number % len(self.last_versions)]
            filed = self._past(20 if is_open else 500)
            yield ChangeRequest(
                model_id=version.model_id,
                unit_id=version.unit_id,
                version=version,
                environment=self.environments[(number // len(self.last_versions)) % 4],
                kind="deploy",
                state=ChangeState.IN_REVIEW if is_open else ChangeState.COMPLETED,
                title=f"Release version {version.number} to production",
                purpose="Fewer false alarms at an equal rate of hits.",
                requester=self.owners[number % len(self.owners)],
                created_at=filed - timedelta(hours=3),
                submitted_at=filed,
                decided_at=None if is_open else filed + timedelta(days=2),
                closed_at=None if is_open else filed + timedelta(days=3),
                decided_tier=number % 4 + 1,
                policy_revision=self.policy,
                dossier_number=1,
                dossier_digest=digest(number),
                gates_passed=GATES - (number % 3 == 0),
                gates_failed=int(number % 3 == 0),
                gates_at=filed,
                headline="A document is missing" if number % 3 == 0 else "",
                updated_at=filed,
            )

    @operation
    def _file(self, changes: list[ChangeRequest], *, is_open: bool) -> None:
        written = {"by": None, "now": self.now, "reason": "Benchmark data"}
        bulk_save_as(changes, **written)
        content = build_dossier({**{part: {} for part in PARTS}, "metrics": {"metrics": []}}).text()
        bulk_save_as(
            [
                Dossier(
                    change=one, **_scope(one), number=1, content=content, parts={"version": one.dossier_digest},
                    digest=one.dossier_digest, created_at=one.submitted_at,
                )
                for one in changes
            ],
            **written,
        )  # fmt: skip
        bulk_save_as([stage for one in changes for stage in self._stages(one, is_open=is_open)], **written)
        if is_open:
            bulk_save_as([result for one in changes for result in self._results(one)], **written)

    def _stages(self, change: ChangeRequest, *, is_open: bool) -> Iterator[Stage]:
        states = ("done", "current", "pending") if is_open else ("done", "done", "done")
        for position, (spec, state) in enumerate(zip(STAGES, states, strict=True), start=1):
            key, title, role, right, meaning, is_independent = spec
            current = state == "current"
            yield Stage(
                change=change, **_scope(change), key=key, position=position, title=title, role=role, right=right,
                meaning=meaning, is_independent=is_independent, is_deciding=key != "attest", sla_hours=72.0,
                state=state, opened_at=change.submitted_at if state != "pending" else None,
                clock_started_at=change.submitted_at if current else None,
                due_at=change.submitted_at + timedelta(hours=72) if current else None,
            )  # fmt: skip

    def _results(self, change: ChangeRequest) -> Iterator[GateResult]:
        for position in range(GATES):
            fails = position == 0 and change.gates_failed
            yield GateResult(
                change=change, **_scope(change), dossier_number=1, position=position, gate=f"gate_{position}",
                title=f"Gate {position} holds", is_blocking=True, outcome="fail" if fails else "pass",
                message="A document is missing." if fails else "", evaluated_at=change.gates_at,
            )  # fmt: skip


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut into lists of ``size`` (`itertools.batched` needs Python 3.12)."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def _scope(change: ChangeRequest) -> dict[str, Any]:
    return {"model_id": change.model_id, "unit_id": change.unit_id}
