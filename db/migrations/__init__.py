"""Alembic migrations; db/schema.py runs them."""
