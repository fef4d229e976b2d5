"""limit providers a minute, a day and a domain, and campaigns a minute"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('providers') as batch:
        batch.add_column(sa.Column('rate_per_minute', sa.Double(), nullable=False, server_default='0'))
        batch.add_column(sa.Column('rate_per_day', sa.Double(), nullable=False, server_default='0'))
        batch.add_column(sa.Column('domain_rates', sa.JSON(), nullable=False, server_default='{}'))
    for table in ('campaigns', 'jobs'):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column('rate_per_minute', sa.Double(), nullable=False, server_default='0'))


def downgrade() -> None:
    for table in ('campaigns', 'jobs'):
        with op.batch_alter_table(table) as batch:
            batch.drop_column('rate_per_minute')
    with op.batch_alter_table('providers') as batch:
        batch.drop_column('domain_rates')
        batch.drop_column('rate_per_day')
        batch.drop_column('rate_per_minute')
