"""Where the browser of the browser tests is, and how it is started."""

import os
import shutil
from pathlib import Path

_found = os.environ.get("PORTAL_CHROMIUM") or shutil.which("chromium")
CHROMIUM = Path(_found) if _found else None
MISSING = "no Chromium: set PORTAL_CHROMIUM or have `chromium` on the path"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
