"""Settings, read once from the environment: base, then one of dev (demonstration), test, prod."""
