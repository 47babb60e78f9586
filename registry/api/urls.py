"""Addresses of the registry's API."""

from django.urls import path

from registry.api.models import ModelViewSet
from registry.api.versions import VersionViewSet

LIST = {"get": "list", "post": "create"}
ONE = {"get": "retrieve", "patch": "partial_update"}
VERSION = "models/<int:model>/versions/<int:number>/"

app_name = "registry-api"
urlpatterns = [
    path("models/", ModelViewSet.as_view(LIST), name="models"),
    path("models/<int:pk>/", ModelViewSet.as_view(ONE), name="model"),
    path("models/<int:model>/versions/", VersionViewSet.as_view(LIST), name="versions"),
    path(VERSION, VersionViewSet.as_view(ONE), name="version"),
    path(f"{VERSION}artifact/", VersionViewSet.as_view({"put": "artifact"}), name="version-artifact"),
]
