"""Evaluation: is the small model good enough, and from which confidence on. Pure functions on plain values."""
