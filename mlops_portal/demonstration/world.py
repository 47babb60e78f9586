"""The group as the stories find it: units, people, environments, accounts, and ways to sign and to let time pass."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django_tasks.base import TaskResult
from django_tasks.signals import task_enqueued

from approvals.policy.document import PolicyDocument
from approvals.policy_in_force import policy_in_force
from approvals.services import install_default_policy
from mlops_portal.demonstration import cast
from mlops_portal.demonstration.timeline import Timeline, office_hours
from mlops_portal.foundation.errors import FieldError, Invalid
from mlops_portal.foundation.people import credentials
from mlops_portal.foundation.people.models import BusinessUnit, ServiceAccount, User
from mlops_portal.foundation.people.services.grants import grant_confirm, role_grant
from mlops_portal.foundation.people.services.persons import person_create
from mlops_portal.foundation.people.services.tokens import account_create
from mlops_portal.foundation.people.services.units import unit_create, unit_update
from mlops_portal.foundation.work.worker import Worker
from registry.models import Environment, RegisteredModel
from registry.services.operations import environment_create

ACCOUNT_ROLES = ("developer",)


class World:
    """Everything a life refers to. One world builds one portfolio."""

    def __init__(self, timeline: Timeline, *, seed: int, say: Callable[[str], None]) -> None:
        self.timeline = timeline
        self.chance = random.Random(seed)  # noqa: S311  (a story, no secret)
        self.say = say
        self.people: dict[str, User] = {}
        self.units: dict[str, BusinessUnit] = {}
        self.places: dict[str, Environment] = {}
        self.accounts: dict[str, ServiceAccount] = {}
        self.models: dict[str, RegisteredModel] = {}
        self._turns: dict[int, int] = {}
        self._worker = Worker(holder="demonstration", clock=lambda: self.now)
        self._queued: list[datetime] = []  # when a task that was queued becomes due
        task_enqueued.connect(self._note_task)

    @property
    def now(self) -> datetime:
        """The present moment of the story."""
        return self.timeline.now

    @property
    def end(self) -> datetime:
        """Today."""
        return self.timeline.end

    @property
    def policy(self) -> PolicyDocument:
        """The policy in force."""
        found = policy_in_force(self.now)
        assert found is not None  # noqa: S101  (`settle` installed it)
        return found.document

    def after(self, *, days: float = 0, hours: float = 0) -> datetime:
        """Return a working moment that much later."""
        return office_hours(self.now + timedelta(days=days, hours=hours), self.chance)

    def turn(self, change_id: int) -> int:
        """Return the number of a request in the order in which requests are first decided: keys differ by database."""
        return self._turns.setdefault(change_id, len(self._turns) + 1)

    def person(self, key: str) -> User:
        """Return somebody of the cast."""
        return self.people[key]

    def proof(self, person: User) -> dict[str, Any]:
        """Return the two components with which ``person`` signs at this moment."""
        return {"password": cast.PASSWORD, "code": credentials.code_at(person, self.now)}

    def check_identity(self, person: User, password: str, code: str) -> None:
        """Judge a signature of the past: the password that this build gave everybody, the code of that half minute.

        Raises:
            Invalid: as at a signature of today.
        """
        if password != cast.PASSWORD or person.pk not in {one.pk for one in self.people.values()}:
            raise Invalid([FieldError("password", "The password is not right.")])
        if not code or code != credentials.code_at(person, self.now):
            raise Invalid([FieldError("code", "The code is not right.")])

    def _note_task(self, *, task_result: TaskResult[Any], **kwargs: Any) -> None:
        self._queued.append(task_result.task.run_after or self.now)

    def work(self) -> None:
        """Let the worker do what is queued and due. It is not asked while nothing can be."""
        while any(at <= self.now for at in self._queued):
            self._queued = [at for at in self._queued if at > self.now]
            while self._worker.run_one():
                continue


def settle(world: World) -> None:
    """Found the group: units, people with their roles, environments, accounts of pipelines, the policy."""
    now = world.now
    group = unit_create(code=cast.GROUP, name="Aldermoor Group", by=None, now=now)
    world.units[cast.GROUP] = group
    for code, name in cast.UNITS.items():
        world.units[code] = unit_create(code=code, name=name, parent=group, by=None, now=now)
    for person in cast.PEOPLE:
        world.people[person.key] = _arrive(world, person)
    for person in cast.PEOPLE:
        _appoint(world, person)
    administrator = world.person("admin")
    for code, key in cast.OWNERS.items():
        unit = world.units[code]
        unit_update(
            unit=unit,
            name=unit.name,
            head=world.person(key),
            by=administrator,
            now=now,
            reason="Head of unit",
        )
    for place in cast.PLACES:
        world.places[place.name] = environment_create(
            unit=world.units[place.unit],
            name=place.name,
            provider=place.provider,
            region=place.region,
            is_production=place.is_production,
            connector=place.connector,
            alias=place.alias,
            by=administrator,
            now=now,
        )
    for code in cast.UNITS:
        world.accounts[code] = _open_account(world, code)
    install_default_policy(by=None, second=world.person("greta"), now=now)


def _arrive(world: World, person: cast.Person) -> User:
    arrived = person_create(
        email=person.email,
        name=person.name,
        job_title=person.title,
        line_manager=world.people.get(person.manager),
        password=cast.PASSWORD,
        by=None,
        now=world.now,
    )
    if person.signs:
        credentials.enrol(arrived)
    return arrived


def _appoint(world: World, person: cast.Person) -> None:
    administrator = world.person("admin")
    for role, units in person.roles.items():
        for code in units:
            grant = role_grant(
                user=world.person(person.key),
                role=role,
                unit=world.units[code],
                reason=f"Appointed as {person.title[0].lower()}{person.title[1:]}",
                by=None,
                now=world.now,
            )
            if not grant.is_effective:
                grant_confirm(grant=grant, by=administrator, now=world.now)


def _open_account(world: World, code: str) -> ServiceAccount:
    now, administrator = world.now, world.person("admin")
    unit, owner = world.units[code], world.person(cast.DEVELOPERS[code][0])
    account = account_create(
        name=f"ci-{code}",
        unit=unit,
        owner=owner,
        purpose="Registers versions, data sets and metrics from the training pipeline.",
        repository=repository_of(code),
        by=administrator,
        now=now,
    )
    for role in ACCOUNT_ROLES:
        role_grant(user=account.user, role=role, unit=unit, reason="Pipeline", by=administrator, now=now)
    return account


def repository_of(code: str) -> str:
    """Return the repository from which the pipeline of a unit trains."""
    return f"https://git.aldermoor.example/{code}/models"


def pick(world: World, rows: tuple[Any, ...]) -> Any:
    """Choose one."""
    return rows[world.chance.randrange(len(rows))]
