"""Where audits appear outside of their own pages: navigation, tabs, actions, home, search, ledger numbers."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from audits.exports.scopes import RIGHT as EXPORT
from audits.queries import entries_visible_to
from audits.reading import entries as reading
from audits.reading import workspace
from mlops_portal.foundation.web import home, ledger_numbers, navigation, panels, search
from mlops_portal.foundation.web.words import number, plural, time_text

VIEW, ENTRIES = "audits.view_ledger", "entry,entries"


def _has_change(deployment: Any) -> bool:
    return deployment.change_id is not None


def _was_filed(change: Any) -> bool:
    return change.dossier_number > 0


def register() -> None:
    """Offer everything; a right hides what a person can never use."""
    item = navigation.NavItem
    navigation.register(item("Oversight", "Audit", "audit", "audits:workspace", VIEW, 20))
    navigation.register(item("Oversight", "Ledger", "ledger", "audits:ledger", VIEW, 40))
    navigation.register(item("Oversight", "Exports", "download", "audits:exports", EXPORT, 50))
    navigation.register_ledger_box(ledger_box)
    panel = panels.Panel
    for one in (
        panel("registry.RegisteredModel", "history", "History", "audits:model-history", "registry.view", 90, "tab", shows_past=True),
        panel("registry.ModelVersion", "history", "History", "audits:version-history", "registry.view", 90, "tab"),
        panel("registry.Dataset", "history", "History", "audits:dataset-history", "registry.view", 90, "tab"),
        panel("registry.FeaturePipeline", "history", "History", "audits:pipeline-history", "registry.view", 90, "tab"),
        panel("approvals.ChangeRequest", "history", "History", "audits:change-history", "approvals.view", 80, "action", icon="clock"),
        panel("approvals.ChangeRequest", "pack", "Evidence pack", "audits:change-pack", EXPORT, 90, "action", _was_filed, "download"),
        panel("registry.Deployment", "pack", "Evidence pack", "audits:deployment-pack", EXPORT, 90, "action", _has_change, "download"),
    ):  # fmt: skip
        panels.register(one)
    home.register(
        home.Section("audits.integrity", "audits/home.html", workspace.home_section, "audits.verify", 5)
    )
    search.register(search.Source("ledger", "Ledger entries", find, VIEW, 40))
    ledger_numbers.register(reading.act_numbers)


def ledger_box(request: HttpRequest) -> navigation.LedgerBox | None:
    """Say in the navigation's foot how far the ledger is signed and when it was verified last."""
    if not request.user.is_authenticated:
        return None
    found = workspace.integrity()
    may_read = navigation.may(request.user, VIEW)
    title, text = _told(found)
    return navigation.LedgerBox(
        found.tone,
        title,
        f"{text}, not witnessed",
        found.state.root,
        reverse("audits:workspace") if may_read else "",
        found.state.size,
    )


def _told(found: workspace.Integrity) -> tuple[str, str]:
    """Say how far the ledger was verified, and how many entries came after that: signed is not verified."""
    if not found.state.size:
        return "Ledger not signed yet", "no entry"
    if found.last is None:
        return f"Ledger, {plural(found.state.size, ENTRIES)} signed", "never verified"
    since = f"{number(found.since)} since" if found.since else "none since"
    text = f"{since} {time_text(found.last.at)}"
    first = f"first {plural(found.last.size, ENTRIES)}"  # numbers start at 0: "to 12" would name one too many
    if found.last.ok:
        return f"Ledger, {first} verified", text
    return f"Ledger does not verify, {first} checked", text


def find(user: Any, text: str, limit: int) -> Sequence[search.Hit]:
    """Find entries by number, short id or full id."""
    text = text.strip().lower()
    if not (reading.SHORT_ID.fullmatch(text) or text.startswith("#") or len(text) == 36):
        return []
    found = list(reading.find(entries_visible_to(user), text)[:limit])
    reading.tell(found, user)
    return [
        search.Hit(
            f"Entry #{one.number}" if one.number is not None else f"Entry {one.short_id}",
            reverse("audits:entry", args=[one.pk]),
            f"{one.who} {one.what} {one.subject}",
            "ledger",
        )
        for one in found
    ]
