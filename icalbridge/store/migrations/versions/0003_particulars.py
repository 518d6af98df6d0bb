"""What shaped feeds need: when an entry ceased to be on, and, in a table apart, what the public
never sees.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("entries", sa.Column("cancelled_at", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE entries SET cancelled_at = withdrawn_at"
        " WHERE status = 'approved' AND timeslot_status = 'active' AND withdrawn_at IS NOT NULL"
    )
    op.create_table(
        "particulars",
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("renter", sa.String(), server_default="", nullable=False),
        sa.Column("email", sa.String(), server_default="", nullable=False),
        sa.Column("attendance", sa.Integer(), nullable=True),
        sa.Column("reservation", sa.String(), server_default="", nullable=False),
        sa.Column("category", sa.String(), server_default="", nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_type", "event_id"],
            ["events.event_type", "events.event_id"],
            name=op.f("fk_particulars_event_type_event_id"),
        ),
        sa.PrimaryKeyConstraint("event_type", "event_id", name=op.f("pk_particulars")),
    )
