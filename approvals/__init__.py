"""Approvals: policies, change requests, gates, decisions, signatures, waivers and executions of releases."""
