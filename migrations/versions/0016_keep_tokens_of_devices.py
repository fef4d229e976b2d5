"""keep tokens of devices"""

import sqlalchemy as sa
from alembic import op

from dashboard.extensions import BigId, UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "push_tokens",
        sa.Column("id", BigId, primary_key=True, autoincrement=False),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("platform", sa.String(10), nullable=False),
        sa.Column("app", sa.String(160), nullable=False),
        sa.Column("customer_id", sa.String(160), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("gone_at", UtcDateTime()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.UniqueConstraint("address", name=op.f("uq_push_tokens_address")),
    )
    op.create_index(op.f("ix_push_tokens_customer_id"), "push_tokens", ["customer_id"])


def downgrade() -> None:
    op.drop_table("push_tokens")
