"""One running portal for all journeys, one browser for each module, one signed-in context for each person."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import portal
from tests.browser.pages import Visitor
from tests.chromium import CHROMIUM, FLAGS, MISSING

HERE = Path(__file__).parent
RESULTS = portal.ROOT / "test-results"
SLOWEST = 20_000  # milliseconds that one expectation may take on a busy machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every journey, keep them on one worker, and skip them in plain words where there is no Chromium."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Tell the fixtures whether the journey failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call":
        item.stash[FAILED] = report.failed


FAILED = pytest.StashKey[bool]()
REFUSALS = ("Failed to load resource", "Response Status Error")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[portal.Portal]:
    """Return the running portal.

    `PORTAL_BROWSER_ADDRESS` names a demonstration that runs already, `PORTAL_VAR` then names its data.
    """
    if address := os.environ.get("PORTAL_BROWSER_ADDRESS"):
        data = Path(os.environ.get("PORTAL_VAR", portal.ROOT / "var"))
        yield portal.Portal(address.rstrip("/"), portal.environment_of(data, 0))
        return
    with portal.running_portal(tmp_path_factory.mktemp("portal")) as found:
        yield found


@pytest.fixture(scope="session")
def scenes(running: portal.Portal) -> dict[str, dict[str, str]]:
    """Return the addresses of what the services made for the shorter journeys, by scene."""
    return running.make_scenes()


@pytest.fixture(scope="session")
def signed_in() -> dict[str, Any]:
    """Remember how each persona signed in: once a session is enough."""
    return {}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Return a browser. It ends with the module: its event loop would disturb tests that use the database."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=SLOWEST)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(
    chromium: Any, running: portal.Portal, signed_in: dict[str, Any], request: pytest.FixtureRequest
) -> Iterator[Callable[..., Visitor]]:
    """Return a factory of visitors: ``visit("ines", width=390)`` is signed in as that persona, ``visit()`` as nobody.

    When the journey fails, each visitor leaves a trace and a screenshot in `test-results/`.
    """
    open_visitors: list[tuple[Visitor, bool]] = []
    refused: list[str] = []

    def hear(message: Any) -> None:
        # An answer that refuses is written to the console, too, by the browser and by htmx: journeys ask for some.
        if message.type in ("error", "warning") and not message.text.startswith(REFUSALS):
            refused.append(f"{message.text[:300]} {message.location}")

    def enter(
        key: str = "", *, width: int = 1440, theme: str = "light", traced: bool = True, **options: Any
    ) -> Visitor:
        context = chromium.new_context(
            viewport={"width": width, "height": 1000},
            color_scheme=theme,
            base_url=running.address,
            storage_state=signed_in.get(key),
            **options,
        )
        context.set_default_timeout(SLOWEST)
        context.on("console", hear)
        context.on("weberror", lambda error: refused.append(str(error.error)[:300]))
        if traced:
            context.tracing.start(snapshots=True)
        visitor = Visitor(context.new_page(), key)
        open_visitors.append((visitor, traced))
        if key and key not in signed_in:
            signed_in[key] = visitor.become(key).page.context.storage_state()
        return visitor

    yield enter
    failed = request.node.stash.get(FAILED, False)
    for number, (visitor, traced) in enumerate(open_visitors, start=1):
        name = "".join(sign if sign.isalnum() else "-" for sign in request.node.name)
        kept = RESULTS / f"{name}-{number}-{visitor.key or 'nobody'}"
        if failed:
            visitor.page.screenshot(path=f"{kept}.png", full_page=True)
        if traced:
            visitor.page.context.tracing.stop(**({"path": f"{kept}.zip"} if failed else {}))
        visitor.page.context.close()
    assert refused == [], "the browser refused a part of a page, or a script failed"
