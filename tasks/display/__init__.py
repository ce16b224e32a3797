"""What a person sees while and after something runs: tables, progress, Prefect artifacts."""
