"""The roof: every address of the portal."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("allauth.urls")),
    path("", include("mlops_portal.foundation.web.urls")),
    path("api/2.0/mlflow/", include("integrations.mlflow.urls")),
]

handler400 = "mlops_portal.foundation.web.error_views.bad_request"
handler403 = "mlops_portal.foundation.web.error_views.forbidden"
handler404 = "mlops_portal.foundation.web.error_views.not_found"
handler500 = "mlops_portal.foundation.web.error_views.server_error"
