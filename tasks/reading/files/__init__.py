"""Which files an input is: found by name, locally and in object stores, and whether they are still the same."""
