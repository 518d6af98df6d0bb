"""What the planner needs: windows due by their tier, how much of a window the vendor answers, who
reads what.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("windows") as table:
        table.alter_column("due_at", existing_type=sa.BigInteger(), nullable=True)
        table.add_column(sa.Column("covered_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("reach_days", sa.Integer(), server_default="31", nullable=False))
        table.add_column(
            sa.Column("reach_steady", sa.Integer(), server_default="0", nullable=False)
        )
        table.add_column(
            sa.Column("reach_patience", sa.Integer(), server_default="4", nullable=False)
        )
    op.add_column("properties", sa.Column("read_at", sa.BigInteger(), nullable=True))
    op.add_column("api_users", sa.Column("stretch", sa.Float(), server_default="1", nullable=False))
    op.add_column("api_users", sa.Column("error", sa.String(), server_default="", nullable=False))
    op.add_column("api_users", sa.Column("error_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "api_users", sa.Column("quota_per_day", sa.Integer(), server_default="0", nullable=False)
    )
