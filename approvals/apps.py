"""Approvals as an installed app."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Declares rights, facts, connectors and jobs, and answers what the registry asks."""

    name = "approvals"

    def ready(self) -> None:
        """Connect what must exist once."""
        from approvals import (
            connectors,
            model_facts,
            notice_asks,
            notices,
            panels,
            receivers,
            registry_answers,
            tasks,
        )
        from approvals.connectors.manual import Manual
        from approvals.connectors.portal_record import PortalRecord
        from approvals.connectors.registry_alias import RegistryAlias
        from approvals.rights import RIGHTS
        from mlops_portal.foundation.events import domain_event
        from mlops_portal.foundation.operations import on_flush
        from mlops_portal.foundation.people import rights
        from mlops_portal.foundation.web import notices as telling

        rights.declare(RIGHTS)
        telling.register(notices.RULES, notice_asks.ENDINGS)
        model_facts.register()
        for connector in (RegistryAlias(), Manual(), PortalRecord()):
            connectors.register(connector)
        tasks.declare()
        registry_answers.register()
        panels.register()
        domain_event.connect(receivers.on_event, dispatch_uid="approvals.refresh")
        on_flush(receivers.at_end_of_act)
