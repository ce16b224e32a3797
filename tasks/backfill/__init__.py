"""Ranges of partitions: what is to be done, what it will cost, and doing it."""
