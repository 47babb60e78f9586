"""Addresses of the demonstration, included only where it is installed."""

from django.urls import path

from mlops_portal.demonstration.views import become, code

app_name = "demonstration"

urlpatterns = [
    path("demonstration/sign-in/<slug:key>/", become, name="become"),
    path("demonstration/code/", code, name="code"),
]
