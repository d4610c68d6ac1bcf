"""What lies at a connection is found by an index, and an original's ETag tells whether it was written again."""

import sqlalchemy as sa
from alembic import op

revision = "placement"
down_revision = "mark_bands"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("versions", sa.Column("etag", sa.Text(), nullable=True))
    op.create_index(op.f("ix_versions_connection_id"), "versions", ["connection_id"], unique=False)
