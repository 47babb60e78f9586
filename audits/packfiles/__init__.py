"""Files that travel inside packs."""
