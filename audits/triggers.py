"""The third lock: database triggers that refuse what model and query set already refuse.

They are created after every migrate, on both engines: SQLite loses them when it rebuilds a table. `problems` tells
which are missing or differ from what this module would create.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

WRITE_ONCE = ("ledgerentry", "ledgerleaf", "ledgerremoval", "checkpoint", "accesslog")
MESSAGE = "the ledger is append-only"
RAISE = f"RAISE EXCEPTION '{MESSAGE}: % of %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';"
PENDING = "INSERT INTO audits_ledgerpending (entry_id)"
SAME_KEY = (
    "NEW.fingerprint = OLD.fingerprint AND NEW.name = OLD.name AND NEW.public_key = OLD.public_key "
    "AND NEW.valid_from = OLD.valid_from AND OLD.valid_until IS NULL"
)
GROWN = (
    'NEW.level = OLD.level AND NEW."index" = OLD."index" AND NEW.width > OLD.width '
    "AND length(NEW.hashes) = 32 * NEW.width AND substr(NEW.hashes, 1, length(OLD.hashes)) = OLD.hashes"
)
PERMITTED = "EXISTS (SELECT 1 FROM audits_ledgerremoval r WHERE r.entry_id = OLD.entry_id)"

# table, events, condition under which the event is allowed (None: never)
LOCKS: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    *((table, ("UPDATE", "DELETE", "TRUNCATE"), None) for table in WRITE_ONCE),
    ("ledgerpayload", ("UPDATE", "TRUNCATE"), None),
    ("ledgerpayload", ("DELETE",), PERMITTED),
    ("ledgertile", ("DELETE", "TRUNCATE"), None),
    ("ledgertile", ("UPDATE",), GROWN),
    ("signingkey", ("DELETE", "TRUNCATE"), None),
    ("signingkey", ("UPDATE",), SAME_KEY),
    ("ledgerpending", ("UPDATE",), None),
)


def _name(table: str, event: str) -> str:
    return f"audits_{table}_{event.lower()}_lock"


def _function(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


def _trigger(name: str, when: str, scope: str, function: str) -> str:
    return f"CREATE OR REPLACE TRIGGER {name} {when} FOR EACH {scope} EXECUTE FUNCTION {function}()"


def _postgresql() -> dict[str, list[str]]:
    """Return the statements that create each function or trigger, the trigger last."""
    inserted = "AFTER INSERT ON audits_ledgerentry REFERENCING NEW TABLE AS fresh"
    statements = {
        "audits_refuse": [_function("audits_refuse", RAISE)],
        "audits_ledgerentry_pend": [
            _function("audits_pend", f"{PENDING} SELECT entry_id FROM fresh; RETURN NULL;"),  # noqa: S608  (names and conditions of this module)
            _trigger("audits_ledgerentry_pend", inserted, "STATEMENT", "audits_pend"),
        ],
    }
    for table, events, allowed in LOCKS:
        for event in events:
            name, when = _name(table, event), f"BEFORE {event} ON audits_{table}"
            if allowed is None:
                statements[name] = [_trigger(name, when, "STATEMENT", "audits_refuse")]
            else:
                row = "OLD" if event == "DELETE" else "NEW"
                check = _function(f"{name}_check", f"IF {allowed} THEN RETURN {row}; END IF; {RAISE}")
                statements[name] = [check, _trigger(name, when, "ROW", f"{name}_check")]
    return statements


def _sqlite() -> dict[str, list[str]]:
    pend = f"AFTER INSERT ON audits_ledgerentry BEGIN {PENDING} VALUES (NEW.entry_id); END"  # noqa: S608  (names and conditions of this module)
    bodies = {"audits_ledgerentry_pend": pend}
    for table, events, allowed in LOCKS:
        for event in set(events) - {"TRUNCATE"}:
            condition = "" if allowed is None else f"WHEN NOT ({allowed}) "
            refusal = f"SELECT RAISE(ABORT, '{MESSAGE}: {event} of audits_{table}');"
            bodies[_name(table, event)] = f"BEFORE {event} ON audits_{table} {condition}BEGIN {refusal} END"
    return {
        name: [f"DROP TRIGGER IF EXISTS {name}", f"CREATE TRIGGER {name} {body}"]
        for name, body in bodies.items()
    }


def _statements(connection: BaseDatabaseWrapper) -> dict[str, list[str]]:
    return _postgresql() if connection.vendor == "postgresql" else _sqlite()


def install(using: str = DEFAULT_DB_ALIAS) -> None:
    """Create or replace every trigger."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for statements in _statements(connection).values():
            for statement in statements:
                cursor.execute(statement)


def drop(using: str = DEFAULT_DB_ALIAS) -> None:
    """Remove every trigger: for tests that empty the tables or act as an attacker."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for name, statements in _statements(connection).items():
            if connection.vendor == "sqlite":
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            elif "TRIGGER" in statements[-1].split("AS", 1)[0]:
                table = statements[-1].split(" ON ")[1].split(" ")[0]
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")


def install_after_migrate(*, using: str, **kwargs: Any) -> None:
    """Receive `post_migrate`."""
    if "audits_ledgerentry" in connections[using].introspection.table_names():
        install(using)


def problems(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Say which triggers are missing, switched off or altered; empty when all of them refuse."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            return _postgresql_problems(cursor)
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        found = dict(cursor.fetchall())
    return [
        f"trigger {name} is {'altered' if name in found else 'missing'}"
        for name, (_, create) in _sqlite().items()
        if found.get(name) != create
    ]


def _postgresql_problems(cursor: Any) -> list[str]:
    cursor.execute(
        "SELECT tgname, tgenabled, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE tgname LIKE %s",
        ["audits\\_%"],
    )
    found = {name: (enabled, source) for name, enabled, source in cursor.fetchall()}
    sources = {
        statement.split("FUNCTION ", 1)[1].split("()", 1)[0]: statement.split("$$")[1]
        for statements in _postgresql().values()
        for statement in statements
        if "$$" in statement
    }
    result = []
    for name, statements in _postgresql().items():
        create = statements[-1]
        if "TRIGGER" not in create.split("AS", 1)[0]:
            continue
        enabled, source = found.get(name, ("", ""))
        function = create.rsplit("EXECUTE FUNCTION ", 1)[1].removesuffix("()")
        if not enabled:
            result.append(f"trigger {name} is missing")
        elif enabled not in {"O", "A"}:
            result.append(f"trigger {name} is switched off")
        elif source != sources[function]:
            result.append(f"trigger {name} is altered")
    return result
