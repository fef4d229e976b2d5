"""keep the channel of sandbox mails"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sandbox_mails") as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(length=10), nullable=False, server_default="email"))


def downgrade() -> None:
    with op.batch_alter_table("sandbox_mails") as batch_op:
        batch_op.drop_column("channel")
