"""The page under the bell: by record, filtered, one by one or all at once, and further back than one page."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from mlops_portal.foundation.web import notifications, settling
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.web.notice_pages import ALONE, GROUPS, LINES

URL = "/notifications/"


@pytest.fixture
def as_nora(as_person, make_person, retail):
    person = make_person("Nora Reader", "viewer", unit=retail)
    client = as_person(person)
    client.person = person
    return client


def tell(person, count=1, **more):
    at = more.pop("now", timezone.now())
    for number in range(count):
        subject = more.get("subject", f"CR-{number}")
        notifications.notify(**{"people": [person], "text": "Decide.", "now": at, **more, "subject": subject})


def heads(html):
    """Return the names of the groups in order."""
    return re.findall(r'<div class="panel-head"><h2>([^<]*)</h2>', html)


def settle(row, words="Decided", by=None):
    (waiting,) = settling.waiting([row.expectations.get().key])
    settling.settle({waiting: settling.Outcome(words, timezone.now(), by.pk if by else None)})


def test_an_empty_page_says_what_will_come(as_nora):
    html = as_nora.get(URL).content.decode()
    assert "What changes in your work, and what is expected of you, comes here." in html
    assert "Mark all as read" not in html


def test_notices_stand_by_record_the_newest_first(as_nora):
    now = timezone.now()
    tell(as_nora.person, 2, now=now - timedelta(days=2), link="/models/")
    tell(as_nora.person, now=now, link="/models/", tone="warn")
    html = as_nora.get(URL).content.decode()
    assert heads(html) == ["CR-0", "CR-1"]
    assert html.count('name="pk"') == 3
    assert 'aria-label="Notifications, 3 unread"' in html
    assert '<span class="dot is-warn" aria-hidden="true">' in html


def test_a_record_that_was_renamed_is_one_group_under_its_newest_name(as_nora, adam):
    tell(as_nora.person, about=adam, subject="Former name")
    tell(as_nora.person, about=adam, subject="Present name")
    tell(as_nora.person, subject="Present name")
    assert heads(as_nora.get(URL).content.decode()) == ["Present name", "Present name"]


def test_whoever_follows_a_notice_has_read_it(as_nora):
    tell(as_nora.person, link="/models/")
    notice = Notification.objects.get()
    assert f'href="{URL}{notice.pk}/">Open<' in as_nora.get(URL).content.decode()
    answer = as_nora.get(f"{URL}{notice.pk}/")
    assert (answer.status_code, answer["Location"]) == (303, "/models/")
    html = as_nora.get(URL).content.decode()
    assert "Everything is read." in html
    assert 'href="/models/">Open<' in html


def test_a_moment_stands_in_the_zone_of_each_reader(as_nora, make_person):
    at = datetime(2026, 11, 17, 22, 30, tzinfo=UTC)
    far, lost = make_person("Kenji Far"), make_person("Lara Lost")
    far.time_zone, lost.time_zone = "Asia/Tokyo", "Mars/Base"
    text = f"Decide by {notifications.moment(at)}, not \x01later\x01."
    notifications.notify(people=[as_nora.person, far, lost], subject="s", text=text, now=at)
    said = dict(Notification.objects.values_list("person__name", "text"))
    assert said["Kenji Far"].startswith("Decide by 18 Nov 2026 07:30 JST,")
    assert said["Nora Reader"] == said["Lara Lost"]
    assert said["Nora Reader"].startswith("Decide by 17 Nov 2026 23:30 CET,")


def test_one_is_read_then_all(as_nora):
    tell(as_nora.person, 3)
    first = Notification.objects.earliest("pk")
    answer = as_nora.post(URL, {"pk": first.pk, "next": URL}, follow=True)
    assert "1 notice marked as read." in answer.content.decode()
    assert 'aria-label="Notifications, 2 unread"' in answer.content.decode()
    answer = as_nora.post(URL, follow=True)
    assert "2 notices marked as read." in answer.content.decode()
    assert "Everything is read." in answer.content.decode()
    assert not Notification.objects.filter(read_at__isnull=True).exists()


@pytest.mark.parametrize("key", ["x", "9" * 40, "-1", "1.5"])
def test_a_key_that_is_none_marks_nothing(as_nora, key):
    tell(as_nora.person)
    assert as_nora.post(URL, {"pk": key}).status_code == 404
    assert Notification.objects.filter(read_at__isnull=True).count() == 1
    assert as_nora.get(URL, {"before": key}).status_code == 200


def test_older_records_are_a_page_away_and_count_as_unread(as_nora):
    tell(as_nora.person, GROUPS + 2)
    html = as_nora.get(URL).content.decode()
    assert f"{GROUPS + 2} notices not read." in html
    oldest_shown = Notification.objects.order_by("-pk")[GROUPS - 1]
    assert f'rel="next" href="?before={oldest_shown.pk}"' in html
    older = as_nora.get(URL, {"before": oldest_shown.pk}).content.decode()
    assert heads(older) == ["CR-1", "CR-0"]
    assert "To the newest" in older
    assert "Older notices" not in older
    assert "Nothing older" in as_nora.get(URL, {"before": "1"}).content.decode()


def test_a_page_stays_right_when_notices_come_meanwhile(as_nora):
    tell(as_nora.person, GROUPS + 3)
    first = as_nora.get(URL).content.decode()
    place = re.search(r"before=([0-9]+)", first)[1]
    tell(as_nora.person, subject="CR-1")  # stood on the second page, and comes to the front
    tell(as_nora.person, subject=f"CR-{GROUPS}")  # stood on the first
    second = heads(as_nora.get(URL, {"before": place}).content.decode())
    assert second == ["CR-2", "CR-0"]
    assert heads(as_nora.get(URL).content.decode())[:2] == [f"CR-{GROUPS}", "CR-1"]


def test_a_long_group_shows_its_newest_lines_and_has_a_page_of_its_own(as_nora):
    tell(as_nora.person, ALONE + 1, subject="CR-7")
    tell(as_nora.person, subject="CR-8")
    html = as_nora.get(URL).content.decode()
    assert html.count('name="pk"') == LINES + 1
    assert f'href="?about=CR-7">All {ALONE + 1} notices' in html
    alone = as_nora.get(URL, {"about": "CR-7"}).content.decode()
    assert heads(alone) == ["CR-7"]
    assert alone.count('name="pk"') == ALONE
    place = re.search(r"about=CR-7&amp;before=([0-9]+)", alone)[1]
    last = as_nora.get(URL, {"about": "CR-7", "before": place}).content.decode()
    assert last.count('name="pk"') == 1


def test_filters_stand_in_the_address_and_show_what_is_unread_or_expected(as_nora):
    tell(as_nora.person, subject="Read")
    notifications.mark_read(person=as_nora.person, now=timezone.now())
    tell(as_nora.person, subject="Unread")
    tell(as_nora.person, subject="Asks", asks=["test.decide:1"])
    tell(as_nora.person, subject="Settled", asks=["test.decide:2"])
    settle(Notification.objects.get(subject="Settled"))
    assert heads(as_nora.get(URL).content.decode()) == ["Settled", "Asks", "Unread", "Read"]
    assert heads(as_nora.get(URL, {"show": "unread"}).content.decode()) == ["Asks", "Unread"]
    asking = as_nora.get(URL, {"show": "asking"}).content.decode()
    assert heads(asking) == ["Asks"]
    assert 'href="?show=asking" aria-current="page"' in asking
    assert 'href="?show=asking&amp;export=csv"' in asking


def test_a_settled_notice_says_what_became_of_it_and_no_longer_counts(as_nora, adam):
    tell(as_nora.person, asks=["test.decide:1"])
    assert 'aria-label="Notifications, 1 unread"' in as_nora.get(URL).content.decode()
    settle(Notification.objects.get(), by=adam)
    notifications.forget_counts([as_nora.person.pk])
    html = as_nora.get(URL).content.decode()
    assert f"<b>Decided</b> by {adam.name} on <time" in html
    assert "<b>New.</b>" not in html
    assert 'aria-label="Notifications"' in html
    assert "Mark all as read" not in html
    assert as_nora.post(URL, {"pk": Notification.objects.get().pk}, follow=True).status_code == 200
    assert Notification.objects.get().read_at is None


def test_what_one_did_oneself_says_so(as_nora):
    tell(as_nora.person, asks=["test.decide:1"])
    settle(Notification.objects.get(), by=as_nora.person)
    assert "<b>Decided</b> by you on" in as_nora.get(URL).content.decode()


def test_a_file_holds_the_filtered_notices_of_the_reader_alone(as_nora, adam):
    tell(adam, subject="Of somebody else")
    tell(as_nora.person, subject="Unread")
    tell(as_nora.person, subject="Settled", asks=["test.decide:2"])
    settle(Notification.objects.get(subject="Settled"), by=adam)
    every = b"".join(as_nora.get(URL, {"export": "csv"})).decode()
    assert "Of somebody else" not in every
    assert f"Decided,{adam.name}" in every
    unread = b"".join(as_nora.get(URL, {"export": "csv", "show": "unread"})).decode()
    assert "Unread" in unread
    assert "Settled,Decide" not in unread


def test_what_was_read_is_forgotten_after_ninety_days(as_nora):
    now = timezone.now()
    tell(as_nora.person, 2, now=now - timedelta(days=91))
    tell(as_nora.person, 1, now=now)
    assert notifications.purge(now=now) == 0
    notifications.mark_read(person=as_nora.person, now=now, before=now - timedelta(days=1))
    assert notifications.purge(now=now) == 2
    assert Notification.objects.filter(person=as_nora.person, read_at__isnull=True).count() == 1


def test_what_is_settled_is_forgotten_after_ninety_days_though_nobody_read_it(as_nora):
    now = timezone.now()
    tell(as_nora.person, now=now - timedelta(days=91), asks=["test.decide:1"])
    tell(as_nora.person, now=now - timedelta(days=91), asks=["test.decide:2"])
    settle(Notification.objects.earliest("pk"))
    assert notifications.purge(now=now) == 1
    assert Notification.objects.get().expectations.get().key == "test.decide:2"


def test_a_page_needs_no_more_statements_for_more_notices(as_nora, assert_flat_queries):
    tell(as_nora.person, 2)
    assert_flat_queries(act=lambda: as_nora.get(URL), add_rows=lambda: tell(as_nora.person, 30), budget=20)
