"""Runs the migrations on the connection that `db.session` hands over, inside its transaction."""

from alembic import context

import db.tables  # noqa: F401 - the metadata hold what was imported
from db.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
