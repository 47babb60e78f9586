"""Train real models, register them with the mlflow client, add evidence through REST, file a change request, wait for people.

    make examples-environment
    export PORTAL_URL=http://127.0.0.1:8000 PORTAL_TOKEN=mlp_…
    .venv-examples/bin/python examples/train_and_register.py --data wine --environment staging-eu

The token is one of a service account that may do what a developer may (`manage.py demo_token --account NAME` makes one
in the demonstration). Tracking stays on this machine; the portal is the registry. Exit code 0: approved; 1: rejected or
withdrawn; 2: nobody decided yet, follow it with `--follow CR-12`; 3: the portal refused something, and says why.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

ROWS_SHOWN = 8
APPROVED = {"approved", "scheduled", "executing", "verifying", "completed"}


class Refused(Exception):
    """The portal's answer to something it does not do, in its own words."""


class Portal:
    """The REST API as far as this example needs it."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, *, key: str = "", **sent: Any) -> Any:
        """Call and return the parsed answer; with ``key`` a repeated call creates nothing twice."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.session.request(method, f"{self.url}/api/v1{path}", headers=headers, timeout=60, **sent)
        body = answer.json() if answer.content else None
        if answer.status_code >= 400:
            raise Refused(told(body) if isinstance(body, dict) else answer.text)
        return body

    def page(self, path: str) -> str:
        """Return the address of a page."""
        return f"{self.url}{path}"


def told(problem: dict[str, Any]) -> str:
    """Put a problem into words: every field and every rule that stands against it."""
    lines = [f"  {error['where']}: {error['message']}" for error in problem.get("errors", [])]
    lines += [
        f"  {blocker['message']}" + (f" ({blocker['owner']})" if blocker["owner"] else "")
        for blocker in problem.get("blockers", [])
    ]
    return "\n".join([problem.get("title", "Refused"), *(lines or [f"  {problem.get('detail', '')}"])])


@dataclass
class Trained:
    """A model with what was measured on data it has not seen."""

    name: str
    title: str
    purpose: str
    estimator: Any
    features: list[str]
    parameters: dict[str, Any]
    train: Any
    test: Any
    metrics: list[dict[str, Any]] = field(default_factory=list)


