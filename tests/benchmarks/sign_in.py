"""How long a refused sign-in takes, for a known and for an unknown user name: `python -m tests.benchmarks.sign_in`.

The two must not be told apart by time. That the dummy hash costs what a real one costs is tested without a clock
(tests/accounts, tests/verification/test_sign_in.py); this measures it from door to door, with argon2 at its real price.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from bot.accounts.passwords import Passwords
from bot.db import Database
from bot.settings import Settings
from tests.portal import portal_on, served

ROUNDS = 30
NAMES = {"known, wrong password": "alex", "unknown": "nobody-of-that-name", "disabled, right password": "sam"}


async def main() -> None:
    """Ask in a random order; print medians and quartiles in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite+aiosqlite:///{Path(folder)}/bench.sqlite3")
        await asyncio.to_thread(database.migrate)
        no_file: dict[str, object] = {"_env_file": None}
        settings = Settings(**no_file, data_dir=Path(folder), failures_per_address="100000/600")  # type: ignore[arg-type]
        async with portal_on(database, settings, passwords=Passwords()) as portal, served(portal):
            await portal.backend.accounts.set_disabled("sam", True)
            taken: dict[str, list[float]] = {name: [] for name in NAMES}
            async with portal.browser() as browser:
                for name in random.sample(list(NAMES) * ROUNDS, len(NAMES) * ROUNDS):
                    began = time.perf_counter()
                    answer = await browser.post("/v1/sign-in", json={
                        "username": NAMES[name], "password": "correct horse battery staple" if "right" in name else "x",
                    })
                    taken[name].append((time.perf_counter() - began) * 1000)
                    assert answer.status_code == 401
        await database.close()
    for name, times in taken.items():
        low, median, high = statistics.quantiles(times, n=4)
        print(f"{name:26} median {median:6.1f} ms, half of them {low:.1f} to {high:.1f}")


if __name__ == "__main__":
    asyncio.run(main())
