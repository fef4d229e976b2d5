"""cut the ledger into months

On PostgreSQL the tables become partitioned by the month of their ids; what is there becomes the first part without
being copied. On both databases UNIQUE (job_id, record_no) goes: the id is the job's first one + record_no.
"""

from datetime import UTC, datetime
from itertools import pairwise

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INDEXES = {
    "messages": {
        "ix_messages_campaign_id": "(campaign_id)",
        "ix_messages_recipient_id": "(recipient text_pattern_ops, id)",
        "ix_messages_state_id": "(state, id)",
        "ix_messages_template_id": "(template_id, id)",
    },
    "message_events": {"ix_message_events_message_id": "(message_id, id)"},
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        with op.batch_alter_table("messages") as batch_op:
            batch_op.drop_constraint("uq_messages_job_id_record_no", type_="unique")
        return
    op.execute("ALTER TABLE messages DROP CONSTRAINT uq_messages_job_id_record_no")
    for table in INDEXES:
        cut(table)


def cut(table: str) -> None:
    """Every name of the old table goes over to the partitioned one, whose indexes take the old ones in."""
    newest = op.get_bind().scalar(sa.text(f"SELECT max(id) FROM {table}"))
    latest = max(datetime.now(UTC), datetime.fromtimestamp(((newest or 0) >> 20) / 1000, tz=UTC))
    coming = [month_after(latest, count) for count in range(1, 5)]
    part = f"{table}_until_{coming[0]:%Y_%m}"
    for index in (f"pk_{table}", *INDEXES[table]):
        op.execute(f"ALTER INDEX {index} RENAME TO {index}_until")
    op.execute(f"ALTER TABLE {table} RENAME TO {part}")
    op.execute(f"CREATE TABLE {table} (LIKE {part}) PARTITION BY RANGE (id)")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY (id)")
    for index, columns in INDEXES[table].items():
        op.execute(f"CREATE INDEX {index} ON {table} {columns}")
    op.execute(f"ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM (MINVALUE) TO ({first_id(coming[0])})")
    for month, following in pairwise(coming):
        values = f"FROM ({first_id(month)}) TO ({first_id(following)})"
        op.execute(f"CREATE TABLE {table}_{month:%Y_%m} PARTITION OF {table} FOR VALUES {values}")


def month_after(moment: datetime, count: int) -> datetime:
    months = moment.year * 12 + moment.month - 1 + count
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def first_id(moment: datetime) -> int:
    return int(moment.timestamp() * 1000) << 20


def downgrade() -> None:
    raise NotImplementedError("The months of the ledger are not put together again.")
