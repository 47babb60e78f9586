"""The inventory: models, versions, evidence, lineage, environments and deployments.

Owns what is registered and where it runs; knows nothing of change requests, which stand above it.
"""
