"""Connections have names and states, and the operator's hosted storage is one of them."""

import sqlalchemy as sa
from alembic import op

revision = "placement"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("storage_connections", "company_id", existing_type=sa.Text(), nullable=True)
    op.add_column("storage_connections", sa.Column("name", sa.Text(), nullable=True))
    op.execute(
        "UPDATE storage_connections SET name = bucket || CASE number WHEN 1 THEN '' ELSE '-' || number END FROM "
        "(SELECT id, row_number() OVER (PARTITION BY company_id, bucket ORDER BY id) AS number FROM "
        "storage_connections) AS numbered WHERE numbered.id = storage_connections.id"
    )
    op.alter_column("storage_connections", "name", existing_type=sa.Text(), nullable=False)
    op.execute("UPDATE storage_connections SET state = 'draft' WHERE state = 'pending'")
    op.execute("UPDATE storage_connections SET state = 'suspended' WHERE state = 'disabled'")
    since = sa.Column("state_since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
    op.add_column("storage_connections", since)
    op.create_unique_constraint(
        op.f("uq_storage_connections_company_id_name"),
        "storage_connections",
        ["company_id", "name"],
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "hosted_placement",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["storage_connections.id"], name=op.f("fk_hosted_placement_connection_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hosted_placement")),
    )
