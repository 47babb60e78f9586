"""The proof: a ledger of every governed write, its tree, its checkpoints, and what auditors take away from it."""
