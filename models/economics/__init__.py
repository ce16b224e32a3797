"""Pricing, GPU time and break-even: functions on plain values."""
