"""Rights of the registry."""

from mlops_portal.foundation.people.rights import Right

RIGHTS = (
    Right("registry.view", "See models, versions and evidence"),
    Right("registry.register", "Register models and versions"),
    Right("registry.edit", "Edit records and add evidence"),
    Right("registry.delete", "Delete models and versions"),
    Right("registry.import", "Import inventories"),
    Right("registry.set_alias", "Move aliases and stages"),
    Right("registry.accept_use", "Accept the use of another unit's model"),
    Right("registry.rate", "Propose a risk rating"),
    Right("registry.approve_rating", "Approve a risk rating and override governance"),
    Right("registry.lock_thresholds", "Approve and lock limits"),
    Right("registry.manage_environments", "Manage environments"),
    Right("registry.manage_fields", "Manage custom fields"),
)
