"""Looks at the machine and its surroundings: doctor, catalogue."""
