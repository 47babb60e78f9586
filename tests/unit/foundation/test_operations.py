"""One act, one flush; what a failed part buffered is forgotten with its rows."""

import pytest

from mlops_portal.foundation import operations
from mlops_portal.foundation.operations import act, current_act, operation

pytestmark = pytest.mark.django_db


@pytest.fixture
def flushed(monkeypatch):
    seen = []
    monkeypatch.setattr(operations, "_flush_hooks", [lambda one: seen.append(list(one.buffer("rows")))])
    return seen


def test_nested_services_are_one_act_flushed_once(flushed):
    @operation
    def inner():
        current_act().buffer("rows").append("inner")
        return current_act().id

    @operation
    def outer():
        current_act().buffer("rows").append("outer")
        return inner(), current_act().id

    first, second = outer()
    assert first == second
    assert flushed == [["outer", "inner"]]
    assert current_act() is None


def test_a_failed_part_leaves_nothing_in_the_buffer(flushed):
    def broken():
        with act() as part:
            part.buffer("rows").append("lost")
            part.buffer("others").append("lost too")
            raise RuntimeError

    with act() as whole:
        whole.buffer("rows").append("kept")
        with pytest.raises(RuntimeError):
            broken()
    assert flushed == [["kept"]]
    assert whole.buffers["others"] == []


def test_a_failed_act_is_not_flushed(flushed):
    def broken():
        with act():
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert flushed == []
    assert current_act() is None
