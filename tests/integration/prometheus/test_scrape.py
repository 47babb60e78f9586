"""A real Prometheus reads /metrics with its token, and its own linter finds nothing to say."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
TOKEN = "token-of-the-scraper"
PATIENCE = 60  # seconds

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None, reason="no Prometheus found (prometheus and promtool on the path)"
)


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def query(server: str, expression: str) -> list[dict]:
    """Return what Prometheus answers to an expression; nothing while it starts."""
    address = f"{server}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - a loopback address
            return json.load(answer)["data"]["result"]
    except (urllib.error.URLError, ConnectionError):
        return []


def wait_for(server: str, expression: str) -> list[dict]:
    """Ask until there is a result, or fail with the expression."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := query(server, expression):
            return found
        time.sleep(0.25)
    pytest.fail(f"Prometheus has no result for {expression} after {PATIENCE} seconds")


@pytest.fixture
def prometheus(live_server, settings, tmp_path: Path) -> Iterator[str]:
    """Run a Prometheus that reads the portal's figures every second; return its address."""
    settings.PORTAL_METRICS_TOKEN = TOKEN
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(
        "scrape_configs:\n"
        "  - job_name: portal\n"
        "    scrape_interval: 1s\n"
        "    authorization:\n"
        f"      credentials: {TOKEN}\n"
        "    static_configs:\n"
        f"      - targets: ['{live_server.url.removeprefix('http://')}']\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [
            str(PROMETHEUS),
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=20)


@pytest.mark.slow
def test_a_real_prometheus_reads_the_figures(prometheus, live_server):
    assert wait_for(prometheus, 'up{job="portal"} == 1')
    waiting = wait_for(prometheus, "portal_queue_ready")
    assert float(waiting[0]["value"][1]) == 0
    # Other tests of this process were counted before: wait for the scrapes themselves.
    answered = wait_for(prometheus, 'sum by (view) (portal_http_requests_total{view="metrics"})')
    assert float(answered[0]["value"][1]) >= 1


def test_the_linter_of_prometheus_has_no_complaint(client, db):
    client.get("/healthz")
    text = client.get("/metrics").content
    done = subprocess.run([str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode(), done.stdout.decode()) == (0, "", "")
