"""Write the generated reference, or say which of its files is out of step with the code."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlops_portal.reference.pages import PAGES


class Command(BaseCommand):
    """`manage.py docs [--check]`."""

    help = (
        "Write docs/reference from the code; --check only compares and names each file that is out of step."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer the comparison."""
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail when a file is out of step"
        )
        parser.add_argument("--folder", type=Path, default=None, help="another folder than docs/reference")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare every file, then write or complain."""
        folder = options["folder"] or Path(settings.BASE_DIR) / "docs" / "reference"
        outdated = {}
        for name, write in PAGES.items():
            path, wanted = folder / name, write()
            if not path.exists() or path.read_text(encoding="utf-8") != wanted:
                outdated[path] = wanted
        if options["check"]:
            if outdated:
                names = ", ".join(path.name for path in outdated)
                raise CommandError(f"Out of step with the code: {names}. Run `manage.py docs`.")
            return
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in outdated.items():
            path.write_text(text, encoding="utf-8")
            self.stdout.write(f"wrote {path.name}")
