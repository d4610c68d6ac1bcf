"""Versions can be deleted, brought back, and purged."""

import sqlalchemy as sa
from alembic import op

revision = "deletions"
down_revision = "luts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("versions", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("versions", sa.Column("deleted_by", sa.Text(), nullable=True))
    op.add_column("versions", sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key("fk_versions_deleted_by", "versions", "users", ["deleted_by"], ["id"])
