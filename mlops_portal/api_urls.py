"""The REST API of all apps, its OpenAPI document and the page that shows it."""

from csp.decorators import csp_update
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

import mlops_portal.foundation.api.schema  # noqa: F401  (describes the token to the OpenAPI document)
from mlops_portal.foundation.api.document import DocumentView

# Swagger's own style sheet sets styles on elements; scripts stay as strict as everywhere.
docs = csp_update({"style-src": ["'unsafe-inline'"]})(
    SpectacularSwaggerSplitView.as_view(url_name="api-schema")
)

urlpatterns = [
    path("schema/", DocumentView.as_view(), name="api-schema"),
    path("docs/", docs, name="api-docs"),
    path("", include("mlops_portal.foundation.api.urls")),
    path("", include("registry.api.urls")),
    path("", include("audits.api.urls")),
    path("", include("kpis.api.urls")),
    path("", include("approvals.api.urls")),
]
