"""The approvals inbox: what waits for this person, by who owes, then by time left."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from approvals import forms, tones
from approvals.filtersets import InboxFilters
from approvals.models import ChangeRequest
from approvals.queries import inbox_page
from approvals.services.conversation import delegation_create
from approvals.views import queue_files
from approvals.views.review import preview_of
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.web import navigation
from mlops_portal.foundation.web.access import is_fragment
from mlops_portal.foundation.web.exports import rows_response
from mlops_portal.foundation.web.filters import clean_query
from mlops_portal.foundation.web.pages import CreatePage, Page
from mlops_portal.foundation.web.tables import Table
from mlops_portal.foundation.web.words import plural

RULE = "One rule: only tier 4 requests whose evidence is complete can be signed together."


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that one side owes."""

    title: str
    tone: str
    rows: Sequence[inbox_page.QueueRow]


class Inbox(Page):
    """Four queues as tabs; the first two are requests, then conditions, then what was decided."""

    title, right = "Approvals", None
    template_name, fragment = "approvals/inbox.html", "approvals/inbox.html#swap"
    queues = ("mine", "others", "conditions", "decided")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show one queue."""
        asked = request.GET.get("queue", "mine")
        self.queue = asked if asked in self.queues else "mine"
        if kind := request.GET.get("export", ""):
            table, rows, about = self._file()
            name = f"approvals {self.queue}"
            return rows_response(request, kind, rows, table, title=name, about=about, now=self.now)
        if (opened := request.GET.getlist("count_of")) and is_fragment(request):
            shown = self._filterset().counted(opened)
            return render(request, "components/facet_counts.html", {"all_facets": shown})
        return self.answer(fragment=self.fragment)

    def _filterset(self) -> InboxFilters:
        read = inbox_page.waiting_for_others if self.queue == "others" else inbox_page.at_my_stage
        return InboxFilters(self.request.GET, queryset=read(self.request.user), request=self.request)

    def _file(self) -> tuple[Table, Sequence[Any], str]:
        """Return the queue of the address with its filters, whole."""
        user, given = self.request.user, self.request.GET
        if self.queue == "conditions":
            return queue_files.conditions_file(user)
        if self.queue == "decided":
            return queue_files.decided_file(user, self.now)
        order = given.get("sort", "")
        rows = inbox_page.queue_rows(
            self._filterset().qs, user, now=self.now, order=order, most=queue_files.MOST
        )
        return queue_files.requests_file(self._groups(rows))

    def more(self) -> Mapping[str, Any]:
        """Read the queue of the address and the totals of all."""
        user, now = self.request.user, self.now
        mine, others = inbox_page.at_my_stage(user), inbox_page.waiting_for_others(user)
        owed = inbox_page.requests_of_waivers(user)
        totals = inbox_page.totals_of(mine, now, owed=owed)
        waiting = totals.navigation(owed)
        navigation.counted(self.request, "approvals:inbox", waiting)
        found = {
            "totals": totals,
            "waiting": waiting,
            "latest": inbox_page.latest_of(mine, totals, now),
            "sentence": self._sentence(totals),
            "queue": self.queue,
            "tabs": self._tabs(totals, others),
            "waivers": list(inbox_page.waivers_to_decide(user)[:20]) if owed else [],
            "lapses": list(inbox_page.open_lapses_of(user).order_by("due_at", "pk")[:20]),
            "rule": RULE,
            "tones": tones,
            "sort": self.request.GET.get("sort", ""),
            "today": portal_day(now),
        }
        if self.queue == "conditions":
            return found | {
                "conditions": list(
                    inbox_page.conditions_to_verify(user).order_by("due_on", "pk")[: inbox_page.SHOWN]
                )
            }
        if self.queue == "decided":
            decided = inbox_page.decided_lately(user, now).order_by("-decided_at", "-pk")
            waived = inbox_page.waivers_decided_lately(user, now).order_by("-decided_at", "-pk")
            return found | {
                "decisions": list(decided[: inbox_page.SHOWN]),
                "waivers_decided": list(waived[: inbox_page.SHOWN]),
            }
        return found | self._queue(mine if self.queue == "mine" else others, owed)

    def _queue(self, stages: Any, owed: Collection[int]) -> dict[str, Any]:
        user, given = self.request.user, self.request.GET
        filterset = InboxFilters(given, queryset=stages, request=self.request)
        rows = inbox_page.queue_rows(filterset.qs, user, now=self.now, order=given.get("sort", ""), owed=owed)
        groups = self._groups(rows)
        ordered = [row for group in groups for row in group.rows]
        current = self._current(ordered)
        is_capped = len(ordered) >= inbox_page.SHOWN
        # A facet of a long queue is counted when it is opened.
        is_counted = not is_capped and filterset.is_small(inbox_page.SHOWN)
        return {
            "filterset": filterset,
            "facets": filterset.facets(filterset.counts(filterset.countable) if is_counted else None),
            "chips": filterset.chips(),
            "is_filtered": bool(filterset.chips()),
            "groups": groups,
            "rows": ordered,
            "count_text": plural(len(ordered), "request"),
            "is_capped": is_capped,
            "current": current,
            "query": clean_query(given).urlencode(),
            "preview": preview_of(current, user=user, now=self.now) if current else None,
        }

    def _groups(self, rows: Sequence[inbox_page.QueueRow]) -> list[Group]:
        if self.queue == "others":
            asked = [row for row in rows if row.change.state == "changes_requested"]
            later = [row for row in rows if row.change.state != "changes_requested"]
            named = [Group("The requester owes changes", "", asked), Group("Others decide first", "", later)]
        else:
            owe = [row for row in rows if row.clock.runs and not row.blockers]
            overdue = any(row.clock.tone == "fail" for row in owe)
            taken = [row for row in owe if not row.is_for(self.request.user)]
            waivers = [row for row in rows if row not in owe and row.owes_waiver]
            rest = [row for row in rows if row not in owe and row not in waivers]
            named = [
                Group(
                    "You owe the decision",
                    "fail" if overdue else "",
                    [row for row in owe if row not in taken],
                ),
                Group("You owe the decision on a waiver", "", waivers),
                Group("A colleague of yours takes it", "", taken),
                Group("Clock stopped, others owe", "", rest),
            ]
        return [group for group in named if group.rows]

    def _current(self, rows: Sequence[inbox_page.QueueRow]) -> ChangeRequest | None:
        """Return the request that the preview shows: the one of the address, else the first."""
        asked = self.request.GET.get("preview", "")
        keys = [row.change.pk for row in rows]
        chosen = (
            int(asked)
            if asked.isdecimal() and len(asked) < 18 and int(asked) in keys
            else (keys[0] if keys else None)
        )
        return next((row.change for row in rows if row.change.pk == chosen), None)

    @staticmethod
    def _sentence(totals: inbox_page.Totals) -> str:
        if not totals.waiting:
            return "Nothing waits for your decision."
        owe = totals.waiting - totals.stopped
        parts = [f"{plural(totals.waiting, 'request is,requests are')} at your stage.".replace("  ", " ")]
        late = f", {totals.overdue} of them overdue" if totals.overdue else ""
        parts.append(f"{owe} {'is' if owe == 1 else 'are'} yours to decide{late}.")
        if totals.stopped:
            parts.append(f"On {totals.stopped} the clock is stopped: others owe something.")
        return " ".join(parts)

    def _tabs(self, totals: inbox_page.Totals, others: Any) -> list[tuple[str, str, int, str, bool]]:
        user, here = self.request.user, reverse("approvals:inbox")
        apart = inbox_page.apart_of(user, self.now)
        counts = {
            "mine": ("Needs my decision", totals.waiting, ""),
            "others": ("Waiting for others", others.values("change_id").distinct().count(), ""),
            "conditions": ("Conditions to verify", apart.conditions, "warn" if apart.conditions else ""),
            "decided": (
                f"Decided, last {inbox_page.DECIDED_DAYS} days",
                apart.decided,
                "",
            ),
        }
        return [
            (label, f"{here}?queue={name}" if name != "mine" else here, count, tone, name == self.queue)
            for name, (label, count, tone) in counts.items()
        ]


class DelegationCreate(CreatePage):
    """Name who decides while somebody is away."""

    form_class, title, submit, back_url = (
        forms.StandIn,
        "Out of office",
        "Name the stand-in",
        "approvals:inbox",
    )
    crumbs = (("Approvals", "/approvals/"),)
    lede = "A stand-in gains no right by it: rights and duties of both people hold at every decision."

    def initial(self) -> dict[str, Any]:
        """Start with one's own absence."""
        return {"absentee": self.request.user.pk}

    def act(self, *, by: Any, now: Any, **data: Any) -> Any:
        """Name them."""
        return delegation_create(by=by, now=now, **data)

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the inbox."""
        return f"{result.stand_in} stands in for {result.absentee}.", reverse("approvals:inbox")
