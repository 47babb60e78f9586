"""Addresses of what the API says about callers, units and people."""

from django.urls import path

from mlops_portal.foundation.api.directory import Me, PersonViewSet, UnitViewSet

app_name = "foundation-api"
urlpatterns = [
    path("me/", Me.as_view(), name="me"),
    path("units/", UnitViewSet.as_view({"get": "list"}), name="units"),
    path("units/<slug:code>/", UnitViewSet.as_view({"get": "retrieve"}), name="unit"),
    path("people/", PersonViewSet.as_view({"get": "list"}), name="people"),
]
