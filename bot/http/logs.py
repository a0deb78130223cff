"""One line of JSON for each thing worth telling an operator. Never a patient's words: only fields named here."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

FIELDS = ("request_id", "method", "route", "status", "seconds", "error", "conversation", "reason", "part", "count")


class JsonLines(logging.Formatter):
    """Time, level, logger, a fixed message and `FIELDS`; of an exception the type and the places alone."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(),
        }
        for name in FIELDS:
            if (value := getattr(record, name, None)) is not None:
                line[name] = value
        if record.exc_info and record.exc_info[2] is not None:
            line["error"] = line.get("error") or getattr(record.exc_info[0], "__name__", "")
            line["places"] = _places(record)
        return json.dumps(line, ensure_ascii=False)


def _places(record: logging.LogRecord) -> list[str]:
    places, step = [], record.exc_info[2] if record.exc_info else None
    while step is not None:
        code = step.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/bot/')[2]}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return places[-12:]


def log_as_json(level: int = logging.INFO) -> None:
    """Send everything to standard error as JSON lines; for serving, not for tests or the terminal."""
    # No line tells of threads and processes; to find them out takes longer than to write it.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("twostep").setLevel(level)
