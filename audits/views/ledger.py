"""The ledger explorer and the page of one entry."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponseBase, QueryDict
from django.urls import reverse

from audits.events import ACCESSES
from audits.exports.scopes import RIGHT as EXPORT
from audits.filtersets import LedgerFilters, leaves_out_reads
from audits.models import LedgerEntry
from audits.queries import entries_of_act, names_of
from audits.reading import entries as reading
from audits.reading.accesses import page_of_batch
from audits.reading.acts import page_of_acts
from audits.reading.proof import prove
from audits.tables import LedgerTable
from mlops_portal.foundation.errors import NotAllowed, invalid
from mlops_portal.foundation.events import verbs
from mlops_portal.foundation.people.rights import label_of
from mlops_portal.foundation.web import paging, words
from mlops_portal.foundation.web.access import record_access
from mlops_portal.foundation.web.exports import FORMATS, export_response
from mlops_portal.foundation.web.filters import clean_query
from mlops_portal.foundation.web.navigation import may
from mlops_portal.foundation.web.pages import Action, DetailPage, ListPage, Preset
from registry.models import RegisteredModel

VIEW = "audits.view_ledger"
EXPORTED = 10_000
ID_DIGITS = 18
TYPED = ("since", "until", "verb")  # fields of the page hold these
BY_ADDRESS = {
    "verb": "verb",
    "actor": "person",
    "subject": "record",
    "model": "model",
    "act": "act",
    "since": "from",
    "until": "to",
}


AREAS = {
    "registry": "Models, versions and evidence",
    "approvals": "Requests, decisions and validations",
    "people": "People and roles",
    "kpis": "KPIs",
    "audits": "Ledger and exports",
}


def verbs_by_area() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the acts that can be asked for, label and verb, in the order of their labels within each area."""
    found: dict[str, list[tuple[str, str]]] = {area: [] for area in AREAS.values()}
    for label, name in sorted((verb.label, verb.name) for verb in verbs()):
        found[AREAS[name.partition(".")[0]]].append((label, name))
    return list(found.items())


class Explorer(ListPage):
    """Entries the reader may see, newest first, by key and never by offset."""

    queryset = LedgerEntry.objects.all()
    filterset_class, table_class, template_name = LedgerFilters, LedgerTable, "audits/ledger.html"
    fragment, headline_name = "components/list.html#swap", "audits/ledger_kind.html"
    title, noun, nouns, right = "Ledger", "entry", "entries", VIEW
    typed = ("since", "until")
    presets = (
        Preset("All but exports and reads", ""),
        Preset("Everything", "nature=all"),
        Preset("Acts", "nature=act"),
        Preset("Signatures", "nature=signature"),
        Preset("Changes of records", "nature=row"),
        Preset("Exports and reads", "nature=access"),
        Preset("Recorded late", "nature=late"),
    )
    actions = (Action("Export a change log", "audits:exports", right=EXPORT, icon="download"),)
    empty_title = "No entry yet"
    empty_text = "Every governed write leaves one."

    def get_queryset(self) -> Any:
        """Leave out exports and reads, of which there are most, until somebody asks for them."""
        entries = super().get_queryset()
        return entries.without_reads() if leaves_out_reads(self.request.GET) else entries

    @property
    def exports(self) -> tuple[str, ...]:
        """Offer a file to those who may take the ledger out of the portal."""
        return ("csv",) if may(self.request.user, EXPORT) else ()

    def page_of(self, *, after: str, before: str) -> paging.KeysetPage:
        """Read one row for each act, or every entry of the act in the address."""
        if self.request.GET.get("act"):
            return super().page_of(after=after, before=before)
        found = page_of_acts(self.filtered, self.order, size=self.page_size, after=after, before=before)
        query = clean_query(self.request.GET)
        for row in found.rows:
            query["act"] = str(row.act_id)
            row.act_address = f"?{query.urlencode()}"
        return found

    def more(self) -> Mapping[str, Any]:
        """Read one page and put it into words."""
        found = dict(super().more())
        reading.tell(found["rows_page"].rows, self.request.user)
        given = self.request.GET
        narrowed = [(name, label, given[name]) for name, label in BY_ADDRESS.items() if given.get(name)]
        rest = {name: given.get(name, "") for name in BY_ADDRESS}
        named = self._names(given)
        chips = [
            (label, named.get(name, ""), urlencode({k: v for k, v in rest.items() if v and k != name}))
            for name, label, value in narrowed
            if name not in TYPED
        ]
        hidden = [(name, value) for name, _, value in narrowed if name not in TYPED]
        is_filtered = found["is_filtered"] or bool(narrowed)
        return {
            **found,
            "narrowed": chips,
            "hidden": hidden,
            "is_filtered": is_filtered,
            "leaves_out_reads": leaves_out_reads(given),
            "everything": _with_reads(given),
            "given": given,
            "verbs": verbs_by_area(),
        }

    def _names(self, given: Mapping[str, str]) -> dict[str, str]:
        """Name person and model of the address, as far as the reader sees entries of them."""
        actor, model = given.get("actor", ""), given.get("model", "")
        seen = LedgerEntry.objects.visible_to(self.request.user)
        names: dict[str, str] = {}
        if actor and seen.filter(actor_id=actor).exists():
            names["actor"] = names_of([actor]).get(actor, "")
        if model.isdecimal() and len(model) < ID_DIGITS and seen.filter(model_id=int(model)).exists():
            names["model"] = str(RegisteredModel.objects.filter(pk=int(model)).first() or "")
        return names

    def export(self, kind: str) -> HttpResponseBase:
        """Answer with the newest filtered entries in words; a change log holds all of them.

        Raises:
            NotAllowed: the reader may export nothing of the ledger.
            Invalid: there is no such format.
        """
        user = self.request.user
        if not self.exports:
            raise NotAllowed(
                f"You have no right to do this: {label_of(EXPORT).lower()}.",
                owner="an administrator of the unit",
                right=EXPORT,
            )
        if kind not in self.exports:
            raise invalid("export", f"This list exports {', '.join(FORMATS[one] for one in self.exports)}.")
        record_access(self.request, "web.list_exported", LedgerEntry._meta.label, kind, self.now)
        newest = paging.ordered(self.filtered.visible_to(user, EXPORT), self.order)[:EXPORTED]
        table = self.bound_table()
        return export_response(kind, reading.Told(newest, user), table, title="ledger", now=self.now)


