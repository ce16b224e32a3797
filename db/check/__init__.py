"""Whether the ledger adds up: each module yields the flaws of one kind, and reads only."""
