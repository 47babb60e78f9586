"""The foundation as an installed app."""

from django.apps import AppConfig
from django.core.signals import request_started
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class FoundationConfig(AppConfig):
    """Declares its rights and makes every declared right a permission after migrations."""

    name = "mlops_portal.foundation"
    label = "foundation"

    def ready(self) -> None:
        """Connect what must exist once."""
        from mlops_portal.foundation import db, lookups, readiness, timestamps
        from mlops_portal.foundation.administration import found, queries
        from mlops_portal.foundation.events import domain_event
        from mlops_portal.foundation.operations import on_flush
        from mlops_portal.foundation.people import accounts, rights
        from mlops_portal.foundation.people import notices as notices_of_people
        from mlops_portal.foundation.people.rights_declared import RIGHTS
        from mlops_portal.foundation.web import asking, first_run, home, notices
        from mlops_portal.foundation.web.navigation import NavItem, register
        from mlops_portal.foundation.work import housekeeping

        lookups.register()
        accounts.remember_used_codes()
        rights.declare(RIGHTS)
        manages = ("people.grant", "people.manage_units", "people.manage_accounts")
        register(NavItem("System", "Administration", "admin", "administration:people", manages, 10))
        found.offer()
        first_run.declare()
        checklist = home.Section("web.first_run", "web/home/first_run.html", first_run.checklist, order=1)
        home.register(checklist)
        grants = home.Section(
            "administration.grants",
            "administration/home_grants.html",
            queries.grants_at_home,
            right="people.grant",
            order=4,
        )
        home.register(grants)
        home.register(home.Section("web.access", "web/home/access.html", asking.waiting, order=5))
        housekeeping.declare()
        readiness.declare()
        notices.register(notices_of_people.RULES, notices_of_people.ENDINGS)
        domain_event.connect(notices.on_event, dispatch_uid="foundation.notices")
        on_flush(notices.at_end_of_act)
        request_started.connect(db.trust_recent_connections, dispatch_uid="foundation.trust_recent")
        connection_created.connect(timestamps.use, dispatch_uid="foundation.timestamps")
        post_migrate.connect(rights.create_permissions, dispatch_uid="foundation.create_permissions")
