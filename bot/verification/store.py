"""Challenges, codes, handoffs and each account's second factor in the database.

Whoever reads, judges and writes for an account first locks its factor row (`lock_factor`), so that parallel requests
of one account follow one another; guesses and codes are spent by conditional UPDATEs besides. Codes and tokens are
kept as digests only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db import Database, metadata
from bot.privacy import Keys
from bot.verification.model import Channel, Origin, Purpose

factors = Table(
    "factors", metadata,
    Column("account", String(32), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("wait_until", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
)
challenges = Table(
    "challenges", metadata,
    Column("id", String(32), primary_key=True),
    Column("account", String(32), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("holder", LargeBinary, nullable=False, index=True),  # digest of the pre-auth or session token
    Column("state", String(8), nullable=False),  # open, passed
    Column("pending_channel", String(8)),
    Column("pending", LargeBinary),  # the new contact point that a code must confirm
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Index("ix_challenges_account_created_at", "account", "created_at"),
)
codes = Table(
    "codes", metadata,
    Column("id", Integer, primary_key=True),
    Column("challenge", String(32), ForeignKey("challenges.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("account", String(32), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("origin", String(8), nullable=False),
    Column("destination", String(32), nullable=False),  # keyed pseudonym
    Column("digest", LargeBinary, nullable=False),
    Column("reference", String(4), nullable=False),
    Column("state", String(12), nullable=False),  # live, used, superseded, exposed
    Column("tries", Integer, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("ix_codes_account_issued_at", "account", "issued_at"),
    Index("ix_codes_destination_issued_at", "destination", "issued_at"),
    Index(
        "uq_codes_live", "account", "purpose", unique=True,
        sqlite_where=text("state = 'live'"), postgresql_where=text("state = 'live'"),
    ),
)
handoffs = Table(
    "handoffs", metadata,
    Column("id", Integer, primary_key=True),
    Column("challenge", String(32), ForeignKey("challenges.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("digest", LargeBinary, unique=True),  # gone once bound
    Column("state", String(8), nullable=False),  # new, bound, dead
    Column("conversation", String(128), index=True),
    Column("expires_at", BigInteger, nullable=False),
)
sent_per_day = Table(
    "sent_per_day", metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("sends", Integer, nullable=False),
)
replies = Table(
    "idempotent_replies", metadata,
    Column("scope", String(160), primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("request", LargeBinary, nullable=False),
    Column("reply", Text, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)
PENDING = "challenges.pending"
DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Factor:
    """An account's second factor: wrong codes since the last success, when the next guess is heard, locked or not."""

    account: str
    failures: int
    wait_until: int
    disabled: bool


