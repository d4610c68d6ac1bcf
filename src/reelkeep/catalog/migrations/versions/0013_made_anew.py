"""Productions say how large their proxies' largest rung may be, and a proxy can be made anew.

Proxies there are have no rung above 1080 lines.
"""

import sqlalchemy as sa
from alembic import op

revision = "made_anew"
down_revision = "deletions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("productions", sa.Column("largest_edge_px", sa.Integer(), server_default="2160", nullable=False))
    op.add_column("proxies", sa.Column("largest_edge_px", sa.Integer(), server_default="1080", nullable=False))
    op.alter_column("proxies", "largest_edge_px", server_default=None)
    op.add_column("versions", sa.Column("earlier_attempts", sa.Integer(), server_default="0", nullable=False))
