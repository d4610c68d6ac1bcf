"""A version's original may be a set of files: the frames of an image sequence."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "image_sequences"
down_revision = "units"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "image_sequences",
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rate_numerator", sa.Integer(), nullable=False),
        sa.Column("rate_denominator", sa.Integer(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("first_number", sa.Integer(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("gaps", JSONB(), nullable=False),
        sa.CheckConstraint("files between 2 and 100000", name="ck_image_sequences_files"),
        sa.CheckConstraint("first_number <= last_number", name="ck_image_sequences_numbers"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name="fk_image_sequences_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", name="pk_image_sequences"),
    )
    op.create_table(
        "sequence_files",
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("crc32", sa.LargeBinary(), nullable=False),
        sa.Column("claimed_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["version_id"], ["image_sequences.version_id"], name="fk_sequence_files_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "number", name="pk_sequence_files"),
        sa.UniqueConstraint("object_key", name="uq_sequence_files_object_key"),
    )
