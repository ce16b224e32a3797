"""GPUs, small models and rates: reviewed data, each with its source and date."""
