"""Productions say which number their first frames have."""

import sqlalchemy as sa
from alembic import op

revision = "first_frame"
down_revision = "comment_ranges"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("productions", sa.Column("first_frame", sa.Integer(), server_default="0", nullable=False))
