"""Pages for administrators: people and their roles, units, service accounts and tokens."""
