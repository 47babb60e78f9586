"""Numbers over everything below: definitions, formulas, snapshots and targets.

This app owns no process. It reads what registry and approvals recorded, and keeps what it computed so that an
auditor can compute it again.
"""
