"""Background work: jobs people watch, schedules, leases, the outbox, and the worker that runs them.

Task rows are written in the transaction that causes them. What the task backend lacks is here: leases with fencing
numbers, recovery of work whose worker died, retries with growing pauses, schedules, pruning.
"""
