"""Run by the test in an interpreter that has mlflow: local tracking, the portal as registry, nothing patched."""

import json
import os
import sys
import tempfile

import mlflow
import mlflow.sklearn
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NAME = "breast-cancer-screening"


def main(portal: str, folder: str) -> dict:
    """Train, log, register, label, load; return what a test can compare."""
    mlflow.set_tracking_uri(f"sqlite:///{folder}/tracking.db")
    mlflow.set_registry_uri(portal)
    mlflow.create_experiment("screening", artifact_location=f"file://{folder}/artifacts")
    mlflow.set_experiment("screening")
    data = load_breast_cancer()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(data.data, data.target)
    with mlflow.start_run() as run:
        mlflow.log_metric("accuracy", model.score(data.data, data.target))
        logged = mlflow.sklearn.log_model(model, name="model", registered_model_name=NAME)
    second = mlflow.register_model(logged.model_uri, NAME, tags={"framework": "sklearn"})
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(NAME, "champion", second.version)
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    copied = client.copy_model_version(f"models:/{NAME}@champion", "screening-live")
    try:
        client.get_registered_model("nothing")
        refused = ""
    except MlflowException as refusal:
        refused = str(refusal)
    return {
        "run_id": run.info.run_id,
        "model_id": logged.model_id,
        "versions": sorted(int(found.version) for found in client.search_model_versions(f"name = '{NAME}'")),
        "source": second.source,
        "same_predictions": bool((loaded.predict(data.data) == model.predict(data.data)).all()),
        "copied_from": copied.source,
        "refused": refused,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        sys.stdout.write("RESULT " + json.dumps(main(sys.argv[1], place)) + "\n")
