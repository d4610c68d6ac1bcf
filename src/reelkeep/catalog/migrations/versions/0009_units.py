"""Long films are cut into units that several jobs make at the same time."""

import sqlalchemy as sa
from alembic import op

revision = "units"
down_revision = "placement"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "units",
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_frame", sa.Integer(), nullable=False),
        sa.Column("end_frame", sa.Integer()),
        sa.Column("job_id", sa.Text()),
        sa.Column("attempt_number", sa.Integer()),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("version_id", "kind", "number", name="pk_units"),
        sa.ForeignKeyConstraint(["version_id"], ["proxies.version_id"], name="fk_units_version_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_units_job_id"),
    )
