"""What is said without the engine, read from domain.yml, the one place for words."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot.channels.sms import Words
from bot.engine.model import Kind, Reply
from bot.settings import Settings

DOMAIN = Path(__file__).parents[1] / "domain.yml"


@cache
def _responses() -> dict[str, list[dict[str, Any]]]:
    responses: dict[str, list[dict[str, Any]]] = yaml.safe_load(DOMAIN.read_text(encoding="utf-8"))["responses"]
    return responses


def topic_labels() -> dict[str, str]:
    """The topics' names on buttons."""
    return dict(_responses()["utter_topic_labels"][0]["custom"])


def failure_reply(settings: Settings, channel: str) -> Reply:
    """What the patient reads when the engine itself broke: never silence, always the contact route.

    Args:
        channel: "web" or "sms"; where domain.yml has no words of its own for it, those for all.
    """
    variations = _responses()["utter_failure"]
    words = next((w for w in variations if w.get("channel") == channel), variations[0])
    return Reply(words["text"].format_map(settings.organization), kind=Kind.ERROR, contact_route=True)


def sms_words(settings: Settings) -> Words:
    """The texts that answer keywords and limits."""
    return Words.filled(_responses()["utter_sms_words"][0]["custom"], settings.organization)
