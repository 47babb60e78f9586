"""The same pages at 100 models and at 10,000, for who sees everything and for who sees one of 200 units.

One process serves the pages without a network, so that a figure holds the portal's and the database's work only. Each
is the best of a few: other processes of the machine can only add to it.
"""

import gzip
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import connection
from django.db.models import Max
from django.test import Client, override_settings
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from approvals.models import ChangeRequest
from benchmarks import portfolio
from benchmarks.rows import Row
from kpis.services.snapshots import snapshot_take
from mlops_portal.foundation.people.models import User

ENGINES = ("postgresql",)
REPEATS = 9
RATIO, DATABASE_MS, WEIGHT_KB = 1.5, 50, 150
LINKED = re.compile(r'<(?:script|link)\b[^>]*?(?:src|href)="/static/([^"?]+\.(?:css|js))"')
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A page by name; the address is made from facts about the portfolio and the reader."""

    name: str
    address: Callable[[Facts], str]


@dataclass(frozen=True, slots=True)
class Measured:
    """One page as one person gets it."""

    milliseconds: float
    database_ms: float
    queries: int
    kilobytes: float
    statements: tuple[tuple[float, str], ...]


def _at(name: str, *args: str, query: str = "") -> Callable[[Facts], str]:
    return lambda facts: reverse(name, args=[facts[arg] for arg in args]) + query


def _second(name: str, *args: str, query: str = "?") -> Callable[[Facts], str]:
    """The page after the first: its address is read from the first, as a person would follow it."""

    def address(facts: Facts) -> str:
        first = _at(name, *args, query=query)(facts)
        html = facts["client"].get(first).content.decode()
        found = re.search(r'[?&;]after=([^"&]+)', html)
        return f"{first}&after={found[1]}" if found else first

    return address


PAGES = (
    Page("home", _at("home")),
    Page("models", _at("registry:model-list")),
    Page("models by tier", _at("registry:model-list", query="?sort=tier")),
    Page("models by unit", _at("registry:model-list", query="?sort=unit")),
    Page("models by next review", _at("registry:model-list", query="?sort=next_review")),
    Page("models by last change", _at("registry:model-list", query="?sort=-updated")),
    Page("models by state", _at("registry:model-list", query="?sort=-state")),
    Page("models, second page", _second("registry:model-list")),
    Page("models of one kind", _at("registry:model-list", query="?kind=agent")),
    Page("models, searched", _at("registry:model-list", query="?q=model-0000")),
    Page("model", _at("registry:model-detail", "model")),
    Page("versions of a model", _at("registry:version-list", "many")),
    Page("versions, second page", _second("registry:version-list", "many")),
    Page("version", _at("registry:version-detail", "many", "number")),
    Page("inbox", _at("approvals:inbox")),
    Page("change requests", _at("approvals:change-list")),
    Page("review", _at("approvals:change-detail", "change")),
    Page("deployments", _at("registry:deployment-list")),
    Page("deployments, second page", _second("registry:deployment-list")),
    Page("deployments, live in production", _at("registry:deployment-list", query="?state=live&production=true")),
    Page("deployments, board", _at("registry:deployment-board")),
    Page("KPIs", _at("kpis:dashboard")),
    Page("ledger", _at("audits:ledger")),
    Page("ledger, second page", _second("audits:ledger")),
)  # fmt: skip


def run(*, quick: bool = False) -> list[Row]:
    """Build the small portfolio, measure, let it grow, measure again."""
    built = portfolio.Portfolio(say=lambda text: print(text, file=sys.stderr, flush=True))
    built.found()
    built.grow(portfolio.SMALL)
    _night()
    small = measure(built.sees_all)
    built.grow(portfolio.QUICK if quick else portfolio.LARGE)
    seconds = _night()
    size = f"{built.size.models:,} models"
    return [
        *compared(small, measure(built.sees_all), size=size),
        *seen_by_one(measure(built.sees_one), size=size),
        Row(f"KPIs: nightly run, first, {size}", seconds, "s"),
    ]


def compared(small: Mapping[str, Measured], large: Mapping[str, Measured], *, size: str) -> list[Row]:
    """Set the pages of the large portfolio beside those of the small one."""
    rows = []
    for name, now in large.items():
        before = small[name]
        title = f"page: {name}"
        rows += [
            Row(f"{title}, time at {size} against 100", now.milliseconds / before.milliseconds, "×", f"≤ {RATIO}"),
            Row(f"{title}, more statements than at 100", now.queries - before.queries, "", "≤ 0"),
            Row(f"{title}, database time ({now.queries} statements)", now.database_ms, "ms", f"≤ {DATABASE_MS}"),
            Row(f"{title}, compressed with styles and scripts", now.kilobytes, "KB", f"≤ {WEIGHT_KB}"),
        ]  # fmt: skip
    return rows


def seen_by_one(found: Mapping[str, Measured], *, size: str) -> list[Row]:
    """Say what the database works for who sees one of 200 units."""
    return [
        Row(f"page: {name}, database time for who sees 1 of 200 units, {size}", one.database_ms, "ms",
            f"≤ {DATABASE_MS}")
        for name, one in found.items()
    ]  # fmt: skip


def _night() -> float:
    """Do what the portal does every night: the KPIs' pages read what was counted then. Returns the seconds it took."""
    began = time.perf_counter()
    snapshot_take(now=timezone.now())
    seconds = time.perf_counter() - began
    print(f"  nightly run of the KPIs in {seconds:.1f} s", file=sys.stderr, flush=True)
    analyse()
    return seconds