class EntryDetail(DetailPage):
    """One entry: what it says, what changed, and the proof that it stands where it stands."""

    queryset = LedgerEntry.objects.select_related("payload")
    template_name, right, object_name = "audits/entry.html", VIEW, "entry"
    crumbs = (("Ledger", "/ledger/"),)

    def get_title(self) -> str:
        """Name it by its number, or by its short id while it has none."""
        number = getattr(self.object, "number", None)
        return f"Entry #{words.number(number)}" if number is not None else f"Entry {self.object.short_id}"

    def context(self) -> dict[str, Any]:
        """Put the entry into words before the page is titled."""
        reading.tell([self.object], self.request.user)
        return super().context()

    def more(self) -> Mapping[str, Any]:
        """Read content, differences, neighbours in the act, and the proof."""
        entry, user = self.object, self.request.user
        content = reading.content_of(entry)
        siblings = list(entries_of_act(entry.act_id, user=user).exclude(pk=entry.pk)[:20])
        reading.tell(siblings, user)
        return {
            "proof": prove(entry),
            "content": content,
            "changes": reading.row_changes(entry, content, user=user) if content else [],
            "payload_text": _indented(entry.payload.payload) if content is not None else "",
            "envelope_text": _indented(entry.envelope),
            "siblings": siblings,
            "record_kind": reading.kind_of(entry.subject_label),
            "record_url": reading.record_url(entry, user),
            "signed": reading.receipt_of(entry, user),
            "of_record": f"{reverse('audits:ledger')}?{urlencode({'record': entry.subject_label, 'subject': entry.subject_id})}",
            "lateness": entry.recorded_at - entry.occurred_at,
            **self._reads(),
        }

    def _reads(self) -> Mapping[str, Any]:
        """Read what an entry about reads covers, from the access log, as far as the reader may see it."""
        if self.object.verb != ACCESSES:
            return {}
        given = self.request.GET
        told, page = page_of_batch(
            self.object.subject_id,
            self.request.user,
            after=given.get("after", ""),
            before=given.get("before", ""),
        )
        return {"reads": told, "reads_page": page}


def _with_reads(given: QueryDict) -> str:
    query = clean_query(given)
    query["nature"] = "all"
    return query.urlencode()


def _indented(text: str) -> str:
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
