"""A connection may be isolated: its bucket is reached by interface endpoints alone."""

import sqlalchemy as sa
from alembic import op

revision = "isolated_media"
down_revision = "stack_number"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("storage_connections", sa.Column("client_endpoint_url", sa.Text(), nullable=True))
    op.add_column("storage_connections", sa.Column("platform_endpoint_url", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_storage_connections_isolated"),
        "storage_connections",
        "(client_endpoint_url is null) = (platform_endpoint_url is null)",
    )
