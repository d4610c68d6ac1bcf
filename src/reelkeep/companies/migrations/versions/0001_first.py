"""The registry of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "companies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("app_host", sa.Text(), nullable=False),
        sa.Column("media_host", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("database_name", sa.Text(), nullable=False),
        sa.Column("owner_role", sa.Text(), nullable=False),
        sa.Column("app_role", sa.Text(), nullable=False),
        sa.Column("wrapped_owner_password", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_app_password", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_company_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
        sa.UniqueConstraint("app_host", name=op.f("uq_companies_app_host")),
        sa.UniqueConstraint("app_role", name=op.f("uq_companies_app_role")),
        sa.UniqueConstraint("database_name", name=op.f("uq_companies_database_name")),
        sa.UniqueConstraint("media_host", name=op.f("uq_companies_media_host")),
        sa.UniqueConstraint("owner_role", name=op.f("uq_companies_owner_role")),
        sa.UniqueConstraint("slug", name=op.f("uq_companies_slug")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("proxy_format_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "storage_connections",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("role_arn", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("endpoint_url", sa.Text(), nullable=True),
        sa.Column("sts_endpoint_url", sa.Text(), nullable=True),
        sa.Column("addressing", sa.Text(), nullable=False),
        sa.Column("capabilities", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_storage_connections_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_storage_connections")),
    )
    op.create_index(op.f("ix_storage_connections_company_id"), "storage_connections", ["company_id"], unique=False)
    op.create_table(
        "placements",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("production_id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_placements_company_id")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["storage_connections.id"], name=op.f("fk_placements_connection_id")
        ),
        sa.PrimaryKeyConstraint("company_id", "production_id", name=op.f("pk_placements")),
    )
