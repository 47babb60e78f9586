"""Databases that a benchmark makes for itself, migrates and drops again."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parents[1]
POSTGRES = ("postgres://", "postgresql://")
SETTINGS = "mlops_portal.settings.dev"


def postgres_url() -> str:
    """Return the address of a PostgreSQL server whose role may create databases, or an empty text."""
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith(POSTGRES) else ""


@contextlib.contextmanager
def scratch(engine: str) -> Iterator[dict[str, str]]:
    """Make an empty, migrated database and yield the environment of processes that use it."""
    with tempfile.TemporaryDirectory() as folder, _address(engine, folder) as url:
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "PORTAL_VAR": folder,
            "PORTAL_MODE": "demo",
            "DJANGO_SETTINGS_MODULE": SETTINGS,
        }
        python(environment, "manage.py", "migrate", "--verbosity=0")
        python(environment, "manage.py", "createcachetable")
        yield environment


@contextlib.contextmanager
def _address(engine: str, folder: str) -> Iterator[str]:
    if engine == "sqlite":
        yield f"sqlite:///{folder}/bench.sqlite3"
        return
    url, name = postgres_url(), f"portal_bench_{os.getpid()}"
    _administer(url, f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        _administer(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _administer(url: str, statement: str) -> None:
    """Run one statement on the server.

    Raises:
        RuntimeError: it does not answer or refuses.
    """
    import psycopg

    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())
    except psycopg.Error as error:
        raise RuntimeError(f"PostgreSQL: {error}") from error


def python(environment: dict[str, str], *arguments: str, patience: float | None = None) -> str:
    """Run Python in the project and return what it printed; its errors go to the terminal."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True,
        timeout=patience,
    )  # fmt: skip
    return done.stdout
