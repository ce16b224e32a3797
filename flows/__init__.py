"""@flow functions: what runs, in what order, on which schedule."""
