"""Renditions of sound say their language and their title."""

import sqlalchemy as sa
from alembic import op

revision = "sounds"
down_revision = "taking_sessions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("language", "label"):
        op.add_column("renditions", sa.Column(name, sa.Text(), server_default="", nullable=False))
