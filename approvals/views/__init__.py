"""Pages of approvals, one module for each kind of act."""
