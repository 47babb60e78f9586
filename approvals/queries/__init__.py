"""What pages and services read of approvals."""
