"""What every run needs: lease, stop signals, shared engine, progress, atomic files, access to the ledger."""
