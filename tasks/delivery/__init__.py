"""Brings a month's report to its recipients, each of them once."""
