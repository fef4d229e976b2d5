"""keep events, what they send, and the log of those received"""

import sqlalchemy as sa
from alembic import op

import dashboard.extensions

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = dashboard.extensions.UtcDateTime(timezone=True)


def upgrade() -> None:
    _definitions()
    _log()
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.add_column(sa.Column("event_values", sa.JSON(), nullable=False, server_default="{}"))


def _definitions() -> None:
    op.create_table(
        "events",
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("group_name", sa.String(length=80), nullable=False),
        sa.Column("subgroup", sa.String(length=80), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("idempotency_path", sa.String(length=200), nullable=False),
        sa.Column("dedup_seconds", sa.Integer(), nullable=False),
        sa.Column("cap_count", sa.Integer(), nullable=False),
        sa.Column("cap_seconds", sa.Integer(), nullable=False),
        sa.Column("expires_seconds", sa.Integer(), nullable=False),
        sa.Column("send_window", sa.JSON(), nullable=False),
        sa.Column("created_by", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_by", BIG, nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("slug", name=op.f("uq_events_slug")),
    )
    with op.batch_alter_table("events") as batch_op:
        batch_op.create_index(batch_op.f("ix_events_group_name"), ["group_name"])

    op.create_table(
        "event_deliveries",
        sa.Column("event_id", BIG, nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("subscribed", sa.Boolean(), nullable=False),
        sa.Column("template_id", BIG, nullable=True),
        sa.Column("category", sa.String(length=20), nullable=False),
        sa.Column("delay_seconds", sa.Integer(), nullable=False),
        sa.Column("fallback_of", sa.String(length=10), nullable=False),
        sa.Column("fallback_seconds", sa.Integer(), nullable=False),
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_event_deliveries_event_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_event_deliveries_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_deliveries")),
        sa.UniqueConstraint("event_id", "channel", name=op.f("uq_event_deliveries_event_id_channel")),
    )
    with op.batch_alter_table("event_deliveries") as batch_op:
        batch_op.create_index(batch_op.f("ix_event_deliveries_template_id"), ["template_id"])


def _log() -> None:
    op.create_table(
        "event_receipts",
        sa.Column("event_id", BIG, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("place", sa.String(length=300), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("recipient", sa.JSON(), nullable=False),
        sa.Column("once_key", sa.String(length=64), nullable=True),
        sa.Column("customer_key", sa.String(length=64), nullable=False),
        sa.Column("replay_of_id", BIG, nullable=True),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("api_key_id", BIG, nullable=True),
        sa.Column("created_by", BIG, nullable=True),
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_event_receipts_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_receipts")),
        sa.UniqueConstraint("event_id", "once_key", name=op.f("uq_event_receipts_event_id_once_key")),
    )
    with op.batch_alter_table("event_receipts") as batch_op:
        batch_op.create_index("ix_event_receipts_event_customer", ["event_id", "customer_key", "id"])
        batch_op.create_index("ix_event_receipts_event_id_id", ["event_id", "id"])

    op.create_table(
        "event_sends",
        sa.Column("receipt_id", BIG, nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("template_id", BIG, nullable=False),
        sa.Column("category", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("after_id", BIG, nullable=True),
        sa.Column("after_seconds", sa.Integer(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("job_id", BIG, nullable=True),
        sa.Column("message_id", BIG, nullable=True),
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["event_receipts.id"], name=op.f("fk_event_sends_receipt_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_sends")),
    )
    with op.batch_alter_table("event_sends") as batch_op:
        batch_op.create_index(batch_op.f("ix_event_sends_receipt_id"), ["receipt_id"])
        batch_op.create_index("ix_event_sends_state_due_at", ["state", "due_at"])


def downgrade() -> None:
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.drop_column("event_values")
    for table in ("event_sends", "event_receipts", "event_deliveries", "events"):
        op.drop_table(table)
