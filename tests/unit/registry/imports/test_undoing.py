"""Undoing an import, and giving up one whose command was killed."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.urls import reverse

from audits.models import LedgerEntry
from mlops_portal.foundation.errors import Conflict, NotAllowed
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.work import running
from mlops_portal.foundation.work.jobs import Job
from registry.imports import mapping, service, undoing
from registry.models import Consumer, ImportedModel, ImportRun, RegisteredModel
from registry.services.models import model_update
from registry.services.surroundings import consumer_add
from registry.services.versions import version_register
from registry.states import ImportState

pytestmark = pytest.mark.django_db

HEAD = "Id,Model,Kind\n"
ROWS = HEAD + "".join(f"{n},model {n},generative\n" for n in range(1, 7))
DOCUMENT = {"name": "fleet", "source": "fleet", "key": ["Id"], "fields": {"name": "Model", "kind": "Kind"}}


@pytest.fixture
def importing(group, now):
    """Return a function that imports a text into the group at once."""

    def run(text=ROWS, *, by=None, at=now):
        started = service.import_start(
            content=text.encode(), name="fleet.csv", mapping=mapping.build(DOCUMENT), unit=group, by=by, now=at,
            in_background=False,
        )  # fmt: skip
        return service.import_run(run=started, by=by, clock=lambda: at, progress=lambda *_: None)

    return run


def undo(run, by, now):
    run = undoing.undo_start(run=run, by=by, now=now)
    running.run(run.undo_job_number)
    run.refresh_from_db()
    return run


def living():
    return sorted(RegisteredModel.objects.alive().values_list("name", flat=True))


def test_what_nothing_hangs_on_goes_and_its_name_and_key_are_free_again(importing, adam, now):
    run = undo(importing(by=adam), adam, now)
    assert living() == []
    assert run.undone_at
    assert ImportedModel.objects.filter(run=run, withdrawn_at__isnull=False).count() == 6
    assert LedgerEntry.objects.filter(verb="registry.model_deleted").count() == 6
    assert LedgerEntry.objects.filter(verb="registry.import_undone").count() == 1
    assert RegisteredModel.objects.first().history.count() == 2
    assert importing(by=adam).created == 6


def test_what_somebody_changed_or_something_hangs_on_stays_and_says_why(importing, adam, now):
    run = importing(by=adam)
    one, two, three, four = RegisteredModel.objects.order_by("pk")[:4]
    version_register(model=one, by=adam, now=now)
    model_update(model=two, by=adam, now=now, title="Two")
    consumer_add(model=three, name="Desk", by=adam, now=now)
    importing(ROWS.replace("4,model 4,generative", "4,model 4,agent"), by=adam, at=now + timedelta(days=1))
    plan = undoing.undo_plan(run, by=adam)
    assert (plan.goes, plan.left, plan.withdrawn) == (2, 4, 0)
    assert dict(plan.stays) == {
        "has 1 version": 1,
        "somebody changed it since": 1,
        "has 1 consumer": 1,
        "a later import changed it": 1,
    }
    run = undo(run, adam, now)
    assert living() == ["model 1", "model 2", "model 3", "model 4"]
    assert ImportedModel.objects.get(model=two).stays == "somebody changed it since"
    assert four.components.get().kind == "agent"


def test_a_second_press_says_that_nothing_is_left(importing, adam, now):
    run = undo(importing(by=adam), adam, now)
    with pytest.raises(RuleViolation, match="Nothing is left to undo"):
        undoing.undo_start(run=run, by=adam, now=now)
    with pytest.raises(Conflict, match="undone"):
        service.import_resume(run=run, by=adam, now=now)


def test_what_hung_on_a_model_before_may_go_when_it_is_undone_again(importing, adam, now):
    run = importing(by=adam)
    consumer = consumer_add(model=RegisteredModel.objects.first(), name="Desk", by=adam, now=now)
    run = undo(run, adam, now)
    assert living() == ["model 1"]
    Consumer.objects.filter(pk=consumer.pk)._raw_delete("default")
    undo(run, adam, now)
    assert living() == []


def test_an_undoing_that_was_cut_off_goes_on(importing, adam, now, monkeypatch):
    monkeypatch.setattr(undoing, "CHUNK", 2)
    run = importing(by=adam)

    def stop(done, total):
        if done == 4:
            raise service.jobs.JobStopped("stopped")

    with pytest.raises(service.jobs.JobStopped):
        undoing.undo_run(run=run, by=adam, clock=lambda: now, progress=stop)
    assert living() == ["model 5", "model 6"]
    seen = []
    counts = undoing.undo_run(
        run=run, by=adam, clock=lambda: now, progress=lambda done, total: seen.append((done, total))
    )
    assert (counts["withdrawn"], counts["stays"], seen) == (6, 0, [(0, 2), (2, 2)])


def test_who_may_not_delete_withdraws_nothing(importing, adam, retail, make_person, now):
    run = importing(HEAD + "1,one,agent\n", by=adam)
    stranger = make_person("Nia Noone", "viewer", unit=retail)
    with pytest.raises(NotAllowed):
        undoing.undo_start(run=run, by=stranger, now=now)
    owner = make_person("Otto Owner", "model_owner", unit=retail.parent)
    plan = undoing.undo_plan(run, by=owner)
    assert plan.stays == (("you have no right to delete models of Aldermoor Group", 1),)
    undo(run, owner, now)
    assert living() == ["one"]


def test_a_model_that_moved_out_of_sight_stays_without_a_word_about_it(
    importing, adam, olga, retail, plant, now
):
    run = importing(by=adam)
    model = RegisteredModel.objects.first()
    assert undoing.reasons_to_stay([model], by=olga) == {model.pk: undoing.UNSEEN}
    assert undoing.undo_plan(run, by=olga).stays == ((undoing.UNSEEN, 6),)


def test_an_import_under_way_is_not_undone_and_an_older_one_says_why_not(importing, group, adam, now):
    run = importing(by=adam)
    ImportedModel.objects.all().delete()
    with pytest.raises(RuleViolation, match="before the portal kept"):
        undoing.undo_start(run=run, by=adam, now=now)
    ImportRun.objects.update(state=ImportState.RUNNING)
    run.refresh_from_db()
    with pytest.raises(RuleViolation, match="under way"):
        undoing.undo_start(run=run, by=adam, now=now)


def killed(group, now):
    """Return an import that a command started and that was killed before its first row."""
    run = service.import_start(
        content=ROWS.encode(), name="fleet.csv", mapping=mapping.build(DOCUMENT), unit=group, by=None, now=now,
        in_background=False,
    )  # fmt: skip
    ImportRun.objects.filter(pk=run.pk).update(state=ImportState.RUNNING)
    run.refresh_from_db()
    return run


def test_an_import_of_a_killed_command_is_given_up_and_its_source_is_free(importing, group, adam, now):
    run = killed(group, now)
    with pytest.raises(Conflict, match="under way"):
        importing(by=adam)
    run = service.import_give_up(run=run, by=adam, now=now)
    assert run.state == ImportState.STOPPED
    assert importing(by=adam).created == 6
    with pytest.raises(RuleViolation):
        service.import_give_up(run=run, by=adam, now=now)


def test_an_import_of_a_killed_command_goes_on_in_a_worker(group, adam, now):
    run = service.import_resume(run=killed(group, now), by=adam, now=now)
    running.run(run.job_number)
    run.refresh_from_db()
    assert (run.state, run.created) == (ImportState.FINISHED, 6)


@pytest.mark.parametrize("taken", ["given up", "resumed"])
def test_a_command_that_still_runs_writes_nothing_after_its_import_was_taken_away(
    group, adam, now, monkeypatch, taken
):
    monkeypatch.setattr(service, "CHUNK", 2)
    run = killed(group, now)
    act = service.import_give_up if taken == "given up" else service.import_resume

    def take(done, total):
        if done == 2:
            act(run=ImportRun.objects.get(pk=run.pk), by=adam, now=now)

    with pytest.raises(Conflict, match="writes no more"):
        service.import_run(run=run, by=None, clock=lambda: now, progress=take)
    assert len(living()) == 2
    left = ImportRun.objects.get(pk=run.pk)
    assert left.state == (ImportState.STOPPED if taken == "given up" else ImportState.QUEUED)


def test_a_worker_whose_job_another_took_over_writes_nothing_more(group, adam, now, monkeypatch):
    monkeypatch.setattr(service, "CHUNK", 2)
    run = service.import_start(
        content=ROWS.encode(), name="fleet.csv", mapping=mapping.build(DOCUMENT), unit=group, by=adam, now=now
    )
    mine, lost = ImportRun.objects.get(pk=run.pk), []

    @contextmanager
    def fence():
        if lost:
            raise service.jobs.JobStopped("taken over")
        yield

    def take_over(done, total):
        if done == 2:
            lost.append(True)

    with pytest.raises(service.jobs.JobStopped):
        service.import_run(run=mine, by=adam, clock=lambda: now, progress=take_over, under=fence)
    left = ImportRun.objects.get(pk=run.pk)
    assert (left.state, left.created, left.resume_row, len(living())) == (ImportState.RUNNING, 2, 3, 2)
    left = service.import_run(run=left, by=adam, clock=lambda: now, progress=lambda *_: None)
    assert (left.state, left.created, len(living())) == (ImportState.FINISHED, 6, 6)


def test_an_import_whose_undoing_never_began_goes_on(group, adam, now, monkeypatch):
    monkeypatch.setattr(service, "CHUNK", 2)
    run = killed(group, now)

    def stop(done, total):
        if done == 2:
            raise service.jobs.JobStopped("stopped")

    with pytest.raises(service.jobs.JobStopped):
        service.import_run(run=run, by=None, clock=lambda: now, progress=stop)
    run = undoing.undo_start(run=ImportRun.objects.get(pk=run.pk), by=adam, now=now)
    assert service.resume_blockers(run, None)[0].code == "undone"
    Job.objects.filter(pk=run.undo_job_number).update(state="stopped")
    assert service.resume_blockers(run, None) == []
    undo(run, adam, now)
    assert service.resume_blockers(ImportRun.objects.get(pk=run.pk), None)[0].code == "undone"


def test_the_list_of_models_says_nothing_of_those_out_of_sight(importing, adam, olga, retail, as_person):
    run = importing(by=adam)
    ImportRun.objects.filter(pk=run.pk).update(unit=retail)
    place = reverse("registry:import-created", args=[run.pk])
    client = as_person(olga)
    page = client.get(place).content.decode()
    assert "a model out of sight" in page
    assert "model 1" not in page
    lines = b"".join(client.get(place, {"export": "csv"}).streaming_content).decode()
    assert "a model out of sight" in lines
    assert "model 1" not in lines
    assert "a model out of sight" not in client.get(place, {"q": "model 1"}).content.decode()
