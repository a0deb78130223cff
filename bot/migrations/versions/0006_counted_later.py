"""Conversations of which something happened that their episodes do not tell of yet."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SOME = sa.text("due IS NOT NULL")


def upgrade() -> None:
    op.add_column("insight_conversations", sa.Column("due", sa.BigInteger))
    op.create_index(
        "ix_insight_conversations_due", "insight_conversations", ["due"], sqlite_where=SOME, postgresql_where=SOME
    )


def downgrade() -> None:
    op.drop_index("ix_insight_conversations_due", "insight_conversations")
    op.drop_column("insight_conversations", "due")
