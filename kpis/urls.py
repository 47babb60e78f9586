"""Addresses of the numbers."""

from django.urls import path

from kpis.views import numbers, targets

app_name = "kpis"
urlpatterns = [
    path("kpis/", numbers.Dashboard.as_view(), name="dashboard"),
    path("kpis/targets/", targets.TargetList.as_view(), name="target-list"),
    path("kpis/targets/propose/", targets.TargetPropose.as_view(), name="target-propose"),
    path("kpis/targets/<int:pk>/", targets.TargetDetail.as_view(), name="target-detail"),
    path("kpis/targets/<int:pk>/approve/", targets.TargetApprove.as_view(), name="target-approve"),
    path("kpis/targets/<int:pk>/decline/", targets.TargetDecline.as_view(), name="target-decline"),
    path("kpis/<slug:name>/", numbers.KpiDetail.as_view(), name="kpi-detail"),
]
