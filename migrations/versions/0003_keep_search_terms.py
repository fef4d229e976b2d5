"""keep search terms under a token"""

import sqlalchemy as sa
from alembic import op

import dashboard.extensions

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_terms",
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("used_at", dashboard.extensions.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_search_terms")),
    )
    with op.batch_alter_table("search_terms") as batch_op:
        batch_op.create_index(batch_op.f("ix_search_terms_used_at"), ["used_at"], unique=False)


def downgrade() -> None:
    op.drop_table("search_terms")
