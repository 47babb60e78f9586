"""Addresses of audits."""

from django.urls import path

from audits.views import exports, ledger, records, workspace

app_name = "audits"
urlpatterns = [
    path("audit/", workspace.Workspace.as_view(), name="workspace"),
    path("audit/verify/", workspace.Verify.as_view(), name="verify"),
    path("audit/as-of/", records.PastInventory.as_view(), name="past-inventory"),
    path("audit/public-key/", workspace.PublicKey.as_view(), name="public-key"),
    path("audit/verifier/", workspace.Verifier.as_view(), name="verifier"),
    path("ledger/", ledger.Explorer.as_view(), name="ledger"),
    path("ledger/<int:pk>/", ledger.EntryDetail.as_view(), name="entry"),
    path("exports/", exports.Exports.as_view(), name="exports"),
    path("exports/models/", exports.ModelsOffered.as_view(), name="export-models"),
    path("exports/<int:pk>/download/", exports.Download.as_view(), name="export-download"),
    path("exports/<int:pk>/again/", exports.Again.as_view(), name="export-again"),
    path("models/<int:pk>/history/", records.ModelHistory.as_view(), name="model-history"),
    path("versions/<int:pk>/history/", records.VersionHistory.as_view(), name="version-history"),
    path("datasets/<int:pk>/history/", records.DatasetHistory.as_view(), name="dataset-history"),
    path("pipelines/<int:pk>/history/", records.PipelineHistory.as_view(), name="pipeline-history"),
    path("changes/<int:pk>/history/", records.ChangeHistory.as_view(), name="change-history"),
    path("changes/<int:pk>/evidence-pack/", exports.ChangePack.as_view(), name="change-pack"),
    path("deployments/<int:pk>/evidence-pack/", exports.DeploymentPack.as_view(), name="deployment-pack"),
]
