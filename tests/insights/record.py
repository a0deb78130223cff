"""Records the dialogues of `dialogues` with the real assistant: the events for the test, the words for whoever counts.

    python -m tests.insights.record

writes recording.jsonl (one conversation a line: its events) and recording.txt (what was said), beside this file. The
outcomes in counted.csv were judged by reading recording.txt with the definitions at hand, not by running anything;
after a new recording they must be judged again.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from bot.engine.training import Project, train
from bot.events import CodeDelivery, Event
from tests.insights.dialogues import DIALOGUES
from tests.insights.drive import driver

HERE = Path(__file__).parent
APART = 3 * 3600  # seconds between two conversations, so that a number's texts are episodes of their own


async def main() -> None:
    """Record."""
    events: list[Event] = []

    async def record(event: Event) -> None:
        if not isinstance(event, CodeDelivery):
            events.append(event)

    lines, said = [], []
    with tempfile.TemporaryDirectory() as folder:
        async with driver(Path(folder), record) as patients:
            for number, steps in enumerate(DIALOGUES, 1):
                patients.clock.pass_seconds(APART)
                events.clear()
                said.append(f"\n# {number}")
                await patients.play(steps, said.append)
                lines.append(json.dumps([{"event": type(e).__name__, **asdict(e)} for e in events]))
    (HERE / "recording.jsonl").write_text("\n".join(lines) + "\n")
    (HERE / "recording.txt").write_text("\n".join(said).strip() + "\n")
    print(f"{len(lines)} conversations")


if __name__ == "__main__":
    train(Project(HERE.parents[1]), progress=lambda step: None)
    asyncio.run(main())
