"""end the values of single messages"""

import sqlalchemy as sa
from alembic import op

import dashboard.extensions

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = dashboard.extensions.UtcDateTime(timezone=True)
    op.add_column("jobs", sa.Column("values_deleted_at", moment, nullable=True))
    op.create_index("ix_jobs_dataset_version_id", "jobs", ["dataset_version_id"])
    kept, columns = sa.text("values_deleted_at IS NULL"), ["values_deleted_at", "campaign_id", "id"]
    op.create_index("ix_jobs_values_kept", "jobs", columns, sqlite_where=kept, postgresql_where=kept)


def downgrade() -> None:
    op.drop_index("ix_jobs_values_kept", table_name="jobs")
    op.drop_index("ix_jobs_dataset_version_id", table_name="jobs")
    op.drop_column("jobs", "values_deleted_at")
