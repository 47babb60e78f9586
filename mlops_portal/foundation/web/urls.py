"""Addresses of pages that belong to no application."""

from django.urls import path

from mlops_portal.foundation.web import asking, notice_pages, views

app_name = "web"
urlpatterns = [
    path("notifications/", notice_pages.Notifications.as_view(), name="notifications"),
    path("notifications/<int:pk>/", notice_pages.NoticeOpened.as_view(), name="notice"),
    path("search/", views.Search.as_view(), name="search"),
    path("search/palette", views.Palette.as_view(), name="palette"),
    path("jobs/<int:pk>/", views.JobFragment.as_view(), name="job"),
    path("jobs/<int:pk>/stop/", views.JobStop.as_view(), name="job-stop"),
    path("views/save/", views.ViewSave.as_view(), name="view-save"),
    path("views/<int:pk>/delete/", views.ViewDelete.as_view(), name="view-delete"),
    path("access/ask/", asking.AskForAccess.as_view(), name="access-ask"),
    path("profile/", views.Profile.as_view(), name="profile"),
    path("kit/", views.Kit.as_view(), name="kit"),
]
