"""Training on a workload's own answers and labels: what is trained on, the run in the ledger, the registry."""
