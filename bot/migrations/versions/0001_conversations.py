"""Web conversations, and what the engine remembers of any conversation."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _conversation() -> sa.Column[str]:
    return sa.Column(
        "conversation", sa.String(64),
        sa.ForeignKey(
            "chat_conversations.id", ondelete="CASCADE",
        ),
        primary_key=True,
    )


def upgrade() -> None:
    op.create_table(
        "chat_conversations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("active_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_chat_conversations_active_at", "chat_conversations", ["active_at"])
    op.create_table(
        "chat_messages",
        _conversation(),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("turn", sa.String(36)),
        sa.Column("sender", sa.String(8), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("topic", sa.String(64)),
        sa.Column("choices", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_chat_messages_conversation_id", "chat_messages", ["conversation", "id"], unique=True)
    op.create_table(
        "chat_turns",
        _conversation(),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.Column("lease", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "chat_feedback",
        _conversation(),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("helpful", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "tracker_events",
        sa.Column("conversation", sa.String(64), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "tracker_states",
        sa.Column("conversation", sa.String(64), primary_key=True),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "tracker_states", "tracker_events", "chat_feedback", "chat_turns", "chat_messages", "chat_conversations"
    ):
        op.drop_table(table)
