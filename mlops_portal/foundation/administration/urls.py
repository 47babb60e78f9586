"""Addresses of administration."""

from django.urls import path

from mlops_portal.foundation.administration import access, views

app_name = "administration"
urlpatterns = [
    path("people/", views.PeopleList.as_view(), name="people"),
    path("people/add/", views.PersonCreate.as_view(), name="person-create"),
    path("people/<int:pk>/", views.PersonDetail.as_view(), name="person"),
    path("people/<int:pk>/grant/", views.PersonGrant.as_view(), name="person-grant"),
    path("people/<int:pk>/invite/", views.PersonInvite.as_view(), name="person-invite"),
    path("people/<int:pk>/deactivate/", views.PersonDeactivate.as_view(), name="person-deactivate"),
    path("grants/<int:pk>/confirm/", views.GrantConfirm.as_view(), name="grant-confirm"),
    path("grants/<int:pk>/revoke/", views.GrantRevoke.as_view(), name="grant-revoke"),
    path("access/<int:pk>/", access.AccessDecide.as_view(), name="access-decide"),
    path("roles/", views.Roles.as_view(), name="roles"),
    path("units/", views.Units.as_view(), name="units"),
    path("units/add/", views.UnitCreate.as_view(), name="unit-create"),
    path("units/<int:pk>/edit/", views.UnitEdit.as_view(), name="unit-edit"),
    path("accounts/", views.Accounts.as_view(), name="accounts"),
    path("accounts/add/", views.AccountCreate.as_view(), name="account-create"),
    path("accounts/<int:pk>/owner/", views.AccountHandOver.as_view(), name="account-hand-over"),
    path("accounts/<int:pk>/role/", views.AccountGrant.as_view(), name="account-grant"),
    path("accounts/<int:pk>/token/", views.TokenCreate.as_view(), name="token-create"),
    path("tokens/<int:pk>/revoke/", views.TokenRevoke.as_view(), name="token-revoke"),
]
