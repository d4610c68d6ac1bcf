"""Comments cover ranges, are edited, and are resolved."""

import sqlalchemy as sa
from alembic import op

revision = "comment_ranges"
down_revision = "client_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("comments", sa.Column("last_frame", sa.Integer(), nullable=True))
    op.add_column("comments", sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("comments", sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("comments", sa.Column("resolved_by", sa.Text(), nullable=True))
    op.create_foreign_key("fk_comments_resolved_by", "comments", "users", ["resolved_by"], ["id"])
