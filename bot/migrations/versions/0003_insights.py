"""Episodes, their daily counts, the unanswered queue, work on contact requests, the staff's notice line."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "insight_conversations",
        sa.Column("conversation", sa.String(128), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "insight_events",
        sa.Column("conversation", sa.String(128), primary_key=True),
        sa.Column("key", sa.String(160), primary_key=True),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("challenge", sa.String(64)),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("ix_insight_events_challenge", "insight_events", ["challenge"])
    op.create_table(
        "insight_sign_ins",
        sa.Column("challenge", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_insight_sign_ins_at", "insight_sign_ins", ["at"])
    op.create_table(
        "insight_episodes",
        sa.Column("conversation", sa.String(128), primary_key=True),
        sa.Column("first_seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(24)),
        sa.Column("reason", sa.String(24), nullable=False),
        sa.Column("messages", sa.Integer, nullable=False),
        sa.Column("fallbacks", sa.Integer, nullable=False),
        sa.Column("failed_actions", sa.Integer, nullable=False),
        sa.Column("up", sa.Integer, nullable=False),
        sa.Column("down", sa.Integer, nullable=False),
    )
    op.create_index("ix_insight_episodes_began_at", "insight_episodes", ["began_at"])
    op.create_index("ix_insight_episodes_last_at", "insight_episodes", ["last_at"])
    op.create_table(
        "insight_days",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("channel", sa.String(16), primary_key=True),
        sa.Column("topic", sa.String(64), primary_key=True),
        sa.Column("outcome", sa.String(24), primary_key=True),
        sa.Column("reason", sa.String(24), primary_key=True),
        sa.Column("episodes", sa.BigInteger, nullable=False),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sa.Column("fallbacks", sa.BigInteger, nullable=False),
        sa.Column("failed_actions", sa.BigInteger, nullable=False),
        sa.Column("up", sa.BigInteger, nullable=False),
        sa.Column("down", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "insight_questions",
        sa.Column("conversation", sa.String(128), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("why", sa.String(16), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("intent", sa.String(64), nullable=False),
    )
    op.create_index("ix_insight_questions_state_at", "insight_questions", ["state", "at"])
    op.create_table(
        "contact_work",
        sa.Column("reference", sa.String(16), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sealed_note", sa.LargeBinary),
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "staff_notice",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "staff_notice", "contact_work", "insight_questions", "insight_days", "insight_episodes", "insight_sign_ins",
        "insight_events", "insight_conversations",
    ):
        op.drop_table(table)
