"""The processes that served the company are on record."""

import sqlalchemy as sa
from alembic import op

revision = "process_ledger"
down_revision = "made_anew"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "process_events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("process_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_events")),
        sa.UniqueConstraint("process_id", "event", name=op.f("uq_process_events_process_id_event")),
    )
