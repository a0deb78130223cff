"""Charts: they show what the tables say, and the drawing library is there before anybody asks for one."""

from __future__ import annotations

import math
import random
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from bot.insights.charts import CHARTS, chart
from bot.insights.disclosure import hide
from bot.insights.figures import By, Counted, Report, summarise
from bot.insights.model import ESCALATED, Outcome, Reason
from bot.insights.tables import Rate, tables

SERVE = """
import asyncio, sys, tempfile
from datetime import date
from pathlib import Path
import httpx
from bot.app import Parts, create_app
from bot.http.server import serving
from bot.insights.charts import chart
from bot.insights.figures import By, summarise
from bot.settings import Settings
from tests.conftest import free_port
from tests.echo_engine import EchoEngine

async def main(folder):
    port = free_port()
    app = create_app(Settings(_env_file=None, data_dir=Path(folder), port=port), Parts(engine=EchoEngine()))
    async with serving(app, host="127.0.0.1", port=port), httpx.AsyncClient() as visitor:
        await visitor.get(f"http://127.0.0.1:{port}/")
        print("patients only:", "matplotlib" in sys.modules)
        print("console:", (await visitor.get(f"http://127.0.0.1:{port}/staff")).status_code)
        nothing = {"by_day": [], "by_channel": [], "by_topic": []}
        report = summarise(date(2026, 1, 1), date(2026, 1, 1), By.WEEK, 6, running=0, names={}, **nothing)
        print("meanwhile:", (await asyncio.to_thread(chart, "reasons", report))[:4])
    print("then:", "matplotlib.backends.backend_svg" in sys.modules)

with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))
"""


def test_the_library_is_loaded_when_somebody_comes_to_sign_in_to_the_console() -> None:
    """Not at start, and not for patients; a chart asked for while it is loaded is drawn."""
    done = subprocess.run(
        [sys.executable, "-c", SERVE], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith(("patients", "console", "meanwhile", "then"))]
    assert said == ["patients only: False", "console: 303", "meanwhile: <svg", "then: True"]


def test_a_chart_without_a_shown_count_has_no_negative_episodes() -> None:
    """Its axis begins at nothing and counts whole episodes."""
    nothing: dict[str, list[Counted]] = {"by_day": [], "by_channel": [], "by_topic": []}
    report = summarise(date(2026, 1, 1), date(2026, 1, 1), By.WEEK, 6, running=0, names={}, **nothing)
    svg = chart("reasons", report)
    assert "Asked for a person" in svg
    assert "\N{MINUS SIGN}" not in svg and "0.0" not in "".join(re.findall(r">([^<>]*)</text>", svg))


def _counted() -> list[Counted]:
    """Three weeks on two channels, with small cells; a week shows its deflection, another only one part of it."""
    chance = random.Random(31)
    return [
        Counted(
            f"2026-11-{day:02}", channel, topic, outcome,
            chance.choice(list(Reason)) if outcome in ESCALATED else "", count, messages=2 * count,
            fallbacks=count // 3, up=count // 2, down=count // 4,
        )
        for day in (2, 9, 16) for channel in ("web", "sms") for topic in ("ask_landline", "update_email")
        for outcome in Outcome if (count := chance.choice((0, 0, 0, 1, 8, 20)))
    ]


def _report() -> Report:
    rows = _counted()
    report = summarise(
        date(2026, 11, 2), date(2026, 11, 22), By.WEEK, 6, by_day=rows, by_channel=rows, by_topic=rows, running=0
    )
    hide(report)
    return report


def _drawn(name: str, report: Report) -> Any:
    axes = Figure().add_subplot()
    CHARTS[name][2](axes, report)
    return axes


@pytest.mark.parametrize(("name", "beside", "across"), [
    ("outcomes", "periods", False), ("channels", "channels", True), ("topics", "topics", True),
])
def test_every_bar_is_as_long_as_the_table_beside_it_says(name: str, beside: str, across: bool) -> None:
    """One bar for each shown count, none for what the table does not show; each begins where the one before ends."""
    report = _report()
    axes = _drawn(name, report)
    table = next(each for each in tables(report) if each.name == beside)
    assert any("<5" in row for row in table.rows)
    ends = [0.0] * len(table.rows)
    for bars in axes.containers:
        column = table.columns.index(bars.get_label())
        shown = [cell if isinstance(cell := row[column], int) else 0 for row in table.rows]
        assert [bar.get_width() if across else bar.get_height() for bar in bars] == shown, bars.get_label()
        assert [bar.get_x() if across else bar.get_y() for bar in bars] == ends
        ends = [end + count for end, count in zip(ends, shown, strict=True)]
    assert len(axes.containers) == len(Outcome)


def test_rates_and_reasons_are_drawn_as_the_tables_say() -> None:
    """Deflection is its two parts one on the other, or no bar at all; lines go through the table's rates; reasons say
    their numbers."""
    report = _report()
    found = {table.name: table for table in tables(report)}
    periods = found["periods"]

    def rates(column: str) -> list[float | None]:
        return [cell.value for row in periods.rows if isinstance(cell := row[periods.columns.index(column)], Rate)]

    weeks = report.periods.values()
    assert any(week.deflection for week in weeks)
    assert any(week.deflection is None and (week.confirmed or week.assumed) for week in weeks)
    confirmed, assumed = _drawn("deflection", report).containers
    for below, above, rate in zip(confirmed, assumed, rates("Deflection"), strict=True):
        assert above.get_y() == below.get_height()
        assert below.get_height() + above.get_height() == pytest.approx(100 * (rate or 0))
    for line in _drawn("rates", report).get_lines():
        shown = [math.nan if rate is None else 100 * rate for rate in rates(line.get_label().partition(" (")[0])]
        assert list(line.get_ydata()) == pytest.approx(shown, nan_ok=True), line.get_label()
    axes = _drawn("reasons", report)
    said = [text.get_text() for text in axes.texts]
    assert said == [str(row[1]) for row in found["reasons"].rows]
    assert [bar.get_width() for bar in axes.containers[0]] == [
        count if isinstance(count := row[1], int) else 0 for row in found["reasons"].rows
    ]
