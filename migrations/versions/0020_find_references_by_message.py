"""find vendors' ids by their message"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_provider_references_message_id", "provider_references", ["message_id"])


def downgrade() -> None:
    op.drop_index("ix_provider_references_message_id", table_name="provider_references")
