"""A report says which of a connection's stacks, as they were told one after the other, it was made of."""

import sqlalchemy as sa
from alembic import op

revision = "stack_number"
down_revision = "own_server"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("storage_connections", "acceptance_reports"):
        number = sa.Column("stack_number", sa.Integer(), server_default=sa.text("0"), nullable=False)
        op.add_column(table, number)
