"""Audited rows: every write leaves history, no write is silent, the past can be read."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import DatabaseError, transaction

from mlops_portal.foundation.history import (
    AuditedModel,
    UnauditedWriteError,
    as_of,
    bulk_save_as,
    delete_as,
    history_rows_written,
    rows_as_of,
    save_as,
)
from mlops_portal.foundation.history.tables import table_of
from mlops_portal.foundation.operations import ClockOff
from mlops_portal.foundation.people.models import BusinessUnit, User

pytestmark = pytest.mark.django_db


def unit(code, **more):
    return BusinessUnit(code=code, name=code.title(), **more)


def test_a_save_without_actor_is_refused():
    with pytest.raises(UnauditedWriteError):
        unit("lost").save()


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda rows: rows.update(name="x"), id="update"),
        pytest.param(lambda rows: rows.delete(), id="delete"),
        pytest.param(lambda rows: rows.bulk_create([unit("b")]), id="bulk_create"),
        pytest.param(lambda rows: rows.bulk_update(list(rows), ["name"]), id="bulk_update"),
    ],
)
def test_silent_writes_of_query_sets_are_refused(retail, write):
    with pytest.raises(UnauditedWriteError):
        write(BusinessUnit.objects.all())


def test_actor_and_reason_do_not_stick_to_the_next_save(adam, retail, now):
    retail.name = "Retail"
    save_as(retail, by=adam, now=now + timedelta(hours=1), reason="shorter")
    retail.name = "Retail Lending"
    save_as(retail, by=None, now=now + timedelta(hours=2))
    newest = BusinessUnit.history.filter(id=retail.pk).first()
    assert (newest.history_user_id, newest.history_change_reason) == (None, "")


def test_two_saves_at_one_instant_keep_their_order(retail, now):
    later = now + timedelta(hours=1)
    for name in ("first", "second"):
        retail.name = name
        save_as(retail, by=None, now=later)
    dates = list(BusinessUnit.history.filter(id=retail.pk).values_list("history_date", "name")[:2])
    assert dates == [(later + timedelta(microseconds=1), "second"), (later, "first")]
    assert as_of(retail, later).name == "first"


def test_the_past_shows_each_object_once_as_it_was(retail, plant, now):
    for hours, name in ((1, "A"), (2, "B"), (3, "C")):
        retail.name = name
        save_as(retail, by=None, now=now + timedelta(hours=hours))
    names = dict(rows_as_of(BusinessUnit, now + timedelta(hours=2, minutes=1)).values_list("code", "name"))
    assert names["retail-lending"] == "B"
    assert names["plant-operations"] == "Plant Operations"


def test_nothing_existed_before_it_was_made(retail, now):
    assert as_of(retail, now - timedelta(days=1)) is None
    assert not rows_as_of(BusinessUnit, now - timedelta(days=1)).exists()


def test_a_deleted_row_is_still_seen_in_the_past(group, now):
    gone = save_as(unit("gone", parent=group, depth=1), by=None, now=now)
    delete_as(gone, by=None, now=now + timedelta(days=1), reason="closed")
    codes = rows_as_of(BusinessUnit, now + timedelta(hours=1)).values_list("code", flat=True)
    assert "gone" in codes
    assert "gone" not in rows_as_of(BusinessUnit, now + timedelta(days=2)).values_list("code", flat=True)


def test_a_bulk_write_leaves_one_history_row_each_and_tells_once(adam, group, now):
    told = []

    def listen(sender, model, history_rows, **kwargs):
        told.append((model, len(history_rows)))

    history_rows_written.connect(listen)
    try:
        rows = bulk_save_as([unit(f"u{n}", parent=group, depth=1) for n in range(5)], by=adam, now=now)
        for row in rows:
            row.name = row.name + " x"
        bulk_save_as(rows, by=adam, now=now, fields=["name"])
    finally:
        history_rows_written.disconnect(listen)
    assert told == [(BusinessUnit, 5), (BusinessUnit, 5)]
    history = BusinessUnit.history.filter(id=rows[0].pk)
    assert [row.history_type for row in history] == ["~", "+"]
    assert {row.history_user_id for row in history} == {str(adam.pk)}


def test_new_rows_and_their_history_match_whatever_their_number(adam, group, now):
    made = bulk_save_as([unit(f"u{n:04}", parent=group, depth=1) for n in range(300)], by=adam, now=now)
    stored = dict(BusinessUnit.objects.values_list("pk", "code"))
    assert [stored[row.pk] for row in made] == [row.code for row in made]
    past = BusinessUnit.history.filter(id__in=[row.pk for row in made])
    assert {row.id: (row.code, row.name, row.parent_id, row.history_user_id) for row in past} == {
        row.pk: (row.code, row.name, group.pk, str(adam.pk)) for row in made
    }


def test_a_new_row_with_a_key_of_its_own_is_refused_in_a_bulk(group, now):
    with pytest.raises(ValueError, match="has a key already"):
        bulk_save_as([unit("own", pk=4711, parent=group, depth=1)], by=None, now=now)


def test_every_audited_table_knows_how_its_new_rows_are_written():
    audited = [model for model in apps.get_models() if issubclass(model, AuditedModel)]
    for model in audited:
        table = table_of(model)
        assert {table.key, *(table.columns[place].name for place in table.kept)} == set(table.tracked)


def test_production_refuses_a_time_that_is_not_now(settings, group, now):
    settings.PORTAL_CLOCK_TOLERANCE_SECONDS = 5
    with pytest.raises(ClockOff, match="at most 5 s"):
        save_as(unit("late", parent=group, depth=1), by=None, now=now - timedelta(days=30))


def test_noting_a_sign_in_is_no_governed_change(ada, now):
    before = User.history.filter(id=ada.pk).count()
    ada.last_login = now
    ada.save(update_fields=["last_login"])
    assert User.history.filter(id=ada.pk).count() == before


def test_a_row_that_is_gone_is_not_brought_back(retail, now):
    gone = BusinessUnit.objects.get(pk=save_as(unit("gone"), by=None, now=now).pk)
    delete_as(BusinessUnit.objects.get(pk=gone.pk), by=None, now=now)
    with pytest.raises(DatabaseError), transaction.atomic():
        save_as(gone, by=None, now=now + timedelta(hours=1))
    assert not BusinessUnit.objects.filter(code="gone").exists()


def test_only_the_named_fields_of_a_row_change(retail, now):
    other = BusinessUnit.objects.get(pk=retail.pk)
    other.name = "Renamed meanwhile"
    save_as(other, by=None, now=now)
    retail.name, retail.code = "Not written", "retail"
    save_as(retail, by=None, now=now + timedelta(hours=1), fields=["code"])
    retail.refresh_from_db()
    assert (retail.name, retail.code) == ("Renamed meanwhile", "retail")
    with pytest.raises(ValueError, match="nonsense"):
        save_as(retail, by=None, now=now + timedelta(hours=2), fields=["code", "nonsense"])
