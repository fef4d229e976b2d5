"""find the event of a message"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_event_sends_message_id", "event_sends", ["message_id"])


def downgrade() -> None:
    op.drop_index("ix_event_sends_message_id", "event_sends")
