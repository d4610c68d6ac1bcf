"""A LUT may have a shaper before its cube, and be deleted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "lut_shapers"
down_revision = "storage_audits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("luts", sa.Column("shaper_domain", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("luts", sa.Column("shaper_numbers", sa.LargeBinary(), nullable=True))
    op.add_column("luts", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("luts", sa.Column("deleted_by", sa.Text(), nullable=True))
    op.create_foreign_key("fk_luts_deleted_by", "luts", "users", ["deleted_by"], ["id"])
    op.create_check_constraint(op.f("ck_luts_shaper"), "luts", "(shaper_domain is null) = (shaper_numbers is null)")
