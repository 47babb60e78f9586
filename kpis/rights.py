"""Rights of the numbers."""

from mlops_portal.foundation.people.rights import Right

SET = "kpis.set_target"
GRANT = "people.grant"  # who may give somebody the right

RIGHTS = (
    Right("kpis.view", "See KPIs"),
    Right(SET, "Propose and approve targets"),
)
