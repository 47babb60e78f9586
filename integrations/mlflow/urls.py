"""Paths of the MLflow registry protocol, under ``/api/2.0/mlflow/``."""

from django.urls import path, re_path

from integrations.mlflow import views
from integrations.mlflow.endpoints import TABLE

app_name = "mlflow"

urlpatterns = [
    *(path(place, views.door, {"path": place}, name=place.replace("/", "-")) for place in sorted(TABLE)),
    re_path(r"^(?P<path>.*)$", views.door, name="unknown"),
]
