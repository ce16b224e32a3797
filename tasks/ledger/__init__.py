"""What is asked of the ledger and entered into it: queries, check, archive, repricing, costs of ownership."""
