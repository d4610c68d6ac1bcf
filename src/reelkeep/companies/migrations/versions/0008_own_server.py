"""A company's database may be on a server of its own."""

import sqlalchemy as sa
from alembic import op

revision = "own_server"
down_revision = "networks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("companies", sa.Column("wrapped_server", sa.LargeBinary(), nullable=True))
