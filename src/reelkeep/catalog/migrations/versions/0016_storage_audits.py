"""Audits of the company's buckets are kept, and compared with the one before."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "storage_audits"
down_revision = "support"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "storage_audits",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_clean", sa.Boolean(), nullable=False),
        sa.Column("fresh", sa.Integer(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("marks", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("noted_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["noted_by"], ["users.id"], name=op.f("fk_storage_audits_noted_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_storage_audits")),
    )
    op.create_index("ix_storage_audits_connection_id_made_at", "storage_audits", ["connection_id", "made_at"])
