"""The workers of this machine: one for each GPU, started, watched and stopped by `breakeven worker`."""
