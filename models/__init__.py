"""Values and rules of workloads, the ledger and economics, and the engines. Imports neither prefect nor sqlalchemy."""
