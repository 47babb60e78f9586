"""Static files that live inside installed packages: only those named here, never a whole package folder."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

PACKAGE_ASSETS = {"plotly/plotly.min.js": ("plotly", "package_data/plotly.min.js")}


class PackageStorage(FileSystemStorage):
    """Reads the named files where their packages keep them."""

    def path(self, name: str) -> str:
        """Return the real place of a served name."""
        package, inside = PACKAGE_ASSETS[name]
        return str(Path(str(files(package))) / inside)


class PackageAssetFinder(BaseFinder):
    """Lets `collectstatic` and the development server find package assets."""

    storage = PackageStorage()

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> str | list[str]:
        """Return the file behind a served path, or an empty list."""
        found = self.storage.path(path) if path in PACKAGE_ASSETS else None
        if find_all:
            return [found] if found else []
        return found or []

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, PackageStorage]]:
        """Yield every asset for `collectstatic`."""
        for path in PACKAGE_ASSETS:
            yield path, self.storage

    def check(self, **kwargs: Any) -> builtins.list[Any]:
        """Report nothing: the list is code."""
        return []
