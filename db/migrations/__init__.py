"""Alembic migrations; `db.session` runs them."""
