"""Evaluation: is the small model good enough, and from which confidence on. Functions on plain values."""
