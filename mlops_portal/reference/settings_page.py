"""Environment variables: found in the code, each with a sentence; one without a sentence is an error."""

import ast
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from mlops_portal.reference.markdown import page, table

SENTENCES = {
    "EMAIL_FROM": "Address the portal writes from; needed with EMAIL_URL.",
    "EMAIL_URL": "Mail server, smtp:// or smtps://user:password@host:port; without it no mail is sent.",
    "ALLOWED_HOSTS": "Names people reach the portal by, with commas between them. Production needs it.",
    "DATABASE_URL": "The database: `postgres://…`; without it SQLite under `PORTAL_VAR`. Production needs PostgreSQL.",
    "DEBUG": "`1` shows tracebacks in the demonstration; without effect in production.",
    "DJANGO_SETTINGS_MODULE": "`mlops_portal.settings.prod` for production; the demonstration otherwise.",
    "PORT": "Port of the web server that `manage.py up` starts.",
    "PORTAL_BASE_URL": "Address that notices and API answers link to. Production needs it, with https.",
    "PORTAL_CHROMIUM": "Path of the Chromium that the browser tests drive.",
    "PORTAL_FILES": "Where files are kept: `db:` or `file:///folder`.",
    "PORTAL_HOST": "Address that `manage.py up` listens on.",
    "PORTAL_LEDGER_KEY_FILE": "Key that signs checkpoints of the ledger; only the sequencer reads it. Production needs it.",
    "PORTAL_LEDGER_ORIGIN": "Name of the ledger, the first line of its checkpoints.",
    "PORTAL_LOG_LEVEL": "Least level that is logged.",
    "PORTAL_METRICS_TOKEN": "Bearer token for /metrics. Without it this machine is answered in the demonstration, nobody in production.",
    "PORTAL_MODE": "`demo` or `production`. Conveniences of the demonstration cannot be reached in production.",
    "PORTAL_ORGANISATION": "Name shown on pages and reports.",
    "PORTAL_PG_OPTIONS": "Options of PostgreSQL connections, such as time limits; replaces those of the portal.",
    "PORTAL_PROCESS": "Kind of the process: `web` gets short time limits on PostgreSQL. Set by the server's entry point.",
    "PORTAL_SECRETS_KEYS": "Keys for secrets at rest, with commas between them: the first encrypts, all decrypt.",
    "PORTAL_TIME_ZONE": "Zone in which the portal's days begin and end, and of people who chose none.",
    "PORTAL_TRUSTED_PROXIES": "Networks of the proxies in front, with commas between them: their X-Forwarded-For and "
    "X-Forwarded-Proto are believed, those of others dropped. Production trusts this machine when none is named.",
    "PORTAL_VAR": "Folder of the demonstration's data.",
    "PORTAL_WEB_THREADS": "Threads of each web process; a quarter of them may wait for decisions. `manage.py up` sets it.",
    "PROMETHEUS_MULTIPROC_DIR": "Folder that several web processes share their metrics in. `manage.py up` sets it.",
    "SECRET_KEY": "Signs sessions. Production needs one of at least 50 characters.",
}
READERS = {"env", "require", "get", "setdefault"}
FOLDERS = ("mlops_portal", "registry", "approvals", "audits", "kpis", "integrations")


def variables() -> dict[str, set[str]]:
    """Return each variable the code reads, with the defaults found."""
    found: dict[str, set[str]] = {}
    for name, default in _reads():
        found.setdefault(name, set()).add(default)
    return found


def _reads() -> Iterator[tuple[str, str]]:
    root = Path(settings.BASE_DIR)
    for path in sorted(place for folder in FOLDERS for place in (root / folder).rglob("*.py")):
        if path.parts[-2:] == ("settings", "test.py"):
            continue
        text = path.read_text(encoding="utf-8")
        if not any(reader in text for reader in ("environ", "env(", "require(")):
            continue
        for node in ast.walk(ast.parse(text)):
            if (read := _read(node)) is not None:
                yield read


def _read(node: ast.AST) -> tuple[str, str] | None:
    if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
        return None
    name, called = node.args[0].value, node.func
    is_plain = isinstance(called, ast.Name) and called.id in READERS
    is_environ = (
        isinstance(called, ast.Attribute) and called.attr in READERS and "environ" in ast.unparse(called)
    )
    if not isinstance(name, str) or not name.isupper() or not (is_plain or is_environ):
        return None
    given = (
        node.args[1] if len(node.args) > 1 and not (is_plain and ast.unparse(called) == "require") else None
    )
    return name, str(given.value) if isinstance(given, ast.Constant) and given.value else ""


def text() -> str:
    """Return the page.

    Raises:
        LookupError: a variable without a sentence, or a sentence without a variable.
    """
    found = variables()
    read_elsewhere = {"PORTAL_CHROMIUM", "DJANGO_SETTINGS_MODULE"}
    nameless, unread = set(found) - set(SENTENCES), set(SENTENCES) - set(found) - read_elsewhere
    if nameless or unread:
        raise LookupError(f"settings_page.SENTENCES lacks {sorted(nameless)} and has unread {sorted(unread)}")
    rows = [
        (f"`{name}`", sentence, ", ".join(f"`{one}`" for one in sorted(found.get(name, set()) - {""})))
        for name, sentence in sorted(SENTENCES.items())
    ]
    return page(
        "Settings",
        "Read once from the environment. Production refuses to start when one that it needs is missing or unsafe, "
        "and names it.",
        table(("Variable", "Meaning", "Default"), rows),
    )
