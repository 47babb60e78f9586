"""What the registry asks of people settles by the act that answers it, and by the end of the model."""

import pytest

from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.web.models import Expectation, Notification
from registry import services
from registry.models import RecordTask
from registry.services.owners import models_assign_owner
from registry.services.record_tasks import task_close, task_open
from tests.unit.registry.test_governance_service import LIMITS, answers


def asked(person):
    return [row.text for row in Notification.objects.asking().filter(person=person).order_by("pk")]


def ends(person):
    rows = Notification.objects.filter(person=person, settled_at__isnull=False).order_by("settled_at", "pk")
    return [f"{row.outcome} by {row.settled_by or 'nobody'}" for row in rows.select_related("settled_by")]


@pytest.fixture
def quiet(churn):
    """Return the churn model, of which nobody has been told."""
    Notification.objects.all().delete()
    return churn


@pytest.mark.parametrize(
    ("approve", "outcome"),
    [(True, "Approved by Ines Halvorsen"), (False, "Declined by Ines Halvorsen")],
)
def test_a_rating_asks_every_second_person_until_one_decides(quiet, olga, ines, rolf, now, approve, outcome):
    rating = services.rating_propose(model=quiet, answers=answers(), by=olga, now=now)
    assert len(asked(rolf)) == len(asked(ines)) == 1
    services.rating_decide(rating=rating, approve=approve, note="Too low", by=ines, now=now)
    assert asked(rolf) == asked(ines) == []
    assert ends(rolf) == ends(ines) == [outcome]


def test_a_declined_rating_asks_for_another_until_there_is_one(quiet, olga, ines, now):
    rating = services.rating_propose(model=quiet, answers=answers(), by=olga, now=now)
    services.rating_decide(rating=rating, approve=False, note="Too low", by=ines, now=now)
    assert any("Propose another" in text for text in asked(olga))
    services.rating_propose(model=quiet, answers=answers(), by=olga, now=now)
    assert not any("Propose another" in text for text in asked(olga))
    assert "Proposed by Olga Moller" in ends(olga)


def test_limits_settle_when_they_are_locked_or_declined(quiet, ada, vera, ines, now):
    limits = services.threshold_set_propose(model=quiet, limits=LIMITS, by=ada, now=now)
    services.threshold_set_decline(limits=limits, reason="Too loose.", by=vera, now=now)
    assert ends(ines) == ["Declined by Vera Osei"]
    assert any("Propose others" in text for text in asked(ada))
    limits = services.threshold_set_propose(model=quiet, limits=LIMITS, by=ada, now=now)
    assert asked(ada) == []
    services.threshold_set_lock(limits=limits, by=vera, now=now)
    assert ends(ines) == ["Declined by Vera Osei", "Locked by Vera Osei"]


@pytest.mark.parametrize(
    ("act", "outcome"), [("accept", "Accepted by Paul Owner"), ("decline", "Declined by Paul Owner")]
)
def test_a_use_is_settled_for_the_using_unit_that_does_not_see_the_model(
    quiet, plant, olga, make_person, now, act, outcome
):
    paul = make_person("Paul Owner", "model_owner", unit=plant)
    pia = make_person("Pia Owner", "model_owner", unit=plant)
    use = services.use_request(model=quiet, using_unit=plant, by=olga, now=now, purpose="Spare parts")
    assert len(asked(pia)) == 1
    services.use_decide(use=use, accept=act == "accept", by=paul, now=now)
    assert ends(pia) == [outcome]


def test_a_task_settles_when_it_is_closed(quiet, olga, now):
    task = task_open(model=quiet, kind="facts_contradicted", text="It is used elsewhere.", now=now)
    assert asked(olga) == ["A task for you: It is used elsewhere."]
    task_close(task=task, by=None, now=now, reason="Done")
    assert ends(olga) == ["Closed by nobody"]


