"""A company key may be wrapped by the company's own key as well; a step of onboarding knows its contract's version."""

import sqlalchemy as sa
from alembic import op

revision = "wrapping_key"
down_revision = "kill_switch"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("companies", sa.Column("key_connection_id", sa.Text(), nullable=True))
    op.add_column("companies", sa.Column("key_arn", sa.Text(), nullable=True))
    op.add_column("companies", sa.Column("key_probe", sa.LargeBinary(), nullable=True))
    op.create_foreign_key(
        op.f("fk_companies_key_connection_id"), "companies", "storage_connections", ["key_connection_id"], ["id"]
    )
    op.add_column(
        "onboarding_steps",
        sa.Column("contract_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
    )
