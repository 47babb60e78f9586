"""Import an inventory from a file, here and now, with the same service as the page."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from mlops_portal.foundation.errors import DomainError, Invalid
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.web.words import plural
from registry.imports import mapping as mappings
from registry.imports import service
from registry.imports.fields import FIELDS
from registry.imports.mapping import ColumnMapping
from registry.imports.preview import default_in_words
from registry.imports.rows import Problem
from registry.models import ImportMapping, ImportRowError

SHOWN = 20


class Command(BaseCommand):
    """Names every row that could not be imported, with its column, and ends with 1 when there was one."""

    help = (
        "Import models from a CSV, XLSX or JSON inventory. A second import of the same file changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", help="CSV, XLSX or JSON")
        parser.add_argument(
            "--mapping", required=True, help="name of a saved or shipped mapping, or a YAML or JSON file"
        )
        parser.add_argument(
            "--unit-column", default="", help="column that names each row's unit (default: the mapping's)"
        )
        parser.add_argument(
            "--unit", default="", help="code of the unit for rows without one (default: the root)"
        )
        parser.add_argument(
            "--keep-units", action="store_true", help="refuse rows of unknown units instead of adding these"
        )
        parser.add_argument(
            "--by", default="", help="e-mail address of the person who imports (default: the system)"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, print counts and problems."""
        started = perf_counter()
        try:
            failed = self._import(**options)
        except Invalid as refusal:
            raise CommandError(
                "\n".join(f"{error.where}: {error.message}" for error in refusal.errors)
            ) from refusal
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{perf_counter() - started:.1f} s")
        if failed:
            raise CommandError(f"{plural(failed, 'row')} could not be imported.")

    def _import(self, **options: Any) -> int:
        path = Path(options["file"])
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        mapping = self._mapping(options["mapping"], options["unit_column"])
        common: dict[str, Any] = {
            "content": path.read_bytes(),
            "name": path.name,
            "mapping": mapping,
            "unit": self._unit(options["unit"]),
            "by": self._person(options["by"]),
            "now": timezone.now(),
            "adds_units": not options["keep_units"],
        }
        if options["dry_run"]:
            preview = service.import_preview(**common)
            counts = {"rows": preview.rows, "blank_rows": preview.blank_rows, **preview.counts}
            self._tell(f"Nothing is written. {path.name} would give", counts, preview.problems)
            self._tell_defaults({one.field: one.rows for one in preview.defaults})
            self._tell_left_out(dict(preview.left_out))
            return preview.counts["failed"]
        run = service.import_start(**common, in_background=False)
        run = service.import_run(run=run, by=common["by"], clock=timezone.now, progress=self._progress)
        errors = ImportRowError.objects.filter(run=run, is_note=False).order_by("row", "pk")[:SHOWN]
        problems = [Problem(error.row, error.column, error.message) for error in errors]
        self._tell(f"Import {run.pk} of {path.name}", service.import_counts(run), problems)
        self._tell_defaults(run.defaults)
        self._tell_left_out(run.left_out)
        return run.failed

    def _progress(self, done: int, total: int) -> None:
        self.stderr.write(f"{done:,} of {total:,} rows")

    def _tell(self, title: str, counts: dict[str, int], problems: Any) -> None:
        told = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items())
        self.stdout.write(f"{title}: {told}")
        for problem in list(problems)[:SHOWN]:
            self.stdout.write(f"  {problem}")

    def _tell_defaults(self, defaults: Mapping[str, int]) -> None:
        for name, models in defaults.items():
            self.stdout.write(
                f"  {FIELDS[name].label} is not stated for {models:,} of the models created: "
                f"{default_in_words(name)} by default, with a task"
            )

    def _tell_left_out(self, left_out: Mapping[str, int]) -> None:
        for column, values in left_out.items():
            self.stdout.write(f"  {column} is left out: {values:,} values not taken")

    def _mapping(self, name: str, unit_column: str) -> ColumnMapping:
        saved = ImportMapping.objects.filter(name=name).first()
        mapping = mappings.build(saved.document) if saved else mappings.load(name)
        if not unit_column:
            return mapping
        unit = mapping.document.get("unit")
        changed = {**(unit if isinstance(unit, dict) else {}), "column": unit_column}
        document = json.loads(json.dumps({**mapping.document, "unit": changed}, default=str))
        return replace(mapping, unit_column=unit_column, document=document)

    def _unit(self, code: str) -> BusinessUnit:
        units = BusinessUnit.objects.filter(closed_at__isnull=True)
        unit = (
            units.filter(code=code).first()
            if code
            else units.filter(parent__isnull=True).order_by("pk").first()
        )
        if unit is None:
            raise CommandError(
                f"There is no unit with the code {code}." if code else "There is no unit yet; add one first."
            )
        return unit

    def _person(self, address: str) -> User | None:
        if not address:
            return None
        person = User.objects.filter(email__iexact=address, is_active=True).first()
        if person is None:
            raise CommandError(f"Nobody active has the address {address}.")
        return person
