"""The roof: every address of the portal."""

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path

from mlops_portal.foundation.web.home import Home

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("mlops_portal.foundation.web.health_urls")),
    path("accounts/", include("mlops_portal.foundation.web.account_urls")),
    path("", Home.as_view(), name="home"),
    path("", include("mlops_portal.foundation.web.urls")),
    path("", include("registry.urls")),
    path("", include("approvals.urls")),
    path("", include("audits.urls")),
    path("", include("kpis.urls")),
    path("admin/", include("mlops_portal.foundation.administration.urls")),
    path("api/v1/", include("mlops_portal.api_urls")),
    path("api/2.0/mlflow/", include("integrations.mlflow.urls")),
]

if apps.is_installed("mlops_portal.demonstration"):
    urlpatterns.append(path("", include("mlops_portal.demonstration.urls")))

handler400 = "mlops_portal.foundation.web.error_views.bad_request"
handler403 = "mlops_portal.foundation.web.error_views.forbidden"
handler404 = "mlops_portal.foundation.web.error_views.not_found"
handler500 = "mlops_portal.foundation.web.error_views.server_error"
