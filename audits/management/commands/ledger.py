"""`manage.py ledger verify`: prove the ledger, or name the first thing that is wrong with it."""

import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from audits.verification import Report, verify_ledger


class Command(BaseCommand):
    """Exit code 0: everything verifies. 1: something is broken, and the first such thing is named."""

    help = "Verify the ledger."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare options."""
        verify = parser.add_subparsers(dest="act", required=True).add_parser(
            "verify", help="verify the ledger"
        )
        verify.add_argument("--since", type=int, default=0, help="read entries from this number on")
        verify.add_argument("--with-rows", action="store_true", help="also compare history and live rows")
        verify.add_argument("--checkpoint", type=Path, help="a checkpoint kept elsewhere")
        verify.add_argument("--key", default="", help="fingerprint of the key that must have signed")
        verify.add_argument("--workers", type=int, default=os.cpu_count() or 1)
        verify.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        note = ""
        if options["checkpoint"]:
            try:
                note = options["checkpoint"].read_text()
            except OSError as error:
                raise CommandError(f"{options['checkpoint']}: {error.strerror}") from error
        report = verify_ledger(
            since=max(0, options["since"]),
            with_rows=options["with_rows"],
            workers=1 if connection.in_atomic_block or self._in_memory() else options["workers"],
            progress=self._silent if options["json"] else self._progress,
            known_checkpoint=note,
            fingerprint=options["key"],
        )
        self.stdout.write(json.dumps(report.as_dict(), indent=2) if options["json"] else _in_words(report))
        if not report.ok:
            sys.exit(1)

    def _in_memory(self) -> bool:
        return connection.vendor == "sqlite" and "memory" in str(connection.settings_dict["NAME"])

    def _progress(self, phase: str, done: int, total: int) -> None:
        self.stderr.write(f"{phase}: {done:,} of {total:,}")

    def _silent(self, phase: str, done: int, total: int) -> None:
        """Keep the output to the JSON."""


def _in_words(report: Report) -> str:
    lines = [f"checked {count:,} {what}" for what, count in report.checked.items()]
    lines += [f"size {report.size:,}, root {report.root}", f"signed with {report.key or 'no key'}"]
    lines += report.removed
    if report.removed_count > len(report.removed):
        lines.append(f"… {report.removed_count:,} payloads lawfully removed in all")
    if report.first is None:
        lines.append(f"OK in {report.seconds:.1f} s")
    else:
        lines.append(f"BROKEN: {report.first}")
        others = [
            flaw for flaw in sorted(report.flaws, key=lambda flaw: flaw.order) if flaw is not report.first
        ]
        lines += [f"  also {flaw}" for flaw in others[:20]]
        lines.append(f"{report.flaw_count} flaws in all")
    return "\n".join(lines)
