"""Whether the vendor takes a booking past midnight as one a day, by API key."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column(
        "api_users",
        sa.Column("splits_nights", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
