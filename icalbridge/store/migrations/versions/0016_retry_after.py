"""Before when the vendor wants no request of a key, as its `Retry-After` says."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column(
        "api_users", sa.Column("pause_end", sa.Float(), nullable=False, server_default="0")
    )