def breast_cancer() -> Trained:
    """A classifier of tumours; measured for small and large ones apart."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier

    data = load_breast_cancer(as_frame=True)
    area = data.data["mean area"]
    groups = {"small tumours": area <= area.median(), "large tumours": area > area.median()}
    estimator = RandomForestClassifier(n_estimators=200, min_samples_leaf=2, random_state=7)
    return trained("breast-cancer-screening", "Breast cancer screening", data, estimator, groups, _classified)


def wine() -> Trained:
    """A classifier of cultivars; measured for light and strong wines apart."""
    from sklearn.datasets import load_wine
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = load_wine(as_frame=True)
    alcohol = data.data["alcohol"]
    groups = {"light wines": alcohol <= alcohol.median(), "strong wines": alcohol > alcohol.median()}
    estimator = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, C=1.0))
    return trained("wine-cultivar", "Wine cultivar", data, estimator, groups, _classified)


def diabetes() -> Trained:
    """A regression of disease progression; measured for both sexes and for younger and older patients."""
    from sklearn.datasets import load_diabetes
    from sklearn.ensemble import GradientBoostingRegressor

    data = load_diabetes(as_frame=True)
    age, sex = data.data["age"], data.data["sex"]
    groups = {
        "sex 1": sex < 0,
        "sex 2": sex > 0,
        "younger half": age <= age.median(),
        "older half": age > age.median(),
    }
    estimator = GradientBoostingRegressor(n_estimators=120, max_depth=2, learning_rate=0.05, random_state=7)
    return trained("diabetes-progression", "Diabetes progression", data, estimator, groups, _regressed)


Measure = Callable[[Any, Any, Any], dict[str, float]]


def trained(
    name: str, title: str, data: Any, estimator: Any, groups: dict[str, Any], measure: Measure
) -> Trained:
    """Fit on three quarters of the rows and measure the rest, over all of it and by group."""
    from sklearn.model_selection import train_test_split

    inputs, outcomes = data.data, data.target
    train_x, test_x, train_y, test_y = train_test_split(inputs, outcomes, test_size=0.25, random_state=7)
    estimator.fit(train_x, train_y)
    model = Trained(
        name=name,
        title=title,
        purpose=f"{title}: the data set of this name that comes with scikit-learn.",
        estimator=estimator,
        features=[str(column) for column in inputs.columns],
        parameters={
            key: value
            for key, value in estimator.get_params().items()
            if isinstance(value, int | float | str)
        },
        train=train_x.assign(outcome=train_y),
        test=test_x.assign(outcome=test_y),
    )
    for segment, mask in {"": None, **groups}.items():
        rows = test_x if mask is None else test_x[mask.loc[test_x.index]]
        values = measure(estimator, rows, test_y.loc[rows.index])
        model.metrics += [
            {"name": metric, "segment": segment, "value": value, "n": len(rows), "suite": "performance"}
            for metric, value in values.items()
        ]
    return model


def _classified(estimator: Any, inputs: Any, outcomes: Any) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, f1_score, log_loss

    predicted = estimator.predict(inputs)
    loss = log_loss(outcomes, estimator.predict_proba(inputs), labels=estimator.classes_)
    return {
        "accuracy": float(accuracy_score(outcomes, predicted)),
        "f1_macro": float(f1_score(outcomes, predicted, average="macro", zero_division=0.0)),
        "log_loss": float(loss),
    }


def _regressed(estimator: Any, inputs: Any, outcomes: Any) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, root_mean_squared_error

    predicted = estimator.predict(inputs)
    return {
        "mae": float(mean_absolute_error(outcomes, predicted)),
        "rmse": float(root_mean_squared_error(outcomes, predicted)),
    }


DATA: dict[str, Callable[[], Trained]] = {"breast_cancer": breast_cancer, "wine": wine, "diabetes": diabetes}


def register(portal: Portal, model: Trained, token: str, folder: Path) -> tuple[int, str]:
    """Log the run on this machine and register it in the portal; return the number and the digest of the artifact."""
    os.environ["MLFLOW_TRACKING_TOKEN"] = token
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    import mlflow.artifacts
    import mlflow.sklearn

    mlflow.set_tracking_uri(f"sqlite:///{folder}/tracking.db")
    mlflow.set_registry_uri(portal.url)
    mlflow.create_experiment(model.name, artifact_location=f"file://{folder}/artifacts")
    mlflow.set_experiment(model.name)
    with mlflow.start_run():
        mlflow.log_params(model.parameters)
        mlflow.log_metrics({row["name"]: row["value"] for row in model.metrics if not row["segment"]})
        logged = mlflow.sklearn.log_model(model.estimator, name="model", registered_model_name=model.name)
    artifact = Path(
        mlflow.artifacts.download_artifacts(logged.model_uri, dst_path=str(folder / "registered"))
    )
    return int(logged.registered_model_version), folder_digest(artifact)


def folder_digest(folder: Path) -> str:
    """Digest a folder: SHA-256 over the sorted lines of relative path and SHA-256 of each file."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def add_evidence(portal: Portal, model: Trained, number: int, digest: str, owner: str) -> dict[str, Any]:
    """Complete the record of a model that arrived through the registry protocol; return it."""
    found = portal.call("GET", "/models/", params={"name": model.name})["results"][0]
    place = f"/models/{found['id']}/versions/{number}"
    primary = model.metrics[0]["name"]
    facts = {
        "title": model.title,
        "description": model.purpose,
        "objective": f"Show the whole way of a model on the data set “{model.title}”.",
        "intended_use": "Teaching and trying out the portal.",
        "prohibited_uses": "Decisions about people.",
        "limitations": f"{len(model.train) + len(model.test)} rows; no data from after the publication of the data set.",
        "primary_metric": primary,
        "primary_metric_higher_is_better": primary == "accuracy",
        "is_proof_of_concept": True,
        "reason": "Completed by the example",
    }
    found = portal.call(
        "PATCH", f"/models/{found['id']}/", json={**facts, **({"owner": owner} if owner else {})}
    )
    portal.call("PUT", f"{place}/artifact/", json={"sha256": digest})
    for role, rows in (("training", model.train), ("test", model.test)):
        data = portal.call("POST", "/datasets/", json=dataset(model, role, rows, found["unit"]))
        portal.call("POST", f"{place}/datasets/", json={"dataset": data["id"], "role": role})
    portal.call(
        "POST", f"{place}/metrics/", json={"metrics": model.metrics}, key=f"{digest[:32]}-metrics-{number}"
    )
    for document in documents(model, number):
        kind = document["kind"]
        key = f"{digest[:32]}-{kind}-{number}"
        portal.call("POST", f"/models/{found['id']}/documents/", json=document, key=key)
    runbook = {"file": ("runbook.md", RUNBOOK.format(title=model.title).encode(), "text/markdown")}
    about = {"kind": "runbook", "title": "Runbook", "version": number}
    portal.call(
        "POST",
        f"/models/{found['id']}/documents/",
        data=about,
        files=runbook,
        key=f"{digest[:32]}-run-{number}",
    )
    return found


