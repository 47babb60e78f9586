"""Addresses for operators, outside of any namespace and of sign-in."""

from django.urls import path

from mlops_portal.foundation.web import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
