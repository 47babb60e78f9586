"""KPI formulas: pure functions from rows and a window to a result.

Nothing here reads a database, a clock or a setting. A formula that changes its answer for the same rows gets a new
version string, and values already stored keep the old one.
"""

from kpis.formulas.approval_time import Change, Step, approval_cycle_time
from kpis.formulas.completeness import (
    DocumentedDeployment,
    DocumentedVersion,
    Section,
    completeness_score,
    documentation_gate,
    documentation_stock,
    section_quality,
)
from kpis.formulas.deployments import (
    Deployment,
    Incident,
    Intervention,
    LogicalDeployment,
    Running,
    change_failure_rate,
    deployment_frequency,
    logical_deployments,
    pace,
)
from kpis.formulas.leads import Lead, lead_time

__all__ = [
    "Change",
    "Deployment",
    "DocumentedDeployment",
    "DocumentedVersion",
    "Incident",
    "Intervention",
    "Lead",
    "LogicalDeployment",
    "Running",
    "Section",
    "Step",
    "approval_cycle_time",
    "change_failure_rate",
    "completeness_score",
    "deployment_frequency",
    "documentation_gate",
    "documentation_stock",
    "lead_time",
    "logical_deployments",
    "pace",
    "section_quality",
]