@dataclass(frozen=True, slots=True)
class Challenge:
    """A sign-in that waits for a code, or a contact point that does. `holder` is the digest of the browser's token."""

    id: str
    account: str
    purpose: Purpose
    holder: bytes
    state: str
    created_at: int
    expires_at: int
    pending_channel: Channel | None = None
    pending: str | None = None

    def is_open(self, now: int) -> bool:
        """True while a code can still pass it."""
        return self.state == "open" and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was sent; `digest` binds it to challenge, account, channel and purpose."""

    id: int
    challenge: str
    channel: Channel
    digest: bytes
    reference: str
    state: str
    issued_at: int


class VerificationStore:
    """Every method works in the caller's transaction."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys

    # the second factor

    async def lock_factor(self, connection: AsyncConnection, account: str) -> Factor:
        """The account's factor, locked until the transaction ends."""
        await connection.execute(self._database.insert(factors).on_conflict_do_nothing().values(
            account=account, failures=0, wait_until=0, disabled=False
        ))
        row = (await connection.execute(
            select(factors).where(factors.c.account == account).with_for_update()
        )).one()
        return Factor(row.account, row.failures, row.wait_until, row.disabled)

    async def factor(self, connection: AsyncConnection, account: str) -> Factor:
        """The account's factor as it is now, for telling, not for deciding."""
        row = (await connection.execute(select(factors).where(factors.c.account == account))).first()
        return Factor(account, row.failures, row.wait_until, row.disabled) if row else Factor(account, 0, 0, False)

    async def claim_guess(
        self, connection: AsyncConnection, seen: Factor, now: int, *, wait_until: int, disabled: bool
    ) -> bool:
        """Count a guess before it is judged. False when another one was counted since `seen`, or none is heard now."""
        result = await connection.execute(
            update(factors).where(
                factors.c.account == seen.account, factors.c.failures == seen.failures,
                factors.c.disabled.is_(False), factors.c.wait_until <= now,
            ).values(failures=seen.failures + 1, wait_until=wait_until, disabled=disabled)
        )
        return bool(result.rowcount)

    async def clear_factor(self, connection: AsyncConnection, account: str) -> None:
        """A success, or support: nothing is held against the account any more."""
        await connection.execute(
            update(factors).where(factors.c.account == account).values(failures=0, wait_until=0, disabled=False)
        )

    # challenges

    async def add_challenge(self, connection: AsyncConnection, challenge: Challenge) -> None:
        """Insert."""
        pending = self._keys.seal(PENDING, challenge.pending) if challenge.pending else None
        await connection.execute(challenges.insert().values(
            id=challenge.id, account=challenge.account, purpose=challenge.purpose, holder=challenge.holder,
            state=challenge.state, pending_channel=challenge.pending_channel, pending=pending,
            created_at=challenge.created_at, expires_at=challenge.expires_at,
        ))

    async def challenge(self, connection: AsyncConnection, challenge: str) -> Challenge | None:
        """The challenge with this id."""
        return self._one((await connection.execute(select(challenges).where(challenges.c.id == challenge))).first())

    async def drop_challenge(self, connection: AsyncConnection, challenge: str) -> None:
        """Delete a challenge that never had a code."""
        await connection.execute(delete(challenges).where(challenges.c.id == challenge))

    async def held_by(self, connection: AsyncConnection, holder: bytes, purpose: Purpose) -> Challenge | None:
        """The newest challenge of a browser."""
        return self._one((await connection.execute(
            select(challenges).where(challenges.c.holder == holder, challenges.c.purpose == purpose)
            .order_by(challenges.c.created_at.desc(), challenges.c.id).limit(1)
        )).first())

    async def newest_open(self, connection: AsyncConnection, account: str, now: int) -> Challenge | None:
        """The newest sign-in of an account that still waits."""
        return self._one((await connection.execute(
            select(challenges).where(
                challenges.c.account == account, challenges.c.purpose == Purpose.SIGN_IN,
                challenges.c.state == "open", challenges.c.expires_at > now,
            ).order_by(challenges.c.created_at.desc(), challenges.c.id).limit(1)
        )).first())

    async def open_change(self, connection: AsyncConnection, holder: bytes, now: int) -> Challenge | None:
        """The newest change of a contact point that waits for its code, of one session."""
        return self._one((await connection.execute(
            select(challenges).where(
                challenges.c.holder == holder, challenges.c.purpose == Purpose.CONTACT_POINT,
                challenges.c.state == "open", challenges.c.expires_at > now,
            ).order_by(challenges.c.created_at.desc(), challenges.c.id).limit(1)
        )).first())

    async def pass_challenge(self, connection: AsyncConnection, challenge: str, now: int) -> bool:
        """Close it as passed, once; its handoffs die with it, and a contact point that waited stands elsewhere now."""
        result = await connection.execute(
            update(challenges).where(
                challenges.c.id == challenge, challenges.c.state == "open", challenges.c.expires_at > now
            ).values(state="passed", pending=None)
        )
        await connection.execute(
            update(handoffs).where(handoffs.c.challenge == challenge).values(state="dead", digest=None)
        )
        return bool(result.rowcount)

    # codes

    async def supersede(self, connection: AsyncConnection, account: str, purpose: Purpose) -> None:
        """Make the account's live code of this purpose useless."""
        await connection.execute(
            update(codes).where(codes.c.account == account, codes.c.purpose == purpose, codes.c.state == "live")
            .values(state="superseded")
        )

    async def add_code(
        self, connection: AsyncConnection, challenge: Challenge, *, channel: Channel, origin: Origin, destination: str,
        digest: bytes, reference: str, now: int, expires_at: int,
    ) -> None:
        """Insert a live code."""
        await connection.execute(codes.insert().values(
            challenge=challenge.id, account=challenge.account, purpose=challenge.purpose, channel=channel,
            origin=origin, destination=self._keys.pseudonym(channel, destination), digest=digest, reference=reference,
            state="live", tries=0, issued_at=now, expires_at=expires_at,
        ))

    async def last_code(self, connection: AsyncConnection, challenge: str) -> Code | None:
        """The newest code of a challenge, whatever became of it."""
        row = (await connection.execute(
            select(codes).where(codes.c.challenge == challenge).order_by(codes.c.id.desc()).limit(1)
        )).first()
        return _code(row) if row else None

    async def claim_try(self, connection: AsyncConnection, code: int, most: int, now: int) -> bool:
        """Count a try on a code before it is compared; False when it is not good for one more."""
        result = await connection.execute(
            update(codes).where(
                codes.c.id == code, codes.c.state == "live", codes.c.tries < most, codes.c.expires_at > now
            ).values(tries=codes.c.tries + 1)
        )
        return bool(result.rowcount)

    async def end_code(self, connection: AsyncConnection, code: int, state: str) -> bool:
        """Spend a live code (`used`) or kill it (`exposed`), once."""
        result = await connection.execute(
            update(codes).where(codes.c.id == code, codes.c.state == "live").values(state=state)
        )
        return bool(result.rowcount)

    async def live_codes(self, connection: AsyncConnection, now: int) -> list[tuple[Code, str, str]]:
        """Every live code with its account and purpose."""
        rows = await connection.execute(select(codes).where(codes.c.state == "live", codes.c.expires_at > now))
        return [(_code(row), row.account, row.purpose) for row in rows]

    # housekeeping

    async def prune(self, connection: AsyncConnection, before: int) -> None:
        """Delete what ended before this time; a day's sends are always kept."""
        await connection.execute(delete(codes).where(codes.c.issued_at < before))
        await connection.execute(delete(handoffs).where(handoffs.c.expires_at < before, handoffs.c.state != "bound"))
        await connection.execute(delete(challenges).where(challenges.c.expires_at < before))
        await connection.execute(delete(replies).where(replies.c.at < before))
        await connection.execute(delete(sent_per_day).where(sent_per_day.c.day < before // DAY))

    def _one(self, row: Any) -> Challenge | None:
        if row is None:
            return None
        return Challenge(
            row.id, row.account, Purpose(row.purpose), row.holder, row.state, row.created_at, row.expires_at,
            Channel(row.pending_channel) if row.pending_channel else None,
            self._keys.open(PENDING, row.pending) if row.pending else None,
        )


def _code(row: Any) -> Code:
    return Code(row.id, row.challenge, Channel(row.channel), row.digest, row.reference, row.state, row.issued_at)
