"""`manage.py up`: the whole portal as one supervised tree of processes."""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.work.processes import Supervisor, commands, prepare_demonstration


class Command(BaseCommand):
    """Prepares database and static files, then runs web server and background processes until told to stop."""

    help = "Start web server, worker, scheduler and the other processes, and keep them running."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--host", default=os.environ.get("PORTAL_HOST", "127.0.0.1"))
        parser.add_argument(
            "--threads", type=int, default=8, help="requests at the same time in each web process"
        )
        parser.add_argument("--web-processes", type=int, default=1)
        parser.add_argument(
            "--demo", action="store_true", help="build the demonstration when there are no people"
        )
        parser.add_argument(
            "--no-migrate", action="store_true", help="the database is prepared by somebody else"
        )

    def handle(self, **options: Any) -> None:
        """Prepare, start, wait."""
        self._check_port(options["host"], options["port"])
        if not options["no_migrate"]:
            self._migrate()
        if settings.PORTAL_MODE == "demo":
            prepare_demonstration()
        if options["demo"]:
            self._build_demonstration()
        self._collect_static()
        connections.close_all()
        supervisor = Supervisor(self._say)
        environment = {
            **os.environ,
            "PORT": str(options["port"]),
            "PORTAL_WEB_THREADS": str(options["threads"]),
        }
        if options["web_processes"] > 1:
            environment["PROMETHEUS_MULTIPROC_DIR"] = self._fresh_metrics_folder()
        supervisor.add("web", self._web_command(options), environment)
        for name, arguments in commands().items():
            supervisor.add(name, [sys.executable, self._manage(), *arguments], environment)
        # 0.0.0.0 is a place to listen, not an address to visit.
        host = "127.0.0.1" if options["host"] in {"0.0.0.0", "::"} else options["host"]  # noqa: S104
        address = f"http://{host}:{options['port']}/"
        status = supervisor.run(
            ready=lambda: self._answers(address + "healthz"), on_ready=lambda: self._say(f"Ready: {address}")
        )
        if status:
            raise CommandError("The portal could not be started.", returncode=status)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _check_port(self, host: str, port: int) -> None:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise CommandError(
                    f"Port {port} of {host} cannot be used ({error.strerror}). Set PORT to another."
                ) from error

    def _migrate(self) -> None:
        if connection.vendor == "sqlite":
            Path(str(connection.settings_dict["NAME"])).parent.mkdir(parents=True, exist_ok=True)
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            self._say(f"Preparing the database: {len(plan)} migrations …")
            call_command("migrate", interactive=False, verbosity=1)
        call_command("createcachetable", verbosity=0)

    def _build_demonstration(self) -> None:
        if settings.PORTAL_MODE != "demo":
            raise CommandError("The demonstration is never built in production mode.")
        built = Path(settings.VAR_DIR) / "demonstration.built"
        if User.objects.exists():
            if not built.exists():
                raise CommandError("The demonstration was not built to its end. Run: make demo-reset")
            return
        self._say("Building the demonstration portfolio …")
        connections.close_all()
        outcome = subprocess.run([sys.executable, self._manage(), "demo"], check=False)  # noqa: S603  (our own command)
        if outcome.returncode:
            raise CommandError(
                "The demonstration could not be built; see above.", returncode=outcome.returncode
            )
        built.touch()

    def _collect_static(self) -> None:
        root = Path(settings.STATIC_ROOT)
        stamp, wanted = root / ".collected", _static_fingerprint()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        self._say("Preparing static files …")
        call_command("collectstatic", interactive=False, verbosity=0, clear=root.exists())
        stamp.write_text(wanted)

    def _fresh_metrics_folder(self) -> str:
        folder = Path(settings.VAR_DIR) / "metrics"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return str(folder)

    def _web_command(self, options: dict[str, Any]) -> list[str]:
        return [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "mlops_portal.wsgi:application"),
            *(
                "--host",
                options["host"],
                "--port",
                str(options["port"]),
                "--workers",
                str(options["web_processes"]),
            ),
            *("--blocking-threads", str(options["threads"]), "--backlog", "256", "--log-level", "error"),
            *("--workers-kill-timeout", "8", "--no-ws"),
        ]

    def _manage(self) -> str:
        return str(Path(settings.BASE_DIR) / "manage.py")

    def _answers(self, address: str) -> bool:
        try:
            asked = urllib.request.Request(address, headers={"Host": _known_host(address)})  # noqa: S310  (our own)
            with urllib.request.urlopen(asked, timeout=2) as response:  # noqa: S310  (our own address)
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _known_host(address: str) -> str:
    """Return a name by which this installation may be asked."""
    own = urllib.parse.urlsplit(address)
    allowed = [host.lstrip(".") for host in settings.ALLOWED_HOSTS]
    return own.netloc if not allowed or own.hostname in allowed or "*" in allowed else allowed[0]


def _static_fingerprint() -> str:
    """Tell whether a static file was added, removed or changed, without reading them."""
    seen = hashlib.sha256()
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda found: found[0]):
            seen.update(f"{path}|{storage.size(path)}|{storage.get_modified_time(path)}\n".encode())
    return seen.hexdigest()
