"""keep callbacks of providers and the receipts in them"""

import secrets

import sqlalchemy as sa
from alembic import op

import dashboard.extensions

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = dashboard.extensions.UtcDateTime(timezone=True)


def upgrade() -> None:
    _add_addresses()
    op.create_table(
        "callbacks",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("provider_id", BIG, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("form", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("remote_address", sa.String(length=60), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callbacks")),
    )
    op.create_index("ix_callbacks_provider_id", "callbacks", ["provider_id", "id"])
    new = sa.text("state = 'new'")
    op.create_index("ix_callbacks_new", "callbacks", ["id"], sqlite_where=new, postgresql_where=new)
    op.create_table(
        "receipts",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("provider_id", BIG, nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("message_id", BIG, nullable=True),
        sa.Column("provider_message_id", sa.String(length=200), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=True),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("retry_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("provider_id", "event_id", name=op.f("uq_receipts_provider_id_event_id")),
    )
    op.create_index("ix_receipts_message_id", "receipts", ["message_id"])
    waiting = sa.text("outcome = 'waiting'")
    op.create_index("ix_receipts_waiting", "receipts", ["retry_at"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_table(
        "provider_references",
        sa.Column("provider_id", BIG, autoincrement=False, nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("message_id", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("provider_id", "reference", "message_id", name=op.f("pk_provider_references")),
        sqlite_with_rowid=False,
    )


def _add_addresses() -> None:
    """Every provider that is there gets its own unguessable address before the column becomes unique."""
    with op.batch_alter_table("providers") as batch_op:
        batch_op.add_column(sa.Column("webhook_token", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("webhook_sources", sa.JSON(), nullable=False, server_default="[]"))
    connection = op.get_bind()
    providers = sa.table("providers", sa.column("id", BIG), sa.column("webhook_token", sa.String))
    for identifier in connection.scalars(sa.select(providers.c.id)).all():
        token = secrets.token_urlsafe(32)
        connection.execute(providers.update().where(providers.c.id == identifier).values(webhook_token=token))
    with op.batch_alter_table("providers") as batch_op:
        batch_op.alter_column("webhook_token", existing_type=sa.String(length=64), nullable=False)
        batch_op.create_unique_constraint(batch_op.f("uq_providers_webhook_token"), ["webhook_token"])


def downgrade() -> None:
    op.drop_table("provider_references")
    op.drop_table("receipts")
    op.drop_table("callbacks")
    with op.batch_alter_table("providers") as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_providers_webhook_token"), type_="unique")
        batch_op.drop_column("webhook_sources")
        batch_op.drop_column("webhook_token")
