"""Texts: which were answered, which senders know us."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sms_texts",
        sa.Column("sid", sa.String(32), primary_key=True),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("reply", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_sms_texts_conversation", "sms_texts", ["conversation"])
    op.create_index("ix_sms_texts_at", "sms_texts", ["at"])
    op.create_table(
        "sms_senders",
        sa.Column("conversation", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_sms_senders_at", "sms_senders", ["at"])


def downgrade() -> None:
    op.drop_table("sms_senders")
    op.drop_table("sms_texts")
