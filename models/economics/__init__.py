"""Pricing, GPU time and break-even: pure functions on plain values."""
