"""Named people, units and clocks that every test speaks of."""

import gc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from _pytest import runner
from django.db import connection
from django.test import Client, TransactionTestCase
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, settings

from audits import triggers
from mlops_portal.foundation.people import credentials, rights
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.services.grants import grant_confirm, role_grant
from mlops_portal.foundation.people.services.persons import person_create
from mlops_portal.foundation.people.services.units import unit_create
from tests import kept as keeping
from tests.kept import kept, nothing_kept

__all__ = ["nothing_kept"]

PASSWORD = "correct horse battery staple"

# How quickly examples are drawn says how busy the machine is, not whether the code is right.
settings.register_profile("portal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("portal")


def pytest_collection_finish() -> None:
    """Leave what is loaded out of the collections of garbage: they take a twelfth of the time of all tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _roomy(run: Callable[[], Any]) -> Any:
    return run()


# CPython keeps frames in pieces of 16 KB and gives a piece back to the system when its first frame ends: a loop at such
# an edge pays two system calls a turn, together a tenth of the time of all tests. One large frame makes one large piece.
_roomy.__code__ = _roomy.__code__.replace(co_stacksize=33_000)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    """Run each test above a large frame."""
    return _roomy(lambda: runner.pytest_runtest_protocol(item, nextitem))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the order in which pytest puts tests, but for what saves time."""
    keeping.order(items)


@pytest.fixture
def _django_db_helper(
    request: pytest.FixtureRequest,
    nothing_kept: Callable[[], None],
    django_db_blocker: Any,
    _kept_world: None,
    _django_db_helper: None,
) -> None:
    """Go to the world that the test asks for before its own transaction begins."""


@pytest.fixture
def _kept_world(
    request: pytest.FixtureRequest, nothing_kept: Callable[[], None], django_db_blocker: Any
) -> None:
    if keeping.is_transactional(request.node):
        nothing_kept()
        return

    def given(name: str) -> Any:
        if name == "make_person":
            return person_maker(request.getfixturevalue("now"))
        return None if name == "db" else request.getfixturevalue(name)

    with django_db_blocker.unblock():
        keeping.stack.bring(keeping.plan(request.node), given)


@pytest.fixture(autouse=True, scope="session")
def ledger_lets_go_between_tests() -> None:
    """Let tests with real transactions empty the tables; the triggers come back with `post_migrate`."""
    empty = TransactionTestCase._fixture_teardown

    def teardown(case: TransactionTestCase) -> None:
        triggers.drop()
        empty(case)

    TransactionTestCase._fixture_teardown = teardown


@pytest.fixture(autouse=True)
def unit_tree_is_read_again() -> None:
    """Forget the unit tree of the test before: a rollback also takes back the revision it is cached by."""
    rights._tree.revision = -1


@pytest.fixture(scope="session")
def now() -> datetime:
    """Return a fixed Tuesday morning."""
    return datetime(2026, 11, 17, 9, 40, tzinfo=UTC)


@pytest.fixture
@kept
def group(db: None, now: datetime) -> BusinessUnit:
    """Return the root of the unit tree."""
    return unit_create(code="group", name="Aldermoor Group", by=None, now=now)


@pytest.fixture
@kept
def retail(group: BusinessUnit, now: datetime) -> BusinessUnit:
    """Return the unit in which most tests play."""
    return unit_create(code="retail-lending", name="Retail Lending", parent=group, by=None, now=now)


@pytest.fixture
@kept
def plant(group: BusinessUnit, now: datetime) -> BusinessUnit:
    """Return another unit, for what must stay unseen."""
    return unit_create(code="plant-operations", name="Plant Operations", parent=group, by=None, now=now)


@pytest.fixture
def make_person(db: None, now: datetime) -> Callable[..., User]:
    """Return a factory: ``make_person("Ada", "developer", retail)``; deciding roles come confirmed."""
    return person_maker(now)


def person_maker(now: datetime) -> Callable[..., User]:
    """Return the factory of people for a present moment."""

    def make(name: str, *roles: str, unit: BusinessUnit | None = None, signs: bool = False) -> User:
        address = f"{name.split()[0].lower()}@aldermoor.example"
        person = person_create(email=address, name=name, password=PASSWORD, by=None, now=now)
        if signs:
            credentials.enrol(person)
        for role in roles:
            grant = role_grant(user=person, role=role, unit=unit, reason="test", by=None, now=now)
            if not grant.is_effective:
                confirmer = User.objects.filter(email="grants@aldermoor.example").first() or person_create(
                    email="grants@aldermoor.example", name="Gail Second", by=None, now=now
                )
                role_grant_administrator(confirmer, now)
                grant_confirm(grant=grant, by=confirmer, now=now)
        return User.objects.get(pk=person.pk)

    def role_grant_administrator(person: User, at: datetime) -> None:
        root = BusinessUnit.objects.get(parent__isnull=True)
        if not person.grants.exists():
            role_grant(user=person, role="administrator", unit=root, reason="test", by=None, now=at)

    return make


@pytest.fixture
@kept
def ada(make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Ada develops models in Retail Lending."""
    return make_person("Ada Brandt", "developer", unit=retail, signs=True)


@pytest.fixture
@kept
def olga(make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Olga owns models in Retail Lending."""
    return make_person("Olga Moller", "model_owner", unit=retail, signs=True)


@pytest.fixture
@kept
def vera(make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Vera validates in Retail Lending."""
    return make_person("Vera Osei", "validator", unit=retail, signs=True)


@pytest.fixture
@kept
def ines(make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Ines is a risk officer of Retail Lending."""
    return make_person("Ines Halvorsen", "risk_officer", unit=retail, signs=True)


@pytest.fixture
@kept
def rolf(make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Rolf is another risk officer of Retail Lending."""
    return make_person("Rolf Iversen", "risk_officer", unit=retail, signs=True)


@pytest.fixture
@kept
def carl(make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Carl manages changes in Retail Lending."""
    return make_person("Carl Jansen", "change_manager", unit=retail, signs=True)


@pytest.fixture
@kept
def omar(make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Omar operates what Retail Lending releases."""
    return make_person("Omar Celik", "operator", unit=retail, signs=True)


@pytest.fixture
@kept
def mona(make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Mona manages Retail Lending."""
    return make_person("Mona Keller", "manager", unit=retail)


@pytest.fixture
@kept
def cleo(make_person: Callable[..., User], group: BusinessUnit) -> User:
    """Cleo audits the whole group."""
    return make_person("Cleo Marchetti", "auditor", unit=group)


@pytest.fixture
@kept
def adam(make_person: Callable[..., User], group: BusinessUnit) -> User:
    """Adam administers the whole group."""
    return make_person("Adam Fischer", "administrator", unit=group)


@pytest.fixture
@kept
def dora(make_person: Callable[..., User], plant: BusinessUnit) -> User:
    """Dora works in another unit: a stranger to Retail Lending."""
    return make_person("Dora Lindqvist", "developer", "viewer", unit=plant)


@pytest.fixture
def as_person() -> Callable[[User], Client]:
    """Return a factory of signed-in clients."""

    def sign_in(person: User) -> Client:
        client = Client()
        client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in


@pytest.fixture
def assert_flat_queries(db: None) -> Callable[..., None]:
    """Fail when the number of statements grows with the number of rows."""

    def counted(act: Callable[[], Any]) -> CaptureQueriesContext:
        with CaptureQueriesContext(connection) as statements:
            act()
        return statements

    def check(*, act: Callable[[], Any], add_rows: Callable[[], Any], budget: int) -> None:
        act()
        few = min(counted(act), counted(act), key=len)  # every few seconds rights are read anew beside a page
        add_rows()
        many = counted(act)
        if len(many) != len(few):
            many = counted(act)
        extra = "\n".join(query["sql"][:300] for query in many.captured_queries[len(few) :])
        assert len(many) == len(few), f"{len(few)} statements became {len(many)}:\n{extra}"
        assert len(many) <= budget, f"{len(many)} statements, budget {budget}"

    return check
