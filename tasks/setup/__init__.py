"""Checks the machine and its environment: doctor, catalogue."""
