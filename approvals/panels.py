"""Where approvals appear outside of their own pages: navigation, the registry's pages, home, search."""

from typing import Any

from approvals import home as sections
from approvals.models import ChangeRequest
from approvals.queries.inbox_page import STAGE_RIGHTS, waiting_count
from approvals.states import OPEN_STATES, ChangeState
from mlops_portal.foundation.web import first_run, home, navigation, panels, search
from mlops_portal.foundation.web.tables import Column
from registry import tables
from registry.queries.portfolio import count_of
from registry.states import DeploymentState, Governance, LifecycleState

MODEL, VERSION, DEPLOYMENT = "registry.RegisteredModel", "registry.ModelVersion", "registry.Deployment"
OVERRIDE = "registry.GovernanceOverride"


def _is_live(deployment: Any) -> bool:
    return deployment.state == DeploymentState.LIVE


def _is_suspended(deployment: Any) -> bool:
    return deployment.state == DeploymentState.SUSPENDED


def _has_versions(model: Any) -> bool:
    return model.counter.last_number > 0


def _is_governed(model: Any) -> bool:
    return model.governance == Governance.MANDATORY


def _in_use(model: Any) -> bool:
    return model.lifecycle_state != LifecycleState.RETIRED


def _open_requests() -> Any:
    return count_of(ChangeRequest.objects.filter(state__in=OPEN_STATES - {ChangeState.DRAFT}))


def register() -> None:
    """Offer everything; a right hides what a person can never use."""
    item = navigation.NavItem
    navigation.register(
        item("Work", "Approvals", "inbox", "approvals:inbox", STAGE_RIGHTS, 10, waiting_count)
    )
    navigation.register(item("Work", "My requests", "request", "approvals:mine", "approvals.request", 20))
    navigation.register(item("Work", "All requests", "chat", "approvals:change-list", "approvals.view", 30))
    navigation.register(
        item(
            "Work",
            "Validations",
            "check",
            "approvals:validation-list",
            "approvals.view",
            40,
            query=sections.validations_of_interest,
        )
    )
    navigation.register(item("Oversight", "Policies", "policy", "approvals:policies", "approvals.view", 30))
    for panel in _panels():
        panels.register(panel)
    view = "approvals.view"
    for section in (
        home.Section("approvals.decisions", "approvals/home/decisions.html", sections.decisions, view, 10),
        home.Section(
            "approvals.to_start", "approvals/home/changes.html", sections.to_start, "approvals.execute", 15
        ),
        home.Section(
            "approvals.overdue", "approvals/home/overdue.html", sections.overdue, "kpis.set_target", 20
        ),
        home.Section("approvals.lapses", "approvals/home/overdue.html", sections.lapses, view, 21),
        home.Section(
            "approvals.executed", "approvals/home/executed.html", sections.executed, "audits.verify", 20
        ),
        home.Section(
            "approvals.validations",
            "approvals/home/validations.html",
            sections.validations,
            "approvals.validate",
            22,
        ),
        home.Section("approvals.own", "approvals/home/changes.html", sections.own, "approvals.request", 25),
    ):
        home.register(section)
    first_run.register(
        first_run.Step(
            "policy",
            "Adopt a policy",
            "It says which gates and which people a change needs. The shipped text is offered as a draft.",
            (("Policies", "approvals:policies", view),),
            sections.adopted_policy,
            30,
        )
    )
    open_requests = Column("Requests", numeric=True, cell=tables.count_or_none("info"))
    tables.offer("open_requests", open_requests, _open_requests)
    search.register(search.Source("change", "Change requests", sections.find, view, 20))


def _panels() -> list[panels.Panel]:
    panel, see, ask, back = panels.Panel, "approvals.view", "approvals.request", "approvals.rollback"
    return [
        panel(MODEL, "changes", "Change requests", "approvals:model-panel", see, 10, shows_past=True),
        panel(VERSION, "changes", "Change requests", "approvals:version-panel", see, 10),
        panel(VERSION, "validations", "Validations", "approvals:version-validations", see, 20),
        panel(VERSION, "documents", "Completeness", "approvals:version-documents", see, 10, "rail"),
        panel(MODEL, "changes-tab", "Change requests", "approvals:model-changes", see, 10, "tab"),
        panel(MODEL, "validations-tab", "Validations", "approvals:model-validations", see, 20, "tab"),
        panel(
            MODEL,
            "request",
            "Request a change",
            "approvals:model-request",
            ask,
            10,
            "action",
            icon="request",
            is_primary=_has_versions,
        ),
        panel(
            MODEL,
            "override",
            "Override governance",
            "approvals:governance-override",
            "registry.approve_rating",
            10,
            "governance",
            _is_governed,
            "sign",
        ),
        panel(OVERRIDE, "receipt", "Receipt", "approvals:override-receipt", "registry.view", 10, "action"),
        panel(MODEL, "retire", "Ask to retire", "approvals:retire", ask, 90, "action", _in_use),
        panel(
            VERSION,
            "request",
            "Request a change",
            "approvals:version-request",
            ask,
            10,
            "action",
            icon="request",
            is_primary=True,
        ),
        panel(
            VERSION,
            "validate",
            "Validate",
            "approvals:validation-open",
            "approvals.validate",
            20,
            "action",
            icon="check",
        ),
        panel(
            DEPLOYMENT, "roll-back", "Roll back", "approvals:roll-back", back, 10, "action", _is_live, "undo"
        ),
        panel(
            DEPLOYMENT,
            "resume",
            "Ask to resume",
            "approvals:resume",
            ask,
            10,
            "action",
            _is_suspended,
            "request",
        ),
        panel(DEPLOYMENT, "suspend", "Suspend", "approvals:suspend", back, 20, "action", _is_live, "lock"),
    ]