def test_who_owns_a_model_no_longer_need_not_attest_it(quiet, olga, make_person, retail, adam, now):
    first = make_person("Fay Owner", "model_owner", unit=retail)
    second = make_person("Gus Owner", "model_owner", unit=retail)
    services.model_update(model=quiet, owner=first, by=olga, now=now)
    assert asked(first) == ["Olga Moller made you the owner. Attest the record and see what is open."]
    services.model_update(model=quiet, owner=second, by=olga, now=now)
    assert ends(first) == ["No longer needed: passed on to another owner by Olga Moller"]
    services.model_attest(model=quiet, by=second, now=now)
    for task in RecordTask.objects.filter(model=quiet, closed_at__isnull=True):
        assert asked(second), "what is open went with the model"
        task_close(task=task, by=None, now=now, reason="Done")
    assert asked(second) == []


def test_a_task_goes_with_the_model_and_both_owners_are_told(quiet, olga, make_person, retail, now):
    fay, gus = (make_person(f"{name} Owner", "model_owner", unit=retail) for name in ("Fay", "Gus"))
    task = task_open(model=quiet, kind="facts_contradicted", text="It is used elsewhere.", owner=fay, now=now)
    assert asked(fay) == ["A task for you: It is used elsewhere."]
    task_open(model=quiet, kind="facts_contradicted", text="It is used elsewhere.", owner=gus, now=now)
    assert ends(fay) == ["No longer needed: passed on to another owner by nobody"]
    assert asked(gus) == ["A task for you: It is used elsewhere."]
    task_close(task=task, by=None, now=now, reason="Done")
    assert ends(gus) == ["Closed by nobody"]


def test_who_owned_a_model_reads_who_owns_it_now(quiet, olga, adam, make_person, retail, now):
    fay = make_person("Fay Owner", "model_owner", unit=retail)
    services.model_update(model=quiet, owner=fay, by=None, now=now)
    told = Notification.objects.filter(person=olga, about__contains="registeredmodel")
    assert "The portal made Fay Owner the owner. You no longer answer for it." in {one.text for one in told}
    passed_on = RecordTask.objects.filter(model=quiet, closed_at__isnull=True)
    assert {one.owner for one in passed_on} == {fay}
    waits = set(Expectation.objects.filter(notice__person=fay).values_list("key", flat=True))
    assert waits >= {f"registry.do:{one.pk}" for one in passed_on}, "and the tasks go with it"


def test_several_models_wait_for_their_owner_until_the_last_is_attested(
    quiet, olga, make_person, retail, now
):
    other = services.model_register(name="credit", unit=retail, owner=olga, by=olga, now=now)
    fay = make_person("Fay Owner", "model_owner", unit=retail)
    models_assign_owner(models=[quiet, other], owner=fay, reason="She took over.", by=olga, now=now)
    (text,) = asked(fay)
    assert text.startswith("You own churn, credit now.")
    services.model_attest(model=quiet, by=fay, now=now)
    assert asked(fay) == [text]
    services.model_attest(model=other, by=fay, now=now)
    assert ends(fay) == ["Attested by Fay Owner"]


def test_nothing_is_expected_for_a_model_that_was_deleted(quiet, olga, ines, ada, vera, now, no_gates):
    services.rating_propose(model=quiet, answers=answers(), by=olga, now=now)
    services.threshold_set_propose(model=quiet, limits=LIMITS, by=ada, now=now)
    task_open(model=quiet, kind="facts_contradicted", text="It is used elsewhere.", now=now)
    services.model_delete(model=quiet, reason="By mistake", by=None, now=now)
    assert not Notification.objects.asking().exists()
    for person in (ines, vera, olga):
        assert set(ends(person)) == {"No longer needed: the model was deleted by nobody"}


def test_what_is_asked_and_ended_in_one_act_asks_nobody(quiet, olga, now):
    for task in RecordTask.objects.filter(model=quiet, closed_at=None):
        task_close(task=task, by=None, now=now, reason="Done")
    Notification.objects.all().delete()

    @operation
    def act(*, again):
        task = task_open(model=quiet, kind="complete_record", text="Missing.", now=now)
        task_close(task=task, by=None, now=now, reason="Done")
        if again:
            task_open(model=quiet, kind="complete_record", text="Missing once more.", now=now)

    act(again=False)
    assert not Notification.objects.exists()
    act(again=True)
    assert asked(olga) == ["A task for you: Missing once more."]
