"""The staff's line, on both databases."""

from __future__ import annotations

import pytest

from bot.db import Database
from bot.insights.notice import StaffNotice


async def test_notice(database: Database) -> None:
    """The staff's line is kept, replaced, and refused when it is long or has line breaks."""
    notice = StaffNotice(database, lambda: 1)
    assert await notice.text() is None
    await notice.set(" Texts are delayed today. ")
    await notice.set("Texts are fine again.")
    assert await notice.text() == "Texts are fine again."
    for bad in ("x" * 201, "two\nlines"):
        with pytest.raises(ValueError, match="one line"):
            await notice.set(bad)
