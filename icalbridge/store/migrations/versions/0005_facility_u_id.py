"""What a write names a facility by; the next catalogue fills it in."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("facilities", sa.Column("u_id", sa.String(), nullable=True))
