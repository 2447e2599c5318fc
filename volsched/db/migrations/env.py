"""What alembic runs: the migrations, over the connection and in the transaction of whoever asked for them."""

from alembic import context

from volsched.db.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
