"""read bounce mailboxes"""

import sqlalchemy as sa
from alembic import op

import dashboard.extensions

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = dashboard.extensions.UtcDateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "bounce_mailboxes",
        sa.Column("provider_id", BIG, autoincrement=False, nullable=False),
        sa.Column("next_read_at", MOMENT, nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.Column("strangers", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("provider_id", name=op.f("pk_bounce_mailboxes")),
    )


def downgrade() -> None:
    op.drop_table("bounce_mailboxes")
