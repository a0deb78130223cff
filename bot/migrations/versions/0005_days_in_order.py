"""SQLite: the days' counts lie in the order in which a report reads them. PostgreSQL adds up in any order."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEYS = {"day": 10, "channel": 16, "topic": 64, "outcome": 24, "reason": 24}
SUMS = ("episodes", "messages", "fallbacks", "failed_actions", "up", "down")


def upgrade() -> None:
    _make_again("day", "outcome", "reason", "channel", "topic", with_rowid=False)


def downgrade() -> None:
    _make_again(*KEYS, with_rowid=True)


def _make_again(*order: str, with_rowid: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.rename_table("insight_days", "insight_days_before")
    op.create_table(
        "insight_days",
        *(sa.Column(name, sa.String(size), nullable=False) for name, size in KEYS.items()),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in SUMS),
        sa.PrimaryKeyConstraint(*order),
        sqlite_with_rowid=with_rowid,
    )
    names = ", ".join((*KEYS, *SUMS))
    op.execute(f"INSERT INTO insight_days ({names}) SELECT {names} FROM insight_days_before")
    op.drop_table("insight_days_before")
