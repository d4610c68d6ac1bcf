"""The registry knows how far each company's database is, and when its processes have to make place for new ones."""

import sqlalchemy as sa
from alembic import op

revision = "upgrades"
down_revision = "isolated_media"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("companies", sa.Column("schema_revision", sa.Text(), nullable=True))
    op.add_column("companies", sa.Column("schema_floor", sa.Text(), nullable=True))
    op.add_column("companies", sa.Column("roll_overs", sa.Integer(), server_default=sa.text("0"), nullable=False))
