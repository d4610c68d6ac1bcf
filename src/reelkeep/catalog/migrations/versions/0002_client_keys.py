"""An index by which the files of a folder are known again."""

from alembic import op

revision = "client_keys"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_uploads_client_key", "uploads", ["client_key"], unique=False)
