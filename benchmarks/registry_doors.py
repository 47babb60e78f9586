"""The registry's machine door under load: two web workers, four keep-alive clients, PostgreSQL, everything on.

`python -m benchmarks.registry_doors` with DATABASE_URL naming a PostgreSQL database whose server lets the role
create databases: the benchmark makes a database of its own beside it and drops it afterwards.
"""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import quote

from benchmarks.databases import ROOT, postgres_url, python, scratch
from benchmarks.http_clients import Client, Step, per_second
from benchmarks.rows import Row

MLFLOW = "/api/2.0/mlflow"
REST = "/api/v1"
MODELS, VERSIONS = 300, 5
SCOPES = ["registry.view", "registry.register", "registry.edit", "registry.set_alias"]

SEED = """
import django
django.setup()
from django.utils import timezone
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.persons import person_create
from mlops_portal.foundation.people.services.tokens import account_create, token_create
from mlops_portal.foundation.people.services.units import unit_create
now = timezone.now()
unit = unit_create(code="bench", name="Benchmarks", by=None, now=now)
for number in range(50):
    unit_create(code=f"other-{number}", name=f"Other {number}", by=None, now=now)
owner = person_create(email="bench@example.org", name="Bench Owner", by=None, now=now)
account = account_create(name="bench", unit=unit, owner=owner, by=None, now=now)
role_grant(user=account.user, role="developer", unit=unit, reason="Benchmark", by=None, now=now)
made = token_create(account=account, label="bench", scopes=%r, days=2, by=None, now=now)
print("TOKEN", made.secret)
"""


def run() -> list[Row]:
    """Measure; without PostgreSQL there is nothing to compare with a goal."""
    if not postgres_url():
        print("registry doors: skipped, DATABASE_URL names no PostgreSQL database")
        return []
    with scratch("postgresql") as environment, _server(environment) as (address, token):
        _preload(address, token)
        rows = _mlflow(address, token, environment["DATABASE_URL"])
        return rows + _rest(address, token)


def _mlflow(address: str, token: str, database: str) -> list[Row]:
    def row(name: str, step: Step, goal: int) -> Row:
        _analyse(database)
        figure = per_second(address, token, step)
        return Row(f"MLflow door: {name}", round(figure, 1), "1/s", f"≥ {goal}")

    return [
        row("create version", _create_version, 250),
        row("get version", _get_version, 400),
        row("search of 100 models", _search_models, 200),
    ]


def _create_version(client: Client, turn: int) -> int:
    body = {
        "name": _name(turn * 7919 % MODELS),
        "source": f"s3://bench-bucket/models/{turn}/model",
        "run_id": f"{turn:032x}",
        "tags": [{"key": "framework", "value": "sklearn"}, {"key": "auc", "value": "0.871"}],
    }
    answer = client.call("POST", f"{MLFLOW}/model-versions/create", body)
    return int(answer["model_version"]["version"])


def _get_version(client: Client, turn: int) -> int:
    name = quote(_name(turn * 31 % MODELS))
    number = turn % VERSIONS + 1
    answer = client.call("GET", f"{MLFLOW}/model-versions/get?name={name}&version={number}")
    return int(answer["model_version"]["version"])


def _search_models(client: Client, turn: int) -> int:
    text = quote(f"name LIKE 'bench-model-{turn % (MODELS // 100)}%'")
    answer = client.call("GET", f"{MLFLOW}/registered-models/search?max_results=100&filter={text}")
    found = len(answer["registered_models"])
    if found != 100:
        raise RuntimeError(f"{found} models instead of 100")
    return found


def _rest(address: str, token: str) -> list[Row]:
    """Measure the same reads and writes through the REST API, for comparison only."""
    client = Client(address, token)
    try:
        listed = client.call("GET", f"{REST}/models/?page_size=100")["results"]
    except RuntimeError as error:
        print(f"registry doors: REST not measured, {error}")
        return []
    ids = [item["id"] for item in listed]

    def get_version(client: Client, turn: int) -> int:
        return len(
            client.call("GET", f"{REST}/models/{ids[turn % len(ids)]}/versions/{turn % VERSIONS + 1}/")
        )

    def search(client: Client, turn: int) -> int:
        return len(client.call("GET", f"{REST}/models/?page_size=100")["results"])

    def create_version(client: Client, turn: int) -> int:
        body = {"source": f"s3://bench-bucket/models/{turn}/model", "run_id": f"{turn:032x}"}
        return len(client.call("POST", f"{REST}/models/{ids[turn % len(ids)]}/versions/", body))

    rows = []
    steps = {"create version": create_version, "get version": get_version, "list of 100 models": search}
    for name, step in steps.items():
        try:
            rows.append(Row(f"REST: {name}", round(per_second(address, token, step), 1), "1/s"))
        except RuntimeError as error:
            print(f"registry doors: REST {name} not measured, {error}")
    return rows


def _name(number: int) -> str:
    return f"bench-model-{number // 100}{number % 100:02d}"


def _preload(address: str, token: str) -> None:
    client = Client(address, token)
    for number in range(MODELS):
        tags = [{"key": "team", "value": f"team-{number % 20}"}, {"key": "bench", "value": "1"}]
        client.call("POST", f"{MLFLOW}/registered-models/create", {"name": _name(number), "tags": tags})
        for turn in range(VERSIONS):
            body = {
                "name": _name(number),
                "source": f"s3://bench-bucket/{number}/{turn}",
                "run_id": f"{turn:032x}",
            }
            client.call("POST", f"{MLFLOW}/model-versions/create", body)


def _analyse(database: str) -> None:
    """Count the rows as autovacuum does within a minute: plans made for empty tables are no plans for full ones."""
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ANALYZE")


@contextlib.contextmanager
def _server(environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    seeded = python(environment, "-c", SEED % (SCOPES,))
    token = next(line.split()[1] for line in seeded.splitlines() if line.startswith("TOKEN "))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "2",
        "--host", "127.0.0.1", "--port", str(port), "--no-ws", "mlops_portal.wsgi:application",
    ]  # fmt: skip
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}", token
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait(port: int) -> None:
    for _ in range(150):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            time.sleep(1.0)  # both workers
            return
        time.sleep(0.2)
    raise RuntimeError("the web server does not answer")


if __name__ == "__main__":
    for line in run():
        print(f"{line.name:40} {line.value:>10} {line.unit:6} {line.goal}")
