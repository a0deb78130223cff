"""Charts: the drawing library is there before anybody asks for one, and nothing is drawn that cannot be."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

from bot.insights.charts import chart
from bot.insights.figures import By, Counted, summarise

SERVE = """
import asyncio, sys, tempfile
from datetime import date
from pathlib import Path
import bot.desk
from bot.app import Parts, create_app
from bot.http.server import serving
from bot.insights.charts import chart
from bot.insights.figures import By, summarise
from bot.settings import Settings
from tests.conftest import free_port
from tests.echo_engine import EchoEngine

async def main(folder, asked, after):
    bot.desk.CHARTS_AFTER = after
    port = free_port()
    app = create_app(Settings(_env_file=None, data_dir=Path(folder), port=port), Parts(engine=EchoEngine()))
    async with serving(app, host="127.0.0.1", port=port):
        print("at start", "matplotlib" in sys.modules)
        if asked:
            nothing = {"by_day": [], "by_channel": [], "by_topic": []}
            report = summarise(date(2026, 1, 1), date(2026, 1, 1), By.WEEK, 6, running=0, names={}, **nothing)
            print("drawn", (await asyncio.to_thread(chart, "reasons", report))[:4])
        for _ in range(0 if asked else 1200):
            if hasattr(sys.modules.get("matplotlib.figure"), "Figure"):
                break
            await asyncio.sleep(0.05)
    print("loaded", "matplotlib.figure" in sys.modules)

with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder, ASKED, AFTER))
"""


def _serve(*, asked: bool, after: float) -> list[str]:
    code = SERVE.replace("ASKED", str(asked)).replace("AFTER)", f"{after})")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith(("at start", "drawn", "loaded"))]


def test_the_library_is_loaded_without_a_request() -> None:
    """A start does not wait for it, and it is there although nobody asked for a chart."""
    assert _serve(asked=False, after=0.1) == ["at start False", "loaded True"]


def test_a_chart_asked_for_right_after_the_start_is_drawn() -> None:
    """Before the library is loaded, and while it is."""
    for after in (60, 0.01):
        found = _serve(asked=True, after=after)
        assert found[1:] == ["drawn <svg", "loaded True"], found


def test_a_chart_without_a_shown_count_has_no_negative_episodes() -> None:
    """Its axis begins at nothing and counts whole episodes."""
    nothing: dict[str, list[Counted]] = {"by_day": [], "by_channel": [], "by_topic": []}
    report = summarise(date(2026, 1, 1), date(2026, 1, 1), By.WEEK, 6, running=0, names={}, **nothing)
    svg = chart("reasons", report)
    assert "Asked for a person" in svg
    assert "\N{MINUS SIGN}" not in svg and "0.0" not in "".join(re.findall(r">([^<>]*)</text>", svg))
