"""What an answer that was not believed lacked; the last mass withdrawal of a window; since when a
property left.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("windows", sa.Column("missing", sa.String(), server_default="", nullable=False))
    for name in ("withdrawn_at", "withdrawn_from", "withdrawn_until"):
        op.add_column("windows", sa.Column(name, sa.BigInteger(), nullable=True))
    for name in ("withdrawn", "withdrawn_of"):
        op.add_column("windows", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.add_column("api_users", sa.Column("doubted_at", sa.BigInteger(), nullable=True))
    op.add_column("api_users", sa.Column("missing", sa.String(), server_default="", nullable=False))
    op.add_column("properties", sa.Column("unlisted_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE properties SET unlisted_at = changed_at WHERE NOT listed")
