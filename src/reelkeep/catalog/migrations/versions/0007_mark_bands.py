"""Proxies have mark bands, and productions say how many.

Proxies of format version 0 have none and cannot be played any more; their versions must be uploaded again.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "mark_bands"
down_revision = "sounds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("productions", sa.Column("mark_bands", sa.Integer(), server_default="2", nullable=False))
    op.add_column("proxies", sa.Column("mark_bands", sa.Integer(), server_default="0", nullable=False))
    op.add_column("renditions", sa.Column("bands", JSONB(), server_default="[]", nullable=False))
    op.add_column("segments", sa.Column("band_ranges", sa.LargeBinary(), server_default="", nullable=False))
    for table, column in (("proxies", "mark_bands"), ("renditions", "bands"), ("segments", "band_ranges")):
        op.alter_column(table, column, server_default=None)
