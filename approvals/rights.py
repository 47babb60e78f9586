"""Rights of approvals."""

from mlops_portal.foundation.people.rights import Right

RIGHTS = (
    Right("approvals.view", "See change requests"),
    Right("approvals.comment", "Comment on change requests"),
    Right("approvals.request", "File change requests"),
    Right("approvals.accept", "Accept change requests as owner"),
    Right("approvals.validate", "Validate versions and decide as validator"),
    Right("approvals.approve_risk", "Decide as risk officer"),
    Right("approvals.approve_change", "Decide as change manager"),
    Right("approvals.approve_light", "Decide in the light lane"),
    Right("approvals.waive", "Decide on waivers"),
    Right("approvals.execute", "Execute approved changes"),
    Right("approvals.rollback", "Roll back"),
    Right("approvals.publish_policy", "Publish policies"),
)