def dataset(model: Trained, role: str, rows: Any, unit: str) -> dict[str, Any]:
    """Describe rows by the digest of what they hold."""
    content = rows.to_csv(index=True, float_format="%.12g").encode()
    digest = hashlib.sha256(content).hexdigest()
    return {
        "unit": unit,
        "name": f"{model.name}-{role}",
        "label": digest[:12],
        "digest": digest,
        "rows": len(rows),
        "source": "bundled with scikit-learn",
        "preparation": "Random split, seed 7; three quarters train, one quarter tests.",
    }


RUNBOOK = """# Runbook of {title}

The model answers in batches. When it fails, the earlier version is put back by a change request of kind “rollback”;
until then people decide without it.
"""


def documents(model: Trained, number: int) -> Iterator[dict[str, Any]]:
    """Write the documents of a version, section by section."""
    measured = "\n".join(
        f"- {row['name']}{', ' + row['segment'] if row['segment'] else ''}: {row['value']:.4f} (n={row['n']})"
        for row in model.metrics
    )
    card = {
        "general_description": f"{type(model.estimator).__name__} on {len(model.features)} inputs. {model.purpose}",
        "intended_purpose_and_users": "Shows newcomers how a model is registered, reviewed and released.",
        "version_history": f"Version {number}, trained by examples/train_and_register.py.",
        "performance_and_limits": f"Measured on rows the model has not seen:\n{measured}",
    }
    sheet = {
        "data_sheet": f"{len(model.train)} rows to train and {len(model.test)} to test: {', '.join(model.features)}."
    }
    for kind, title, sections in (("model_card", "Model card", card), ("data_sheet", "Data sheet", sheet)):
        rows = [
            {"key": key, "title": key.replace("_", " ").capitalize(), "text": text}
            for key, text in sections.items()
        ]
        yield {"kind": kind, "title": title, "version": number, "sections": rows}


def draft(
    portal: Portal, record: dict[str, Any], number: int, environment: str, digest: str
) -> dict[str, Any]:
    """Draft the change request."""
    return portal.call(
        "POST",
        "/changes/",
        key=f"{digest[:32]}-change-{number}",
        json={
            "model": record["id"],
            "version": number,
            "kind": "deploy",
            "environment": environment,
            "purpose": f"Try {record['title']} version {number} in {environment}.",
            "scope": "Batch scoring only.",
            "impact": "None: nobody acts on the results.",
            "risk": "Wrong results are seen by those who try the portal.",
            "rollback_plan": "People decide without the model.",
        },
    )


def follow(portal: Portal, change: dict[str, Any], seconds: float) -> int:
    """File the request as soon as the portal takes it, then wait for people, telling what happens."""
    end, said = time.monotonic() + seconds, ""
    while True:
        if change["state"] in ("draft", "changes_requested"):
            change, said = file(portal, change, said)
        else:
            said = say(f"{change['state'].replace('_', ' ')}: {change['headline'] or 'no news'}", said)
        if change["state"] in APPROVED:
            return 0
        if not change.get("is_open", True) or change["state"] in ("rejected", "withdrawn", "expired"):
            return 1
        left = end - time.monotonic()
        if left <= 0:
            say(f"Nobody decided yet. Go on with --follow {change['code']}", "")
            return 2
        change = news(portal, change, left)


