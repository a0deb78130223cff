"""The line that staff shows patients: "texts are delayed today"."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text, select

from bot.db import Clock, Database, metadata

LONGEST = 200  # characters

notices = Table(
    "staff_notice", metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
ONLY = 1  # the id of the one row


class StaffNotice:
    """The line as staff set it, the same for every process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def text(self) -> str | None:
        """The line for greetings and missing codes; None where nobody set one, empty to show none."""
        async with self._database.read() as connection:
            found: str | None = await connection.scalar(select(notices.c.text).where(notices.c.id == ONLY))
        return found

    async def set(self, text: str) -> None:
        """Replace the line.

        Raises:
            ValueError: too long, or more than one line.
        """
        text = text.strip()
        if len(text) > LONGEST or not text.isprintable():
            raise ValueError(f"The notice is one line of at most {LONGEST} characters.")
        values = {"text": text, "at": self._clock()}
        async with self._database.write() as connection:
            await connection.execute(
                self._database.insert(notices).values(id=ONLY, **values)
                .on_conflict_do_update(index_elements=["id"], set_=values)
            )
