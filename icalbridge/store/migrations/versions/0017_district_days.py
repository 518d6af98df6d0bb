"""How far ahead a district's day is answered, what requests take, and how lively schools are.

Windows after the second one begin elsewhere, so what was learned of their weight stays right.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column(
        "api_users", sa.Column("reach_days", sa.Integer(), nullable=False, server_default="7")
    )
    op.add_column("api_users", sa.Column("reach_refused", sa.Integer(), nullable=True))
    op.add_column("api_users", sa.Column("reach_refused_at", sa.BigInteger(), nullable=True))
    for name in ("named_at", "reads_at", "changes_at"):
        op.add_column("properties", sa.Column(name, sa.BigInteger(), nullable=True))
    for name in ("reads", "changes"):
        op.add_column("properties", sa.Column(name, sa.Float(), nullable=False, server_default="0"))
    op.add_column("windows", sa.Column("silent", sa.String(), nullable=False, server_default=""))
    op.add_column("windows", sa.Column("spanned_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "request_costs",
        sa.Column("api_user_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("requests", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("octets", sa.Float(), server_default="0", nullable=False),
        sa.Column("seconds", sa.Float(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["api_user_id"], ["api_users.id"], name="fk_request_costs_api_user_id"
        ),
        sa.PrimaryKeyConstraint("api_user_id", "kind", name="pk_request_costs"),
    )
