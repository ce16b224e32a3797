"""Training on a workload's own answers and labels: examples, hold-out, classifier, adapter."""
