"""The page under the bell: what changed in one's work and what is expected of one, by the record it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Count, F, Max, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.web import notifications
from mlops_portal.foundation.web.exports import rows_response
from mlops_portal.foundation.web.filters import clean_query
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.web.pages import Page, SeeOther, safe_next
from mlops_portal.foundation.web.tables import Column, Table
from mlops_portal.foundation.web.words import plural

GROUPS, LINES = 20, 5  # on one page, and of one group on it
ALONE = 50  # lines of a group on a page of its own
MOST = 10_000  # rows of a file
MAX_DIGITS = 18
SHOWN = {"": "All", "unread": "Not read", "asking": "Expected of you"}


class NoticeTable(Table):
    """Notices as a file."""

    subject = Column("About", header=True)
    text = Column("Text")
    created_at = Column("Came")
    is_asking = Column("Something was expected")
    read_at = Column("Read")
    settled_at = Column("Settled")
    outcome = Column("What became of it")
    settled_by = Column("By")


@dataclass(frozen=True, slots=True)
class Group:
    """Notices about one record, the newest first; ``count`` says how many there are in all."""

    about: str
    rows: Sequence[Notification]
    count: int

    @property
    def subject(self) -> str:
        """Name the record as its newest notice does."""
        return self.rows[0].subject

    @property
    def has_more(self) -> bool:
        """Tell whether some are not shown."""
        return self.count > len(self.rows)


def groups_of(rows: QuerySet[Notification], *, before: int | None) -> tuple[list[Group], int | None]:
    """Return a page of groups, the one with the newest notice first, and where the next page begins.

    A group stands where its newest notice stands: what comes meanwhile moves a group to the front, and no other is
    shown twice or passed over.
    """
    heads = rows.order_by().values("about").annotate(newest=Max("pk"), count=Count("pk"))
    if before is not None:
        heads = heads.filter(newest__lt=before)
    found = list(heads.order_by("-newest")[: GROUPS + 1])
    shown = found[:GROUPS]
    place = Window(RowNumber(), partition_by="about", order_by=F("pk").desc())
    lines: dict[str, list[Notification]] = {head["about"]: [] for head in shown}
    first = rows.filter(about__in=lines).annotate(place=place).filter(place__lte=LINES)
    for row in first.select_related("settled_by").order_by("-pk") if shown else ():
        lines[row.about].append(row)
    groups = [Group(head["about"], lines[head["about"]], head["count"]) for head in shown]
    return groups, shown[-1]["newest"] if len(found) > GROUPS else None


def group_alone(rows: QuerySet[Notification], *, before: int | None) -> tuple[list[Group], int | None]:
    """Return a page of the notices about one record, and where the next page begins."""
    older = rows if before is None else rows.filter(pk__lt=before)
    found = list(older.select_related("settled_by").order_by("-pk")[: ALONE + 1])
    shown = found[:ALONE]
    groups = [Group(shown[0].about, shown, len(shown))] if shown else []
    return groups, shown[-1].pk if len(found) > ALONE else None


class Notifications(Page):
    """What changed and what is expected of the reader, by record; three filters, and a file of what they leave."""

    title = "Notifications"
    template_name = "web/notifications.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the notices that the address asks for, or a file of them."""
        asked = request.GET.get("show", "")
        self.show = asked if asked in SHOWN else ""
        self.about = request.GET.get("about", "").replace("\x00", "")  # PostgreSQL holds no such text
        if kind := request.GET.get("export", ""):
            rows = self.rows().select_related("settled_by").order_by("-pk")[:MOST]
            label = Notification._meta.label
            return rows_response(
                request, kind, rows, NoticeTable(), title=self.title, about=label, now=self.now
            )
        return super().get(request, *args, **kwargs)

    def rows(self) -> QuerySet[Notification]:
        """Return the reader's notices with the filters of the address."""
        rows = Notification.objects.filter(person=self.request.user)
        if self.about:
            rows = rows.filter(about=self.about)
        if self.show == "unread":
            return rows.unread()
        return rows.asking() if self.show == "asking" else rows

    def more(self) -> Mapping[str, Any]:
        """Read one page of groups, or of the group of the address."""
        before = _key(self.request.GET.get("before", ""))
        read = group_alone if self.about else groups_of
        groups, older = read(self.rows(), before=before)
        own = Notification.objects.filter(person=self.request.user)
        counts = own.aggregate(
            unread=Count("pk", filter=Q(read_at__isnull=True, settled_at__isnull=True)),
            asking=Count("pk", filter=Q(is_asking=True, settled_at__isnull=True)),
        )
        query = clean_query(self.request.GET)
        return {
            "groups": groups,
            "older": older,
            "is_first": before is None,
            "here": self.request.get_full_path(),
            "query": query.urlencode(),
            "counts": counts,
            "tabs": [
                (label, f"?show={name}" if name else self.request.path, counts.get(name), name == self.show)
                for name, label in SHOWN.items()
            ],
        }

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Mark one notice, or all, as read."""
        given = request.POST.get("pk", "")
        pk = _key(given)
        if given and pk is None:
            raise NotFound("There is no such notice.")
        count = notifications.mark_read(person=request.user, now=self.now, pk=pk)
        if count:
            messages.success(request, f"{plural(count, 'notice')} marked as read.")
        return SeeOther(safe_next(request, request.path))


class NoticeOpened(Page):
    """The way to what a notice is about: whoever follows it has read the notice."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Mark the notice as read and lead on."""
        notice = Notification.objects.filter(person=request.user, pk=pk).first()
        if notice is None:
            raise NotFound("There is no such notice.")
        notifications.mark_read(person=request.user, now=self.now, pk=pk)
        return SeeOther(notice.link or reverse("web:notifications"))


def _key(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < MAX_DIGITS else None
