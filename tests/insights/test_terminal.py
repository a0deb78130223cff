"""`twostep report` and the like, as an operator types them, over the recorded conversations."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
from typer.testing import CliRunner, Result

from bot.db import Database
from bot.insights.service import Insights
from bot.insights.terminal import add_insights_commands
from tests.insights.test_recorded import counted, recording

NEW_YORK = ZoneInfo("America/New_York")
DAYS = ("--since", "2027-01-01", "--until", "2027-02-28")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> str:
    """The address of a database with everything that was recorded."""
    file = tmp_path_factory.mktemp("report") / "report.sqlite3"
    shutil.copy(sqlite_template, file)

    async def fill() -> None:
        database = Database(f"sqlite+aiosqlite:///{file}")
        insights = Insights(database, lambda: 0, zone=NEW_YORK)
        for events in recording():
            for event in events:
                await insights.record(event)
        await database.close()

    asyncio.run(fill())
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture
def twostep(filled: str) -> Any:
    """`twostep("report", ...)`: the command's result."""

    @asynccontextmanager
    async def open_insights() -> AsyncIterator[Insights]:
        database = Database(filled)
        names = {"ask_landline": "Using a landline"}
        yield Insights(database, lambda: 1_803_000_000_000, zone=NEW_YORK, names=names)
        await database.close()

    app = typer.Typer()
    nothing: Any = None
    add_insights_commands(app, open_insights, nothing, lambda who: [who], lambda: NEW_YORK)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, words)

    return run


def judged() -> list[dict[str, str]]:
    return [line for line in counted() if line["outcome"]]


def test_report_as_text(twostep: Any) -> None:
    """The figures with a bar beside each share, deflection always with its two parts."""
    result = twostep("report", *DAYS)
    assert result.exit_code == 0
    assert "Support deflection, 2027-01-01 to 2027-02-28" in result.output
    lines = result.output.splitlines()
    [episodes] = [line for line in lines if line.startswith("Episodes")]
    assert episodes.split()[1] == str(len(judged()))
    shares = [line for line in lines if line.startswith(("Deflection", "– confirmed", "– assumed"))]
    assert len(shares) == 3
    assert all("█" in line and "%" in line for line in shares)
    for table in ("By week", "Escalations by reason", "By channel", "By topic"):
        assert any(line.startswith(table) for line in lines), table
    assert "Using a landline" in result.output


def test_report_as_json(twostep: Any) -> None:
    """Counts and rates for programs, equal to the hand-counted table; small counts are "<5", and those that would
    tell the only small one are left out."""
    found = json.loads(twostep("report", *DAYS, "--format", "json", "--by", "month").output)
    assert (found["since"], found["until"], found["by"]) == ("2027-01-01", "2027-02-28", "month")
    assert [row["period"] for row in found["periods"]] == ["2027-01", "2027-02"]
    counts = found["total"]["outcomes"]
    assert list(counts.values()).count("<5") == 1
    assert None in counts.values()
    for outcome, count in counts.items():
        hand = sum(line["outcome"] == outcome for line in judged())
        assert count in ("<5" if 0 < hand < 5 else hand, None), outcome
    assert {row["channel"] for row in found["channels"]} == {"web", "sms"}


def test_report_as_csv(twostep: Any) -> None:
    """One file with all tables: table, row, figure, value."""
    rows = list(csv.reader(io.StringIO(twostep("report", *DAYS, "--format", "csv", "--by", "day").output)))
    assert rows[0] == ["table", "row", "figure", "value"]
    assert {row[0] for row in rows[1:]} == {"summary", "periods", "reasons", "channels", "topics"}
    values = {tuple(row[:3]): row[3] for row in rows[1:]}
    assert values["summary", "Episodes", "Value"] == str(len(judged()))
    assert len({row[1] for row in rows if row[0] == "periods"}) == 31 + 28
    assert not any(value in ("1", "2", "3", "4") for value in values.values())


def test_report_of_days_without_anything(twostep: Any) -> None:
    """Days in which nothing happened give zeros and no rate."""
    found = json.loads(twostep("report", "--since", "2026-01-01", "--until", "2026-01-02", "--format", "json").output)
    assert found["total"]["episodes"] == 0
    assert found["total"]["deflection"] == {"total": None, "confirmed": None, "assumed": None}


def test_the_last_days_of_the_calendar(twostep: Any) -> None:
    """The end of what can be counted is a report as any other."""
    result = twostep("report", "--since", "9999-12-31", "--until", "9999-12-31", "--by", "day", "--format", "json")
    assert [row["period"] for row in json.loads(result.output)["periods"]] == ["9999-12-31"]


@pytest.mark.parametrize(("words", "why"), [
    (("--since", "yesterday"), "write days like 2026-11-24"),
    (("--since", "2027-02-02", "--until", "2027-02-01"), "is after the last"),
    (("--since", "1900-01-01"), "at most 40 years"), (("--until", "0001-01-05"), "write days like 2026-11-24"),
])
def test_days_that_make_no_sense(twostep: Any, words: tuple[str, ...], why: str) -> None:
    """A mistake is one line that says what to write, and exit status 1."""
    result = twostep("report", *words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert why in result.stderr
