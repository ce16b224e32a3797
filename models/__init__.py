"""Pure logic: engines, workloads, economics. Imports neither prefect nor sqlalchemy."""