def file(portal: Portal, change: dict[str, Any], said: str) -> tuple[dict[str, Any], str]:
    """Try to file; a refusal is told and tried again, because people can do something about it."""
    try:
        filed = portal.call("POST", f"/changes/{change['id']}/file/")
    except Refused as refusal:
        return change, say(f"Not filed yet. {refusal}", said)
    say(f"Filed as {filed['code']} with dossier {filed['dossier_digest'][:16]}…", "")
    for gate in filed["gates"]:
        if gate["outcome"] in ("fail", "no_data"):
            say(f"  gate {gate['gate']} {gate['title']}: {gate['message']}", "")
    for stage in filed["stages"]:
        say(f"  {stage['title']}: {stage['quorum']} of role {stage['role']} decides", "")
    return filed, ""


def news(portal: Portal, change: dict[str, Any], left: float) -> dict[str, Any]:
    """Ask for news; the portal answers when there is some, at the latest after ten seconds."""
    wait = min(10.0, left)
    status = portal.call(
        "GET", f"/changes/{change['id']}/status/", params={"wait": wait, "since": change["row_revision"]}
    )
    if status["row_revision"] == change["row_revision"] and change["state"] == "draft":
        time.sleep(min(2.0, left))
    return {**change, **status}


def say(line: str, said: str) -> str:
    """Print a line with the time unless it was the last one said."""
    if line != said:
        print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
    return line


def show(portal: Portal, change: dict[str, Any]) -> None:
    """Print where people find it."""
    place = f"/models/{change['model']}/"
    version, request = f"{place}versions/{change['version']}/", f"/changes/{change['id']}/"
    print(
        f"\nModel    {portal.page(place)}\nVersion  {portal.page(version)}\nRequest  {portal.page(request)}\n",
        flush=True,
    )


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data", choices=sorted(DATA), default="breast_cancer", help="a data set of scikit-learn"
    )
    parser.add_argument(
        "--environment", help="name of the environment to ask for; default: the first that is not production"
    )
    parser.add_argument("--owner", default="", help="e-mail address of the person who is to own the model")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long to wait for a decision")
    parser.add_argument("--follow", metavar="CR-12", help="only follow a request that was made before")
    return parser.parse_args()


def chosen_environment(portal: Portal, wanted: str | None) -> str:
    """Return the environment to ask for."""
    if wanted:
        return wanted
    found = portal.call("GET", "/environments/", params={"is_production": "false", "is_open": "true"})[
        "results"
    ]
    if not found:
        raise Refused("This token sees no environment except production; name one with --environment.")
    return str(found[-1]["name"])


def make(portal: Portal, token: str, given: argparse.Namespace) -> dict[str, Any]:
    """Train, register, add evidence and draft the request."""
    environment = chosen_environment(portal, given.environment)
    say(f"Training on {given.data} …", "")
    model = DATA[given.data]()
    for row in model.metrics[:ROWS_SHOWN]:
        say(f"  {row['name']:<10} {row['segment'] or 'all':<14} {row['value']:8.4f}  n={row['n']}", "")
    with tempfile.TemporaryDirectory() as place:
        number, digest = register(portal, model, token, Path(place))
    say(f"Registered {model.name} version {number}, artifact {digest[:16]}…", "")
    record = add_evidence(portal, model, number, digest, given.owner)
    say("Added digest, data sets, metrics by segment and documents", "")
    change = draft(portal, record, number, environment, digest)
    say(f"Drafted {change['code']}: {change['title']}", "")
    return change


def main() -> int:
    """Do it all and return the exit code."""
    given = arguments()
    url, token = os.environ.get("PORTAL_URL", "http://127.0.0.1:8000"), os.environ.get("PORTAL_TOKEN", "")
    if not token:
        print("Set PORTAL_TOKEN to a token of a service account.", file=sys.stderr)
        return 3
    portal = Portal(url, token)
    try:
        me = portal.call("GET", "/me/")
        say(f"Calling as {me['name']}, for {me['acts_for']}", "")
        number = (given.follow or "").upper().removeprefix("CR-")
        change = portal.call("GET", f"/changes/{number}/") if given.follow else make(portal, token, given)
        show(portal, change)
        print(
            json.dumps({"change": change["id"], "model": change["model"], "version": change["version"]}),
            flush=True,
        )
        return follow(portal, change, given.minutes * 60)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 3
    except requests.ConnectionError:
        print(f"Nothing answers at {url}. Is the portal running?", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
