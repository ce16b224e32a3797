"""The cost ledger: SQLAlchemy tables and queries, for SQLite and PostgreSQL.

Every function takes a `Session` and never commits: the caller owns the transaction.
"""
