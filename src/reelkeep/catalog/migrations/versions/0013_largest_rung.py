"""Productions say how large their proxies' largest rung may be; proxies there are have none above 1080 lines."""

import sqlalchemy as sa
from alembic import op

revision = "largest_rung"
down_revision = "deletions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("productions", sa.Column("largest_edge_px", sa.Integer(), server_default="2160", nullable=False))
    op.add_column("proxies", sa.Column("largest_edge_px", sa.Integer(), server_default="1080", nullable=False))
    op.alter_column("proxies", "largest_edge_px", server_default=None)
