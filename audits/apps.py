"""The audit app: it listens to the foundation, and nothing below knows it."""

from django.apps import AppConfig
from django.core.signals import request_finished
from django.db.models.signals import post_migrate


class AuditsConfig(AppConfig):
    """Connects the ledger to history, events, accesses and the end of every operation."""

    name = "audits"

    def ready(self) -> None:
        """Connect what must exist once."""
        from audits import notices, operating, panels, receivers, tasks, triggers  # noqa: F401  (tasks declare their kinds)
        from audits.rights import RIGHTS
        from audits.services import recording
        from mlops_portal.foundation.events import accessed, domain_event
        from mlops_portal.foundation.history import history_row_written, history_rows_written
        from mlops_portal.foundation.operations import on_flush
        from mlops_portal.foundation.people import rights
        from mlops_portal.foundation.web import notices as telling

        rights.declare(RIGHTS)
        telling.register(notices.RULES)
        operating.declare()
        panels.register()
        history_row_written.connect(receivers.record_row, dispatch_uid="audits.record_row")
        history_rows_written.connect(receivers.record_rows, dispatch_uid="audits.record_rows")
        domain_event.connect(receivers.record_event, dispatch_uid="audits.record_event")
        accessed.connect(receivers.record_access, dispatch_uid="audits.record_access")
        request_finished.connect(receivers.write_accesses, dispatch_uid="audits.write_accesses")
        post_migrate.connect(triggers.install_after_migrate, sender=self, dispatch_uid="audits.triggers")
        on_flush(recording.flush)
