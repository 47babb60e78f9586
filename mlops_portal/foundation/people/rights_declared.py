"""Rights the foundation itself declares."""

from mlops_portal.foundation.people.rights import Right

RIGHTS = (
    Right("people.view", "See units and who holds which role"),
    Right("people.grant", "Grant, confirm and revoke roles"),
    Right("people.manage_units", "Create, move and close business units"),
    Right("people.manage_accounts", "Manage people, service accounts and tokens"),
)
