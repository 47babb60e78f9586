"""The shipped roles. docs/reference/roles.md is generated from here; the rights are declared by the apps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of rights. ``deciding`` roles are granted by two people (RULES 1.3)."""

    name: str
    label: str
    description: str
    rights: frozenset[str]
    deciding: bool = False


VIEW = frozenset({"registry.view", "approvals.view", "kpis.view", "approvals.comment", "people.view"})


def _role(name: str, label: str, description: str, rights: str, *, deciding: bool = False) -> Role:
    return Role(name, label, description, VIEW | frozenset(rights.split()), deciding)


ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        _role("viewer", "Viewer", "Sees models, evidence, requests and figures.", ""),
        _role(
            "developer",
            "Developer",
            "Registers models and versions, adds evidence, files change requests.",
            "registry.register registry.edit registry.set_alias approvals.request",
        ),
        _role(
            "model_owner",
            "Model owner",
            "Owns models: keeps the record, accepts change requests and uses.",
            "registry.register registry.edit registry.set_alias registry.rate registry.accept_use registry.import "
            "approvals.request approvals.accept",
        ),
        _role(
            "validator",
            "Validator",
            "Validates independently: findings, challenges, limits, outcome.",
            "registry.rate registry.lock_thresholds approvals.validate audits.export",
            deciding=True,
        ),
        _role(
            "risk_officer",
            "Risk officer",
            "Decides on releases for the second line and approves ratings.",
            "registry.rate registry.approve_rating registry.lock_thresholds approvals.approve_risk "
            "approvals.approve_light approvals.waive audits.export audits.view_ledger",
            deciding=True,
        ),
        _role(
            "change_manager",
            "Change manager",
            "Approves the change itself: window, plan, way back.",
            "approvals.approve_change approvals.approve_light audits.export",
            deciding=True,
        ),
        _role(
            "operator",
            "Operator",
            "Executes approved changes and rolls back.",
            "approvals.execute approvals.rollback registry.manage_environments",
        ),
        _role("manager", "Manager", "Reads dashboards, proposes targets.", "kpis.set_target audits.export"),
        _role(
            "auditor",
            "Auditor",
            "Reads everything in scope, exports and verifies; changes nothing.",
            "audits.view_ledger audits.export audits.verify",
            deciding=True,
        ),
        _role(
            "policy_publisher",
            "Policy publisher",
            "Publishes revisions of policies.",
            "approvals.publish_policy",
            deciding=True,
        ),
        _role(
            "administrator",
            "Administrator",
            "Units, people, roles, service accounts, environments, imports.",
            "people.grant people.manage_units people.manage_accounts registry.manage_environments "
            "registry.manage_fields registry.import registry.register registry.edit registry.delete",
        ),
    )
}

READING = frozenset({"audits.view_ledger", "audits.verify"})
# What only roles that decide hold, and the owner's acceptance: a machine never holds it, so no token is made for it.
DECIDING_RIGHTS: frozenset[str] = (
    frozenset().union(*(role.rights for role in ROLES.values() if role.deciding))
    - frozenset().union(*(role.rights for role in ROLES.values() if not role.deciding))
    - READING
) | {"approvals.accept"}

# Pairs that one person may not hold on overlapping units (RULES 1.3).
TOXIC_PAIRS: tuple[frozenset[str], ...] = (
    frozenset({"administrator", "risk_officer"}),
    frozenset({"administrator", "auditor"}),
    frozenset({"policy_publisher", "risk_officer"}),
    frozenset({"policy_publisher", "change_manager"}),
    frozenset({"policy_publisher", "validator"}),
    frozenset({"model_owner", "risk_officer"}),
    frozenset({"operator", "risk_officer"}),
    frozenset({"operator", "change_manager"}),
    frozenset({"operator", "validator"}),
)
