"""Fixtures that are made once and kept while the tests that follow need them, as savepoints stacked on each other.

A test with the world that the test before it had begins at the same savepoint; one with another world goes back to
what both share and makes the rest. So every test finds exactly the rows that it would have made itself, and a copy of
the objects that nobody else holds. What is asked for in another way, as by tests with real transactions, is made anew.
"""

import copy
import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, transaction

from mlops_portal.foundation.people import rights

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Recipe:
    """A function that makes a kept value."""

    make: Callable[..., Any]
    number: int  # in the order of their definition, so that what others rest on comes first


@dataclass(frozen=True, slots=True)
class Planned:
    """A value that a test asks for, and what it is made of."""

    recipe: Recipe
    needs: tuple[str, ...]
    told: tuple[str, ...]  # by fixtures of wider scope: another value makes another world


@dataclass(slots=True)
class Layer:
    """One savepoint: what distinguishes it, how to go back behind it, and all values there are by then."""

    key: tuple[Any, ...]
    block: transaction.Atomic
    values: dict[str, Any]


def kept(make: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what a fixture returns; it may rest on kept fixtures, on ones of wider scope and on ``make_person``."""

    @functools.wraps(make)
    def take(**needs: Any) -> Any:
        found = stack.taken(make)
        return make(**needs) if found is None else found

    take.recipe = Recipe(make, next(_numbers))  # type: ignore[attr-defined]
    return take


# Without any row of their own; the factory of people tells nothing but the time.
ROWLESS = {"make_person": "now", "db": ""}


def plan(item: Any) -> dict[str, Planned]:
    """Return the kept values that a test asks for, each after what it rests on."""
    info = item._fixtureinfo
    found: dict[str, Recipe] = {}
    wide = set(ROWLESS)
    for name in info.names_closure:
        for definition in info.name2fixturedefs.get(name, ())[-1:]:
            if recipe := getattr(definition.func, "recipe", None):
                found[name] = recipe
            elif definition.scope != "function":
                wide.add(name)
    ordered: dict[str, Planned] = {}
    for name, recipe in sorted(found.items(), key=lambda pair: pair[1].number):
        needs = tuple(inspect.signature(recipe.make).parameters)
        if all(need in ordered or need in wide for need in needs):
            told = tuple(ROWLESS.get(need, need) for need in needs if need not in ordered)
            ordered[name] = Planned(recipe, needs, tuple(need for need in told if need))
    return ordered


# Seconds of one core, roughly, of the files that take longest: begun first, so that no worker waits for them at the end.
LONGEST = {
    "tests/contracts/test_hostile_forms.py": 97,
    "tests/contracts/test_access.py": 80,
    "tests/unit/demonstration/test_portfolio.py": 80,
    "tests/contracts/test_every_method.py": 39,
    "tests/security/test_hostile_addresses.py": 39,
    "tests/unit/demonstration/test_determinism.py": 31,
    "tests/web/audits/test_exports.py": 24,
    "tests/web/kpis/test_heat.py": 20,
    "tests/unit/audits/test_verification.py": 20,
    "tests/contracts/test_hostile_input.py": 20,
    "tests/unit/approvals/services/test_execution.py": 18,
}


def order(items: list[Any]) -> None:
    """Begin with the longest files, and bring the tests of a file that share a world next to each other."""
    files = [list(tests) for _, tests in itertools.groupby(items, key=lambda item: item.path)]
    files.sort(key=lambda tests: -LONGEST.get(tests[0].location[0], 0))
    items[:] = [test for tests in files for test in sorted(tests, key=_place)]


def _place(item: Any) -> tuple[bool, list[int]]:
    return is_transactional(item), [planned.recipe.number for planned in plan(item).values()]


def is_transactional(item: Any) -> bool:
    """Tell whether a test has real transactions."""
    marker = item.get_closest_marker("django_db")
    names = {"transactional_db", "live_server", "django_db_reset_sequences"}
    return bool(marker and marker.kwargs.get("transaction")) or bool(names & set(item.fixturenames))


class Stack:
    """The layers that are there now."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.current: dict[Callable[..., Any], str] = {}
        self.copies: dict[str, Any] | None = None

    def taken(self, make: Callable[..., Any]) -> Any:
        """Return this test's own copy of a kept value, or None."""
        name = self.current.get(make)
        if name is None:
            return None
        if self.copies is None:
            self.copies = copy.deepcopy(self.layers[-1].values)
        return self.copies[name]

    def bring(self, planned: dict[str, Planned], given: Callable[[str], Any]) -> None:
        """Go to the state of the database in which all that is planned is there and nothing else."""
        keys = {
            name: (name, one.recipe.make, *(given(need) for need in one.told))
            for name, one in planned.items()
        }
        wanted = list(keys.values())
        if self.layers and not connection.in_atomic_block:
            self.layers.clear()  # the connection was lost, and all layers with it
        shared = 0
        for layer, key in zip(self.layers, wanted, strict=False):
            if layer.key != key:
                break
            shared += 1
        self.back_to(shared)
        for name in list(planned)[shared:]:
            self.push(keys[name], name, planned[name], given)
        self.current = {one.recipe.make: name for name, one in planned.items()}

    def push(self, key: tuple[Any, ...], name: str, one: Planned, given: Callable[[str], Any]) -> None:
        """Make one more value on top of copies of those there are: making it may change them."""
        values = copy.deepcopy(self.layers[-1].values) if self.layers else {}
        block = transaction.atomic()
        block._from_testcase = True  # type: ignore[attr-defined]  (as the block around a test: nothing is committed)
        block.__enter__()
        rights._tree.revision = -1
        try:
            needs = {need: values[need] if need in values else given(need) for need in one.needs}
            values[name] = one.recipe.make(**needs)
        except BaseException:
            transaction.set_rollback(True)
            block.__exit__(None, None, None)
            raise
        self.layers.append(Layer(key, block, values))

    def back_to(self, depth: int) -> None:
        """Undo every layer above ``depth``."""
        self.copies, self.current = None, {}
        while len(self.layers) > depth:
            layer = self.layers.pop()
            transaction.set_rollback(True)
            layer.block.__exit__(None, None, None)


stack = Stack()


@pytest.fixture(scope="session")
def nothing_kept(django_db_setup: None, django_db_blocker: Any) -> Iterator[Callable[[], None]]:
    """Return a function that undoes everything kept, for those who keep a world of their own."""

    def clear() -> None:
        with django_db_blocker.unblock():
            stack.back_to(0)

    yield clear
    clear()
