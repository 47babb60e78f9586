"""The rights this app declares."""

from mlops_portal.foundation.people.rights import Right

RIGHTS = (
    Right("audits.view_ledger", "Read the ledger: who did what, when, to which record"),
    Right("audits.export", "Export change logs and evidence packs"),
    Right("audits.verify", "Verify the ledger"),
)
