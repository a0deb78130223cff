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
