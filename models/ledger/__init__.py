"""Ledger lines, their accounting, rollup and archive, as plain values."""
