"""let campaigns wait for their hours"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('campaigns') as batch:
        batch.add_column(sa.Column('send_window', sa.JSON(), nullable=False, server_default='{}'))
    with op.batch_alter_table('jobs') as batch:
        batch.add_column(sa.Column('send_window', sa.JSON(), nullable=False, server_default='{}'))
        batch.add_column(sa.Column('not_before', sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column('waiting_for', sa.String(length=10), nullable=False, server_default=''))


def downgrade() -> None:
    with op.batch_alter_table('jobs') as batch:
        batch.drop_column('waiting_for')
        batch.drop_column('not_before')
        batch.drop_column('send_window')
    with op.batch_alter_table('campaigns') as batch:
        batch.drop_column('send_window')
