"""Addresses of the API of approvals."""

from django.urls import path

from approvals.api.changes import ChangeViewSet, CommentViewSet
from approvals.api.gate import Gate
from approvals.api.records import DecisionViewSet, ExecutionViewSet, PolicyViewSet, ValidationViewSet

READ = {"get": "list"}
SHOW = {"get": "retrieve"}
LIST = {"get": "list", "post": "create"}

app_name = "approvals-api"
urlpatterns = [
    path("changes/", ChangeViewSet.as_view(LIST), name="changes"),
    path(
        "changes/<int:pk>/",
        ChangeViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="change",
    ),
    path("changes/<int:pk>/file/", ChangeViewSet.as_view({"post": "file"}), name="change-file"),
    path("changes/<int:pk>/resubmit/", ChangeViewSet.as_view({"post": "file"}), name="change-resubmit"),
    path("changes/<int:pk>/withdraw/", ChangeViewSet.as_view({"post": "withdraw"}), name="change-withdraw"),
    path("changes/<int:pk>/status/", ChangeViewSet.as_view({"get": "status"}), name="change-status"),
    path("changes/<int:pk>/dossier/", ChangeViewSet.as_view({"get": "dossier"}), name="change-dossier"),
    path("changes/<int:change>/comments/", CommentViewSet.as_view(LIST), name="comments"),
    path("gate/", Gate.as_view(), name="gate"),
    path("decisions/", DecisionViewSet.as_view(READ), name="decisions"),
    path("decisions/<int:pk>/", DecisionViewSet.as_view(SHOW), name="decision"),
    path("validations/", ValidationViewSet.as_view(READ), name="validations"),
    path("validations/<int:pk>/", ValidationViewSet.as_view(SHOW), name="validation"),
    path(
        "validations/<int:pk>/report/",
        ValidationViewSet.as_view({"get": "report", "put": "attach"}),
        name="validation-report",
    ),
    path("executions/", ExecutionViewSet.as_view(READ), name="executions"),
    path("executions/<int:pk>/", ExecutionViewSet.as_view(SHOW), name="execution"),
    path("policies/", PolicyViewSet.as_view(READ), name="policies"),
    path("policies/<int:pk>/", PolicyViewSet.as_view(SHOW), name="policy"),
    path("policies/<slug:key>/in-force/", PolicyViewSet.as_view({"get": "in_force"}), name="policy-in-force"),
]
