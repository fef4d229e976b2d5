"""lead traffic around failing providers"""

import sqlalchemy as sa
from alembic import op

import dashboard.extensions

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = dashboard.extensions.UtcDateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.add_column(sa.Column("route", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("routes") as batch_op:
        batch_op.add_column(sa.Column("weight", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("providers") as batch_op:
        batch_op.add_column(sa.Column("draining", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("breaker_opened_at", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("breaker_until", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("breaker_pause", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("breaker_reason", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "provider_incidents",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("provider_id", BIG, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_incidents")),
    )
    op.create_index("ix_provider_incidents_provider_id", "provider_incidents", ["provider_id", "id"])
    op.create_table(
        "channel_switches",
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("off", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_channel_switches")),
    )


def downgrade() -> None:
    op.drop_table("channel_switches")
    op.drop_table("provider_incidents")
    with op.batch_alter_table("providers") as batch_op:
        for name in ("breaker_reason", "breaker_pause", "breaker_until", "breaker_opened_at", "draining"):
            batch_op.drop_column(name)
    with op.batch_alter_table("routes") as batch_op:
        batch_op.drop_column("weight")
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.drop_column("route")
