"""Productions have LUTs, and a proxy remembers which one it was made with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "luts"
down_revision = "image_sequences"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "luts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("production_id", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("store_upload_id", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("crc32", sa.LargeBinary(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("points", sa.Integer(), nullable=True),
        sa.Column("domain", JSONB(), nullable=True),
        sa.Column("numbers", sa.LargeBinary(), nullable=True),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_luts"),
        sa.UniqueConstraint("object_key", name="uq_luts_object_key"),
        sa.CheckConstraint("(checked_at is null) = (numbers is null)", name="ck_luts_checked"),
        sa.ForeignKeyConstraint(
            ["production_id"], ["productions.id"], name="fk_luts_production_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["added_by"], ["users.id"], name="fk_luts_added_by"),
    )
    op.create_index("ix_luts_production_id", "luts", ["production_id"])
    op.create_table(
        "lut_choices",
        sa.Column("production_id", sa.Text(), nullable=False),
        sa.Column("lut_id", sa.Text(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("production_id", name="pk_lut_choices"),
        sa.ForeignKeyConstraint(
            ["production_id"], ["productions.id"], name="fk_lut_choices_production_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["lut_id"], ["luts.id"], name="fk_lut_choices_lut_id"),
    )
    op.add_column("proxies", sa.Column("lut_id", sa.Text(), nullable=True))
    op.add_column("proxies", sa.Column("lut_input", sa.Text(), nullable=True))
    op.create_foreign_key("fk_proxies_lut_id", "proxies", "luts", ["lut_id"], ["id"])
    op.create_check_constraint("ck_proxies_lut", "proxies", "(lut_id is null) = (lut_input is null)")
