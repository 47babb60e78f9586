"""`make check`: everything that can be judged without running the tests. Prints one line for each judgement."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PACKAGES = ["mlops_portal", "registry", "approvals", "audits", "kpis", "integrations"]
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "mlops_portal.settings.prod",
    "PORTAL_MODE": "production",
    "SECRET_KEY": "a-key-for-this-check-only-" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2,
    "ALLOWED_HOSTS": "portal.example.org",
    "PORTAL_BASE_URL": "https://portal.example.org",
    "DATABASE_URL": "postgres://portal:portal@127.0.0.1/portal",
    "PORTAL_LEDGER_KEY_FILE": "/etc/portal/ledger.key",
    "PORTAL_PERMIT_KEY_FILE": "/etc/portal/permit.key",
    "PORTAL_SECRETS_KEYS": "cHJvZHVjdGlvbi1jaGVjay1vbmx5LTMyLWJ5dGVzISE=",
}
TESTING = {"DJANGO_SETTINGS_MODULE": "mlops_portal.settings.test"}


def templates() -> list[str]:
    """Every template of the project."""
    return [
        str(path) for folder in ["templates", *PACKAGES] for path in sorted((ROOT / folder).rglob("*.html"))
    ]


def manage(*arguments: str) -> list[str]:
    """Return the command line of a management command."""
    return [sys.executable, "manage.py", *arguments]


def judgements() -> list[tuple[str, list[str], dict[str, str], str]]:
    """Name, command, settings, and the command that repairs what it finds."""
    found = templates()
    djade = [(str(BIN / "djade")), "--target-version", "5.2", "--check", *found]
    return [
        ("format", [str(BIN / "ruff"), "format", "--check", "--quiet", "."], {}, "make fix"),
        ("lint", [str(BIN / "ruff"), "check", "--quiet", "."], {}, "make fix"),
        *([("templates", djade, {}, "make fix")] if found else []),
        ("layers", [str(BIN / "lint-imports"), "--no-cache"], TESTING, "see docs/explanation on layers"),
        ("types", [str(BIN / "mypy"), *PACKAGES], TESTING, ""),
        ("migrations", manage("makemigrations", "--check", "--dry-run"), TESTING, "manage.py makemigrations"),
        ("api", manage("spectacular", "--validate", "--fail-on-warn", "--file", os.devnull), TESTING, ""),
        ("documents", manage("docs", "--check"), TESTING, "make docs"),
        ("settings", manage("check", "--deploy", "--fail-level", "WARNING"), PRODUCTION, ""),
    ]


def judge(name: str, command: list[str], environment: dict[str, str], repair: str) -> bool:
    """Run one command; show what it said only when it failed."""
    started = time.monotonic()
    outcome = subprocess.run(  # noqa: S603  (our own commands)
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    good = outcome.returncode == 0
    sys.stdout.write(f"{'ok  ' if good else 'FAIL'} {name:<12} {time.monotonic() - started:6.1f} s\n")
    if not good:
        sys.stdout.write(outcome.stdout[-8000:] + outcome.stderr[-8000:])
        sys.stdout.write(f"→ {repair}\n" if repair else "")
    sys.stdout.flush()
    return good


def main() -> int:
    """Run all judgements, even after one failed."""
    wanted = set(sys.argv[1:])
    outcomes = [judge(*each) for each in judgements() if not wanted or each[0] in wanted]
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
