"""Addresses of the numbers over REST."""

from django.urls import path

from kpis.api.numbers import NumberViewSet

app_name = "kpis-api"
urlpatterns = [
    path("kpis/", NumberViewSet.as_view({"get": "list"}), name="numbers"),
    path("kpis/<slug:name>/", NumberViewSet.as_view({"get": "retrieve"}), name="number"),
]
