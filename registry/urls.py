"""Addresses of the registry."""

from django.urls import path

from registry.views import (
    board,
    custom_fields,
    evidence,
    import_start,
    import_undo,
    imports,
    limits,
    models,
    operations,
    owners,
    ratings,
    version_evidence,
    versions,
)

app_name = "registry"
urlpatterns = [
    path("models/", models.ModelList.as_view(), name="model-list"),
    path("models/register/", models.ModelRegister.as_view(), name="model-register"),
    path("models/assign-owner/", owners.ModelsAssignOwner.as_view(), name="models-assign-owner"),
    path("models/<int:pk>/", models.ModelDetail.as_view(), name="model-detail"),
    path("models/<int:pk>/edit/", models.ModelEdit.as_view(), name="model-edit"),
    path("models/<int:pk>/attest/", models.ModelAttest.as_view(), name="model-attest"),
    path("models/<int:pk>/delete/", models.ModelDelete.as_view(), name="model-delete"),
    path("models/<int:pk>/versions/", versions.VersionList.as_view(), name="version-list"),
    path("models/<int:pk>/versions/register/", versions.VersionRegister.as_view(), name="version-register"),
    path("models/<int:pk>/versions/<int:number>/", versions.VersionDetail.as_view(), name="version-detail"),
    path(
        "models/<int:pk>/versions/<int:number>/artifact/",
        versions.VersionArtifact.as_view(),
        name="version-artifact",
    ),
    path(
        "models/<int:pk>/versions/<int:number>/delete/",
        versions.VersionDelete.as_view(),
        name="version-delete",
    ),
    path("models/<int:pk>/compare/", versions.Compare.as_view(), name="compare"),
    path("models/<int:pk>/documents/", evidence.DocumentList.as_view(), name="document-list"),
    path("models/<int:model>/documents/<int:pk>/", evidence.DocumentDetail.as_view(), name="document-detail"),
    path("models/<int:pk>/risk/", evidence.Evidence.as_view(), name="evidence"),
    path("models/<int:pk>/lineage/", evidence.Lineage.as_view(), name="lineage"),
    path(
        "models/<int:pk>/versions/<int:number>/metric/",
        version_evidence.MetricAdd.as_view(),
        name="metric-add",
    ),
    path(
        "models/<int:pk>/versions/<int:number>/dataset/",
        version_evidence.DatasetLink.as_view(),
        name="dataset-link",
    ),
    path(
        "models/<int:model>/versions/<int:number>/dataset/<int:pk>/",
        version_evidence.DatasetEdit.as_view(),
        name="dataset-edit",
    ),
    path(
        "models/<int:pk>/versions/<int:number>/attest/",
        version_evidence.EvidenceAttest.as_view(),
        name="evidence-attest",
    ),
    path("models/<int:pk>/documents/add/", evidence.DocumentAdd.as_view(), name="document-add"),
    path(
        "models/<int:model>/documents/<int:pk>/approve/",
        evidence.DocumentApprove.as_view(),
        name="document-approve",
    ),
    path(
        "models/<int:model>/documents/<int:pk>/section/", evidence.SectionsWrite.as_view(), name="section-add"
    ),
    path(
        "models/<int:model>/documents/<int:pk>/file/", evidence.DocumentFile.as_view(), name="document-file"
    ),
    path("models/<int:pk>/consumers/add/", evidence.ConsumerAdd.as_view(), name="consumer-add"),
    path("models/<int:pk>/dependencies/add/", evidence.DependencyAdd.as_view(), name="dependency-add"),
    path("models/<int:pk>/uses/request/", evidence.UseRequest.as_view(), name="use-request"),
    path("uses/<int:pk>/decide/", evidence.UseDecide.as_view(), name="use-decide"),
    path("models/<int:pk>/monitoring-plan/", evidence.PlanEdit.as_view(), name="plan-edit"),
    path("models/<int:pk>/rate/", ratings.RatingPropose.as_view(), name="rating-propose"),
    path("models/<int:pk>/ratings/<int:rating>/", ratings.RatingDecide.as_view(), name="rating-decide"),
    path("models/<int:pk>/limits/propose/", limits.LimitsPropose.as_view(), name="limits-propose"),
    path("models/<int:pk>/limits/<int:limits>/lock/", limits.LimitsLock.as_view(), name="limits-lock"),
    path("imports/", imports.ImportList.as_view(), name="import-list"),
    path("imports/start/", import_start.ImportStart.as_view(), name="import-start"),
    path("imports/preview/<int:pk>/", import_start.ImportPreview.as_view(), name="import-preview"),
    path("imports/<int:pk>/", imports.ImportRunPage.as_view(), name="import-run"),
    path("imports/<int:pk>/models/", import_undo.ImportCreated.as_view(), name="import-created"),
    path("imports/<int:pk>/undo/", import_undo.ImportUndo.as_view(), name="import-undo"),
    path("imports/<int:pk>/give-up/", import_undo.ImportGiveUp.as_view(), name="import-give-up"),
    path("imports/<int:pk>/resume/", imports.ImportResume.as_view(), name="import-resume"),
    path("deployments/", operations.DeploymentList.as_view(), name="deployment-list"),
    path("deployments/board/", board.DeploymentBoard.as_view(), name="deployment-board"),
    path("deployments/<int:pk>/", operations.DeploymentDetail.as_view(), name="deployment-detail"),
    path("environments/", operations.EnvironmentList.as_view(), name="environment-list"),
    path("environments/add/", operations.EnvironmentCreate.as_view(), name="environment-create"),
    path("environments/<int:pk>/", operations.EnvironmentDetail.as_view(), name="environment-detail"),
    path("environments/<int:pk>/close/", operations.EnvironmentClose.as_view(), name="environment-close"),
    path("fields/", custom_fields.FieldList.as_view(), name="field-list"),
    path("fields/add/", custom_fields.FieldCreate.as_view(), name="field-create"),
    path("fields/<int:pk>/edit/", custom_fields.FieldEdit.as_view(), name="field-edit"),
    path("fields/<int:pk>/remove/", custom_fields.FieldRemove.as_view(), name="field-remove"),
]
