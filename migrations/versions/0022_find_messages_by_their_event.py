"""find messages by their event

Only the messages of events stand in the new indexes. What the log of events still knows is filled in.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EVENT = (
    "(SELECT event_receipts.event_id FROM event_sends JOIN event_receipts ON event_receipts.id = event_sends.receipt_id"
    " WHERE {match} LIMIT 1)"
)


def upgrade() -> None:
    for table in ("jobs", "messages"):
        op.add_column(table, sa.Column("event_id", BIG, nullable=True))
    of_message = _EVENT.format(match="event_sends.message_id = messages.id")
    op.execute(
        f"UPDATE messages SET event_id = {of_message}"
        " WHERE id IN (SELECT message_id FROM event_sends WHERE message_id IS NOT NULL)"
    )
    of_job = _EVENT.format(match="event_sends.message_id = jobs.first_message_id")
    op.execute(
        f"UPDATE jobs SET event_id = {of_job}"
        " WHERE id IN (SELECT job_id FROM event_sends WHERE job_id IS NOT NULL)"
    )
    only = sa.text("event_id IS NOT NULL")
    for table in ("jobs", "messages"):
        op.create_index(f"ix_{table}_event_id", table, ["event_id", "id"], sqlite_where=only, postgresql_where=only)


def downgrade() -> None:
    for table in ("messages", "jobs"):
        op.drop_index(f"ix_{table}_event_id", table_name=table)
        op.drop_column(table, "event_id")
