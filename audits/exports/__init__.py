"""What auditors take with them: evidence packs, change logs, inventories of a past day."""
