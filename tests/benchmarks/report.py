"""How fast a report is over a million episodes on SQLite, and what counting one event costs."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.db import Database
from bot.events import TurnAnswered
from bot.insights.figures import By
from bot.insights.model import ESCALATED, Outcome, Reason
from bot.insights.service import Insights
from bot.insights.store import KEYS, SUMS

EPISODES = 1_000_000
DAYS = 730
FIRST = date(2025, 1, 1)
TOPICS = 24
ZONE = ZoneInfo("America/New_York")

FILL = f"""
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {EPISODES})
INSERT INTO insight_episodes
SELECT 'c' || i, 2, CASE WHEN abs(random()) % 5 = 0 THEN 'sms' ELSE 'web' END, i * 1000, i * 1000 + 60000,
       date('{FIRST}', '+' || (i % {DAYS}) || ' days'), 'topic_' || (abs(random()) % {TOPICS}),
       (SELECT name FROM outcome WHERE number = (i * 2654435761 >> 12) % {len(Outcome)}), '', 1 + i % 3, i % 4 = 0, 0,
       i % 6 = 0, i % 30 = 1
FROM n
"""


def _fill(path: Path) -> None:
    escalated = ", ".join(f"'{outcome}'" for outcome in ESCALATED)
    sums = ", ".join(f"SUM({name})" for name in SUMS)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TEMP TABLE outcome (number INTEGER PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO outcome VALUES (?, ?)", enumerate(outcome.value for outcome in Outcome))
        connection.execute(FILL)
        connection.execute(f"UPDATE insight_episodes SET reason = '{Reason.ASKED}' WHERE outcome IN ({escalated})")
        connection.execute(
            f"INSERT INTO insight_days SELECT {', '.join(KEYS)}, COUNT(*), {sums} FROM insight_episodes "
            f"GROUP BY {', '.join(KEYS)}"
        )
    connection.close()


async def _measure(database: Database) -> list[tuple[str, str]]:
    insights = Insights(database, lambda: EPISODES * 1000, zone=ZONE)  # the last half an hour of them is running
    rows = []
    for name, days, by in (("30 days by week", 30, By.WEEK), ("all 730 days by month", DAYS, By.MONTH)):
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            report = await insights.report(FIRST, FIRST + timedelta(days=days - 1), by)
            seconds.append(time.perf_counter() - began)
        shown = f"{statistics.median(seconds):.2f} s (slowest of 3: {max(seconds):.2f} s; target < 2 s)"
        rows.append((f"report over {report.total.episodes:,} of {EPISODES:,} episodes, {name}", shown))
    began, count = time.perf_counter(), 300
    for number in range(count):
        await insights.record(TurnAnswered(
            f"new{number % 100}", "web", 2 + 2 * (number // 100), 10**12 + number * 1000, "ask_landline", (), "answer",
            "answer", 0.9, False, False, False, False, 0.01,
        ))
    rows.append(("counting one answered message", f"{1000 * (time.perf_counter() - began) / count:.1f} ms"))
    return rows


def run() -> list[tuple[str, str]]:
    """Rows of what was measured and how much it was."""
    with tempfile.TemporaryDirectory(prefix="twostep-report-") as folder:
        path = Path(folder) / "report.sqlite3"
        database = Database(f"sqlite+aiosqlite:///{path}")
        database.migrate()
        _fill(path)

        async def measure() -> list[tuple[str, str]]:
            try:
                return await _measure(database)
            finally:
                await database.close()

        return asyncio.run(measure())


if __name__ == "__main__":
    for what, measured in run():
        print(f"{what}: {measured}")
