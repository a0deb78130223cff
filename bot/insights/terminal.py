"""`twostep report`, `twostep forget` and `twostep demo-traffic`."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer

from bot.insights.figures import By, Report
from bot.insights.tables import Rate, Table, as_json, tables

if TYPE_CHECKING:
    from bot.db import Clock
    from bot.insights.service import Insights
    from bot.insights.traffic import Lines

OpenInsights = Callable[[], AbstractAsyncContextManager["Insights"]]
OpenTalk = Callable[["Clock"], AbstractAsyncContextManager["Lines"]]
ConversationsOf = Callable[[str], list[str]]
"""The conversations that an argument means: an id's own, or a phone number's. ValueError: it is neither."""

WIDTH = 30  # characters of the longest bar
BLOCKS = " ▏▎▍▌▋▊▉█"


class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


def add_insights_commands(
    app: typer.Typer, open_insights: OpenInsights, open_talk: OpenTalk, conversations_of: ConversationsOf,
    zone: Callable[[], ZoneInfo],
) -> None:
    """Add the commands.

    Args:
        open_insights: opens the database for one command and closes it after it.
        open_talk: the same with the assistant, which tells the time by the clock that it is given.
    """

    @app.command()
    def report(
        since: Annotated[str, typer.Option(help="First day, such as 2026-11-01; without, 30 days.")] = "",
        until: Annotated[str, typer.Option(help="Last day; today without.")] = "",
        by: Annotated[By, typer.Option(help="Length of a row in the time table.")] = By.WEEK,
        format: Annotated[Format, typer.Option(help="How it is written.")] = Format.TEXT,
    ) -> None:
        """Tell what the assistant saved, and what it could not answer."""
        asyncio.run(_report(open_insights, since, until, by, format))

    @app.command()
    def forget(
        who: Annotated[str, typer.Argument(metavar="CONVERSATION|PHONE", help="A conversation's id, or a number.")],
    ) -> None:
        """Erase one conversation, or those of a phone number. Counts stay, of nobody."""
        try:
            wanted = conversations_of(who)
        except ValueError as error:
            _fail(str(error))
        asyncio.run(_forget(open_insights, wanted))

    @app.command("demo-traffic")
    def demo_traffic(
        days: Annotated[int, typer.Option(min=1, max=30, help="How many days back.")] = 30,
        a_day: Annotated[int, typer.Option(min=1, max=200, help="Conversations on a working day.")] = 14,
        seed: Annotated[int, typer.Option(help="Other numbers give other conversations.")] = 1,
    ) -> None:
        """Fill the demo's console with believable conversations, held with the real assistant."""
        asyncio.run(_traffic(open_talk, zone(), days, a_day, seed))


async def _report(open_insights: OpenInsights, since: str, until: str, by: By, format: Format) -> None:
    async with open_insights() as insights:
        try:
            last = date.fromisoformat(until) if until else insights.today()
            first = date.fromisoformat(since) if since else last - timedelta(days=29)
        except (ValueError, OverflowError):  # no day, or 29 days before the first of all
            _fail("write days like 2026-11-24")
        if first > last:
            _fail(f"the first day, {first}, is after the last, {last}")
        if (last - first).days > 40 * 366:
            _fail("at most 40 years at once")
        found = await insights.report(first, last, by)
    match format:
        case Format.JSON:
            print(json.dumps(as_json(found), indent=2, ensure_ascii=False))
        case Format.CSV:
            _print_csv(found)
        case Format.TEXT:
            for line in as_text(found):
                print(line)


def _print_csv(report: Report) -> None:
    """One file of all tables: table, row, column, value."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("table", "row", "figure", "value"))
    for table in tables(report):
        columns = table.columns[1:2] if table.name == "summary" else table.columns[1:]
        for row in table.rows:
            for column, value in zip(columns, row[1:], strict=False):
                plain = ("" if value.value is None else f"{value.value:.4f}") if isinstance(value, Rate) else value
                writer.writerow((table.name, str(row[0]).removeprefix("– "), column, plain))


def as_text(report: Report) -> list[str]:
    """The report for a terminal, with a bar beside each share."""
    lines = [f"Support deflection, {report.since} to {report.until}", ""]
    for table in tables(report):
        match table.name:
            case "summary":
                lines += _summary(table)
            case "reasons":
                lines += _bars(table, 1, "Share of escalations")
            case _:
                lines += _bars(table, 1, "Deflection")
        lines.append("")
    lines.append("Fewer than 5 episodes are shown as <5; – is what would tell one of them. Hours saved is an estimate.")
    if report.running:
        lines.append("Some episodes of the last 30 minutes are still running and may change.")
    return lines


def _summary(table: Table) -> list[str]:
    return [f"{row[0]!s:<24} {row[1]!s:>8}  {_bar(row[1])} {row[2]}" for row in table.rows]


def _bars(table: Table, count: int, rate: str) -> list[str]:
    column = table.columns.index(rate)
    width = max((len(str(row[0])) for row in table.rows), default=0)
    lines = [f"{table.title} ({table.columns[count].lower()}, {rate.lower()})"]
    for row in table.rows:
        lines.append(f"  {row[0]!s:<{width}} {row[count]!s:>7} {row[column]!s:>8}  {_bar(row[column])}".rstrip())
    return lines if table.rows else [*lines, "  nothing in these days"]


def _bar(value: object) -> str:
    share = value.value if isinstance(value, Rate) and value.value is not None else 0.0
    eighths = round(share * WIDTH * 8)
    return f"{BLOCKS[8] * (eighths // 8)}{BLOCKS[eighths % 8].strip()}".ljust(WIDTH)


async def _forget(open_insights: OpenInsights, conversations: list[str]) -> None:
    async with open_insights() as insights:
        known = [conversation for conversation in conversations if await insights.forget(conversation)]
    if not known:
        _fail("there is no such conversation (any more)")
    print("Forgotten. Its counts stay in the figures, of nobody.")


async def _traffic(open_talk: OpenTalk, zone: ZoneInfo, days: int, a_day: int, seed: int) -> None:
    from rich.console import Console

    from bot.db import system_clock
    from bot.insights.traffic import SetClock, conversations

    clock, count = SetClock(), 0
    with Console(stderr=True).status("talking to the assistant") as status:
        async with open_talk(clock) as lines:
            now = system_clock()
            async for _ in conversations(lines, clock, now=now, days=days, a_day=a_day, zone=zone, seed=seed):
                count += 1
                status.update(f"talking to the assistant: {count} conversations")
    print(f"{count} conversations over {days} days. See them at /staff, or with `twostep report`.")


def _fail(why: str) -> NoReturn:
    typer.echo(f"twostep: {why}", err=True)
    raise typer.Exit(1)
