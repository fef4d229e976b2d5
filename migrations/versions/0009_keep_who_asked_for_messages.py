"""keep which key asked for a job, and the caller's references of messages"""

import sqlalchemy as sa
from alembic import op

from dashboard.extensions import BigId, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_jobs",
        sa.Column("job_id", BigId, autoincrement=False, nullable=False),
        sa.Column("send_id", BigId, nullable=False),
        sa.Column("api_key_id", BigId, nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("send_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_api_jobs_job_id")),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("fk_api_jobs_api_key_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_api_jobs")),
    )
    op.create_table(
        "message_references",
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("message_id", BigId, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("reference", "message_id", name=op.f("pk_message_references")),
    )
    op.create_index("ix_api_jobs_send_id", "api_jobs", ["send_id"])
    op.create_index("ix_api_jobs_api_key_id", "api_jobs", ["api_key_id"])
    op.create_index("ix_api_jobs_reference", "api_jobs", ["reference"])
    op.create_index("ix_message_references_message_id", "message_references", ["message_id"])
    op.create_index("ix_jobs_first_message_id", "jobs", ["first_message_id"])


def downgrade() -> None:
    op.drop_index("ix_jobs_first_message_id", "jobs")
    op.drop_table("message_references")
    op.drop_table("api_jobs")
