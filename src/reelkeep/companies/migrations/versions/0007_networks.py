"""Companies have certificates, a network policy, and a record of whom it turned away."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "networks"
down_revision = "wrapping_key"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("companies", sa.Column("network", JSONB(), nullable=True))
    op.create_table(
        "certificates",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_self_signed", sa.Boolean(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_certificates_company_id")),
        sa.PrimaryKeyConstraint("company_id", "host", name=op.f("pk_certificates")),
    )
    op.create_table(
        "refused_sources",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("connections", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_refused_sources_company_id")),
        sa.PrimaryKeyConstraint("company_id", "source", name=op.f("pk_refused_sources")),
    )
