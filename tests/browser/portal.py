"""The whole portal as `make demo` runs it, over a portfolio of its own: what the journeys walk through."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODELS = 60  # all that `make demo` shows
DATABASE, AS_BUILT, BUILT = "portal.sqlite3", "as-built.sqlite3", "demonstration.built"
KEPT = "PORTAL_BROWSER_VAR"
STARTING_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Portal:
    """A portal that runs: where it answers, and the environment its programs need to work on the same data."""

    address: str
    environment: dict[str, str]
    as_built: Path | None = None  # a copy of its SQLite database from before anybody walked through it

    def make_scenes(self) -> dict[str, dict[str, str]]:
        """Let the services make what the shorter journeys start from; return its addresses by scene."""
        asked = [sys.executable, "-m", "tests.browser.scenes"]
        outcome = subprocess.run(asked, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        if outcome.returncode:
            raise RuntimeError(f"The scenes were not made.\n{outcome.stderr[-4000:]}")
        return json.loads(outcome.stdout)


def environment_of(folder: Path, port: int) -> dict[str, str]:
    """Return the environment of a demonstration over the data in ``folder``."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "mlops_portal.settings.dev",
        "PORTAL_VAR": str(folder),
        "PORT": str(port),
    }


def _manage(*arguments: str, environment: dict[str, str]) -> None:
    outcome = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if outcome.returncode:
        raise RuntimeError(
            f"manage.py {' '.join(arguments)}\n{outcome.stdout[-2000:]}{outcome.stderr[-4000:]}"
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _build(folder: Path, environment: dict[str, str]) -> None:
    _manage("migrate", "-v0", environment=environment)
    _manage("createcachetable", environment=environment)
    _manage("ledger_key", environment=environment)
    _manage("demo", f"--models={MODELS}", environment=environment)
    (folder / BUILT).touch()


def _prepare(folder: Path, environment: dict[str, str]) -> None:
    """Build the portfolio, or copy the one that `PORTAL_BROWSER_VAR` keeps between runs (SQLite only)."""
    kept = os.environ.get(KEPT)
    if not kept or "DATABASE_URL" in environment:
        _build(folder, environment)
        return
    template = Path(kept)
    if not (template / BUILT).exists():
        template.mkdir(parents=True, exist_ok=True)
        _build(template, {**environment, "PORTAL_VAR": str(template)})
    shutil.copytree(template, folder, dirs_exist_ok=True)


@contextmanager
def _database(environment: dict[str, str]) -> Iterator[None]:
    """Give the portal a PostgreSQL database of its own beside the one that the other tests use."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        environment.pop("DATABASE_URL", None)
        yield
        return
    import psycopg

    parts = urllib.parse.urlsplit(url)
    name = f"{parts.path.strip('/')}_browser_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            environment["DATABASE_URL"] = parts._replace(path=f"/{name}").geturl()
            yield
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _wait_until_ready(process: subprocess.Popen, address: str, log: Path) -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=2) as answer:  # noqa: S310  (our own address)
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)  # a process that starts has nothing else to wait on
    raise RuntimeError(f"The portal did not start.\n{log.read_text()[-4000:]}")


@contextmanager
def running_portal(folder: Path) -> Iterator[Portal]:
    """Run web server, worker, scheduler and sequencer over a portfolio in ``folder``."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    environment = environment_of(folder, port)
    log = folder / "portal.log"
    with _database(environment):
        _prepare(folder, environment)
        as_built = None
        if "DATABASE_URL" not in environment:
            as_built = Path(shutil.copy(folder / DATABASE, folder / AS_BUILT))
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--demo", "--no-migrate"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                _wait_until_ready(process, address, log)
                yield Portal(address, environment, as_built)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=60)
