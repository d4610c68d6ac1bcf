"""Connections know their stack; reports of acceptance tests and the steps of onboarding are kept."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "acceptance"
down_revision = "placement"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, kind in (
        ("audit_role_arn", sa.Text()),
        ("purge_role_arn", sa.Text()),
        ("contract_version", sa.Integer()),
        ("stack", JSONB()),
    ):
        op.add_column("storage_connections", sa.Column(name, kind, nullable=True))
    op.create_table(
        "acceptance_reports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("body", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["storage_connections.id"], name=op.f("fk_acceptance_reports_connection_id")
        ),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_acceptance_reports_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acceptance_reports")),
    )
    op.create_index(
        op.f("ix_acceptance_reports_connection_id_made_at"), "acceptance_reports", ["connection_id", "made_at"]
    )
    op.create_table(
        "onboarding_steps",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_onboarding_steps_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_onboarding_steps")),
    )
    op.create_index(op.f("ix_onboarding_steps_company_id"), "onboarding_steps", ["company_id"])