def analyse() -> None:
    """Let the planner know the sizes, as autovacuum would within a minute."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def measure(reader: User) -> dict[str, Measured]:
    """Read every page that exists as this person."""
    plain = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    with override_settings(STORAGES=plain):
        client = Client()
        client.force_login(reader)
        facts = _facts(reader, client)
        found = {}
        for page in PAGES:
            try:
                address = page.address(facts)
            except NoReverseMatch:
                print(f"pages: there is no page for {page.name}", file=sys.stderr)
                continue
            found[page.name] = _measured(client, address)
        return found


def _facts(reader: User, client: Client) -> dict[str, Any]:
    changes = ChangeRequest.objects.visible_to(reader).filter(state="in_review")
    change = changes.order_by("pk").select_related("version").first()
    if change is None:
        raise RuntimeError(f"{reader} sees no open change request")
    from registry.models import ModelVersion

    newest = ModelVersion.objects.filter(model__name="model-00000")
    return {
        "client": client,
        "model": change.model_id,
        "change": change.pk,
        "many": newest.values_list("model_id", flat=True).first(),
        "number": newest.aggregate(last=Max("number"))["last"],
    }


def _measured(client: Client, address: str) -> Measured:
    best: Measured | None = None
    for repeat in range(REPEATS + 1):
        with _counted() as statements:
            began = time.perf_counter()
            answer = client.get(address)
            body = answer.content
            seconds = time.perf_counter() - began
        if answer.status_code != 200:
            raise RuntimeError(f"{address}: {answer.status_code}")
        if repeat == 0:
            continue
        database_ms = sum(spent for spent, _ in statements)
        weight = _weight(body) if best is None else best.kilobytes
        now = Measured(seconds * 1000, database_ms, len(statements), weight, tuple(statements))
        if best is None:
            best = now
        else:
            best = Measured(
                min(best.milliseconds, now.milliseconds), min(best.database_ms, now.database_ms),
                min(best.queries, now.queries),  # now and then a cache is refreshed beside the page
                weight, now.statements if now.database_ms < best.database_ms else best.statements,
            )  # fmt: skip
    if best is None:
        raise RuntimeError("nothing was measured")
    return best


@contextmanager
def _counted() -> Iterator[list[tuple[float, str]]]:
    statements: list[tuple[float, str]] = []

    def timed(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            statements.append(((time.perf_counter() - began) * 1000, sql))

    with connection.execute_wrapper(timed):
        yield statements


def _weight(body: bytes) -> float:
    """Weigh what a first visit transfers: the page and every style sheet and script but the charts' library."""
    total = len(gzip.compress(body, 6))
    for path in set(LINKED.findall(body.decode())):
        if "plotly" in path:
            continue
        found = finders.find(path)
        if not isinstance(found, str):
            raise RuntimeError(f"The page links {path}, which does not exist")
        with open(found, "rb") as file:
            total += len(gzip.compress(file.read(), 6))
    return total / 1024
