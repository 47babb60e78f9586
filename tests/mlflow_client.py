"""The Python that runs the real mlflow client: the portal's own environment has neither mlflow nor scikit-learn."""

import importlib.util
import os
import sys

import pytest


def interpreter_with_mlflow() -> str | None:
    """Return a Python that has mlflow and scikit-learn: this one, or the one PORTAL_MLFLOW_PYTHON names."""
    if all(importlib.util.find_spec(name) for name in ("mlflow", "sklearn")):
        return sys.executable
    return os.environ.get("PORTAL_MLFLOW_PYTHON") or None


needs_mlflow = pytest.mark.skipif(
    interpreter_with_mlflow() is None,
    reason="mlflow and scikit-learn are not installed here, and PORTAL_MLFLOW_PYTHON names no Python that has them",
)
