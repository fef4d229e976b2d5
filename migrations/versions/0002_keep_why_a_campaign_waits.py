"""keep in words why a campaign waits for a person"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('campaigns') as batch:
        batch.add_column(sa.Column('problem', sa.Text(), nullable=False, server_default=''))


def downgrade() -> None:
    with op.batch_alter_table('campaigns') as batch:
        batch.drop_column('problem')
