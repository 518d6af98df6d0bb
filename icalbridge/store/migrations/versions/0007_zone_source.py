"""Where a property's zone comes from. The catalogue is due at once, so that it settles zones before
events do.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column(
        "properties", sa.Column("zone_source", sa.String(), server_default="", nullable=False)
    )
    op.add_column(
        "properties", sa.Column("vendor_zone", sa.String(), server_default="", nullable=False)
    )
    op.execute("UPDATE api_users SET catalogue_due_at = NULL")
