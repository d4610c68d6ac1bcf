"""The operator's people look at a company's site only while one of its admins lets them."""

import sqlalchemy as sa
from alembic import op

revision = "support"
down_revision = "process_ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "support_access",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("production_id", sa.Text(), nullable=True),
        sa.Column("with_media", sa.Boolean(), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["given_by"], ["users.id"], name=op.f("fk_support_access_given_by")),
        sa.ForeignKeyConstraint(
            ["production_id"], ["productions.id"], name=op.f("fk_support_access_production_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_support_access")),
    )
    op.create_table(
        "support_people",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("access_id", sa.Text(), nullable=False),
        sa.Column("link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("link_ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("link_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["access_id"], ["support_access.id"], name=op.f("fk_support_people_access_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_support_people_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_support_people")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_support_people_link_hash")),
    )
    op.create_index(op.f("ix_support_people_access_id"), "support_people", ["access_id"])
    op.create_index(
        "ix_audit_events_support", "audit_events", ["created_at"], postgresql_where=sa.text("what like 'support.%'")
    )
