"""A revoked connection says what refused the platform, and a connection whether its marker was written."""

import sqlalchemy as sa
from alembic import op

revision = "kill_switch"
down_revision = "acceptance"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("storage_connections", sa.Column("revoked_by", sa.Text(), nullable=True))
    op.add_column(
        "storage_connections", sa.Column("has_marker", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
