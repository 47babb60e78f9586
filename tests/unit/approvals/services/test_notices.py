"""Who is told when a request moves: those who are expected to act first, and nobody of what they did themselves."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import services
from approvals.models import ChangeRequest
from mlops_portal.foundation import operations
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.services.grants import grant_revoke
from mlops_portal.foundation.web import notices
from mlops_portal.foundation.web.models import Notification
from registry.models import RegisteredModel
from registry.services.bulk import models_register_many
from registry.services.models import NewModel
from registry.services.record_tasks import task_open
from registry.services.versions import version_register
from tests.factories import approvals as make


def told(change: ChangeRequest) -> dict[str, str]:
    """Return the newest notice about the request that each person has, and forget them all."""
    rows = Notification.objects.filter(subject=str(change)).select_related("person").order_by("pk")
    found = {row.person.name.split()[0]: row.text for row in rows}
    Notification.objects.all().delete()
    return found


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the number of statements each act spent on telling."""
    counts: list[int] = []

    def counted(act: operations.Act) -> None:
        with CaptureQueriesContext(connection) as captured:
            notices.at_end_of_act(act)
        counts.append(len(captured))

    hooks = [counted if hook is notices.at_end_of_act else hook for hook in operations._flush_hooks]
    monkeypatch.setattr(operations, "_flush_hooks", hooks)
    return counts


def test_filing_tells_who_decides_first_and_not_who_filed(filed: ChangeRequest) -> None:
    found = told(filed)
    assert set(found) == {"Olga"}
    assert found["Olga"].startswith("Ada Brandt filed it. “")
    assert "waits for you. Read it and decide by" in found["Olga"]


def test_each_stage_tells_those_of_the_next_and_the_requester(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    told(filed)
    change = make.approve_by(filed, [release_cast.owner], now=now)
    found = told(change)
    assert set(found) == {"Ada", "Vera"}
    assert "The stage before is decided" in found["Vera"]
    assert "Olga Moller decided at a stage: accept." in found["Ada"]
    change = make.approve_by(change, [release_cast.validator], now=now)
    assert set(told(change)) == {"Ines", "Rolf", "Ada", "Olga"}


def test_what_is_sent_back_is_expected_of_the_requester_and_known_to_the_owner(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    change = make.approve_by(filed, [release_cast.owner], now=now)
    told(change)
    asked = ["Show the segments."]
    make.decide(change, release_cast.validator, now=now, verdict="request_changes", items=asked)
    found = told(change)
    assert "Answer every item" in found["Ada"]
    assert "The requester answers" in found["Olga"]
    assert "Vera" not in found


def test_changed_content_tells_who_decides_again(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    change = make.approve_by(filed, [release_cast.owner], now=now)
    told(change)
    change.purpose = "Something else."
    save_as(change, by=None, now=now)
    assert services.change_refresh(change=change, now=now + timedelta(hours=1))
    found = told(change)
    assert found["Olga"].startswith("Its content changed and earlier decisions are void.")
    assert "1 decision given before is void" in found["Ada"]


def test_a_condition_is_told_to_its_owner_and_its_verifier(
    filed: ChangeRequest, release_cast: make.Cast, ada: User, vera: User, now: datetime
) -> None:
    told(filed)
    row = {
        "text": "Watch the segments.",
        "evidence": "A report.",
        "owner": ada.pk,
        "verifier": vera.pk,
        "due_on": now.date() + timedelta(days=30),
    }
    make.decide(filed, release_cast.owner, now=now, verdict="approve_with_conditions", conditions=[row])
    found = told(filed)
    assert "set you a condition, due on 17 Dec 2026: Watch the segments." in found["Ada"]
    assert "waits for you" in found["Vera"]  # one notice for one act: what is expected goes first


def test_a_stage_that_many_could_decide_is_told_to_nobody_until_somebody_takes_it() -> None:
    many = list(range(notices.MOST + 1))
    assert notices.few(many) == []
    assert notices.few(many, assigned=7) == [7]
    assert list(notices.few(many[1:])) == many[1:]


def test_who_may_not_open_the_page_is_not_told(
    filed: ChangeRequest, release_cast: make.Cast, ada: User, adam: User, now: datetime
) -> None:
    told(filed)
    for grant in ada.grants.filter(is_effective=True):
        grant_revoke(grant=grant, reason="Moved", by=adam, now=now)
    make.approve_by(filed, [release_cast.owner], now=now)
    assert "Ada" not in told(filed)


@operations.operation
def _open_and_fail(model: RegisteredModel, now: datetime) -> None:
    task_open(model=model, kind="facts_contradicted", text="It is used elsewhere.", now=now)
    raise RuntimeError


def test_what_comes_to_nothing_is_told_to_nobody(light_model: RegisteredModel, now: datetime) -> None:
    Notification.objects.all().delete()
    with operations.act():
        with pytest.raises(RuntimeError):
            _open_and_fail(light_model, now)
        task_open(model=light_model, kind="review_overdue", text="The review was due.", now=now)
    (notice,) = Notification.objects.all()
    assert notice.text == "A task for you: The review was due."


def test_one_act_tells_one_person_once(
    light_model: RegisteredModel, model: RegisteredModel, now: datetime
) -> None:
    Notification.objects.all().delete()
    with operations.act():
        for one in (light_model, model):
            task_open(model=one, kind="facts_contradicted", text="It is used elsewhere.", now=now)
    (notice,) = Notification.objects.all()
    assert notice.subject == str(light_model)
    assert notice.text.endswith(f"Also: {model}.")


def test_what_else_an_act_is_about_leaves_room_for_what_is_expected(
    light_model: RegisteredModel, model: RegisteredModel, now: datetime
) -> None:
    model.title = "Probability of default of small enterprises " * 5
    save_as(model, by=None, now=now, reason="test", fields=["title"])
    Notification.objects.all().delete()
    with operations.act():
        for one in (light_model, model):
            task_open(model=one, kind="facts_contradicted", text="It is used elsewhere.", now=now)
    text = Notification.objects.get().text
    assert text.startswith("A task for you: It is used elsewhere. Also: Probability of default")
    assert len(text) < 120


def test_telling_costs_a_few_statements_and_silent_acts_none(
    filed: ChangeRequest, release_cast: make.Cast, statements: list[int], now: datetime
) -> None:
    make.approve_by(filed, [release_cast.owner], now=now)
    assert max(statements) <= 13, statements
    statements.clear()
    version_register(model=filed.model, by=release_cast.developer, now=now, label="9.9.9")
    assert set(statements) == {0}


def test_what_is_registered_in_bulk_tells_nobody(
    retail: BusinessUnit, olga: User, statements: list[int], now: datetime
) -> None:
    news = [NewModel(name=f"bulk-{n}", unit=retail, fields={"owner": olga}) for n in range(5)]
    models_register_many(models=news, by=None, now=now, reason="Bulk")
    assert set(statements) == {0}
    assert not Notification.objects.exists()


def test_many_records_of_one_act_cost_no_more_statements(
    light_model: RegisteredModel,
    model: RegisteredModel,
    statements: list[int],
    now: datetime,
) -> None:
    counts = []
    for rows, kind in (([model], "facts_contradicted"), ([model, light_model], "review_overdue")):
        statements.clear()
        with operations.act():
            for one in rows:
                task_open(model=one, kind=kind, text="Missing: a purpose.", now=now)
        counts.append(sum(statements))
    assert 0 < counts[0] == counts[1]
