"""Sessions for taking a proxy away are a kind of their own."""

import sqlalchemy as sa
from alembic import op

revision = "taking_sessions"
down_revision = "first_frame"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("playback_sessions", sa.Column("is_taking", sa.Boolean(), server_default="false", nullable=False))
