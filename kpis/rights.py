"""Rights of the numbers."""

from mlops_portal.foundation.people.rights import Right

RIGHTS = (
    Right("kpis.view", "See KPIs"),
    Right("kpis.set_target", "Propose and approve targets"),
)
