"""keep the history of events

Events that are there begin it with what they are now, as version 1.
"""

import json

import sqlalchemy as sa
from alembic import op

import dashboard.extensions
from dashboard.ids import new_id

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = dashboard.extensions.UtcDateTime(timezone=True)
DELIVERY = ("subscribed", "template_id", "category", "delay_seconds", "fallback_of", "fallback_seconds")
RULES = ("idempotency_path", "dedup_seconds", "cap_count", "cap_seconds", "expires_seconds", "send_window")


def upgrade() -> None:
    versions = op.create_table(
        "event_versions",
        sa.Column("event_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("restored_from", sa.Integer(), nullable=True),
        sa.Column("created_by", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_event_versions_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_versions")),
        sa.UniqueConstraint("event_id", "number", name=op.f("uq_event_versions_event_id_number")),
    )
    reader = op.get_bind()
    deliveries: dict[int, dict[str, dict[str, object]]] = {}
    for row in reader.execute(sa.text("SELECT * FROM event_deliveries")).mappings():
        content = {name: row[name] for name in DELIVERY} | {"subscribed": bool(row["subscribed"])}
        deliveries.setdefault(row["event_id"], {})[row["channel"]] = content
    events = sa.table(
        "events",
        *(sa.column(name) for name in ("id", "name", "slug", "description", "group_name", "subgroup", "updated_by")),
        *(sa.column(name) for name in RULES if name != "send_window"),
        *(sa.column(name, sa.JSON()) for name in ("variables", "conditions", "send_window")),
        sa.column("updated_at", MOMENT),
    )
    rows = []
    for event in reader.execute(sa.select(events)).mappings():
        names = {name: event[name] for name in ("name", "slug", "description", "subgroup")}
        content = {
            "names": names | {"group": event["group_name"]},
            "variables": event["variables"],
            "conditions": event["conditions"],
            "deliveries": deliveries.get(event["id"], {}),
            "rules": {name: event[name] for name in RULES},
        }
        rows.append(
            {
                "id": new_id(),
                "event_id": event["id"],
                "number": 1,
                "content": json.loads(json.dumps(content)),
                "created_by": event["updated_by"],
                "created_at": event["updated_at"],
            }
        )
    if rows:
        op.bulk_insert(versions, rows)


def downgrade() -> None:
    op.drop_table("event_versions")
