"""Addresses of the audits' API."""

from django.urls import path

from audits.api.exports import ExportViewSet
from audits.api.ledger import CheckpointView, LedgerViewSet

app_name = "audits-api"
urlpatterns = [
    path("ledger/checkpoint/", CheckpointView.as_view(), name="checkpoint"),
    path("ledger/entries/", LedgerViewSet.as_view({"get": "list"}), name="entries"),
    path("ledger/entries/<int:pk>/", LedgerViewSet.as_view({"get": "retrieve"}), name="entry"),
    path("ledger/entries/<int:pk>/proof/", LedgerViewSet.as_view({"get": "proof"}), name="proof"),
    path("exports/", ExportViewSet.as_view({"get": "list", "post": "create"}), name="exports"),
    path("exports/<int:pk>/", ExportViewSet.as_view({"get": "retrieve"}), name="export"),
    path("exports/<int:pk>/download/", ExportViewSet.as_view({"get": "download"}), name="download"),
]
