"""The page under the bell: by day, one by one or all at once, and further back than one page."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from mlops_portal.foundation.web import notifications
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.web.views import NOTICES

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
        notifications.notify(people=[person], subject=f"CR-{number}", text="Decide.", now=at, **more)


def test_an_empty_page_says_what_will_come(as_nora):
    html = as_nora.get(URL).content.decode()
    assert "What changes in your work, and what is expected of you, comes here." in html
    assert "Mark all as read" not in html


def test_notices_stand_by_day_and_lead_to_their_page(as_nora):
    now = timezone.now()
    tell(as_nora.person, now=now - timedelta(days=2), link="/models/")
    tell(as_nora.person, now=now, link="/models/", tone="warn")
    html = as_nora.get(URL).content.decode()
    assert html.count('<div class="panel-head"><h2>') == 2
    assert html.count(">CR-0</a>") == 2
    assert 'aria-label="Notifications, 2 unread"' in html
    assert '<span class="dot is-warn" aria-hidden="true">' in html


def test_whoever_follows_a_notice_has_read_it(as_nora):
    tell(as_nora.person, link="/models/")
    notice = Notification.objects.get()
    assert f'<a href="{URL}{notice.pk}/">CR-0</a>' in as_nora.get(URL).content.decode()
    answer = as_nora.get(f"{URL}{notice.pk}/")
    assert (answer.status_code, answer["Location"]) == (303, "/models/")
    html = as_nora.get(URL).content.decode()
    assert "Everything is read." in html
    assert '<a href="/models/">CR-0</a>' in html


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


def test_older_ones_are_a_page_away_and_count_as_unread(as_nora):
    tell(as_nora.person, NOTICES + 2)
    html = as_nora.get(URL).content.decode()
    assert f"{NOTICES + 2} notices not read." in html
    oldest_shown = Notification.objects.order_by("-pk")[NOTICES - 1]
    assert f'rel="next" href="?before={oldest_shown.pk}"' in html
    older = as_nora.get(URL, {"before": oldest_shown.pk}).content.decode()
    assert older.count('name="pk"') == 2
    assert "To the newest" in older
    assert "Older notices" not in older
    assert "Nothing older" in as_nora.get(URL, {"before": "1"}).content.decode()


def test_what_was_read_is_forgotten_after_ninety_days(as_nora):
    now = timezone.now()
    tell(as_nora.person, 2, now=now - timedelta(days=91))
    tell(as_nora.person, 1, now=now)
    assert notifications.purge(now=now) == 0
    notifications.mark_read(person=as_nora.person, now=now, before=now - timedelta(days=1))
    assert notifications.purge(now=now) == 2
    assert Notification.objects.filter(person=as_nora.person, read_at__isnull=True).count() == 1


def test_a_page_needs_no_more_statements_for_more_notices(as_nora, assert_flat_queries):
    tell(as_nora.person, 2)
    assert_flat_queries(act=lambda: as_nora.get(URL), add_rows=lambda: tell(as_nora.person, 20), budget=20)
