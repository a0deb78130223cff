"""The training lines themselves."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from bot.nlu.examples import Example, read_examples
from bot.nlu.intents import EMERGENCY, OUT_OF_SCOPE, REPLIES, SMALL_TALK, is_topic

TEST_FILES = (
    "held_out.jsonl", "strangers.jsonl", "newcomers.jsonl", "blind.jsonl", "alarms.jsonl", "dangers.jsonl",
    "ordinary.jsonl", "relatives.jsonl", "examination.jsonl", "two_questions.jsonl",
)
HERE = Path(__file__).parent
UNSEEN = [HERE / name for name in TEST_FILES]


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip() or text


def test_every_intent_has_its_share(examples: list[Example]) -> None:
    """At least 200 lines a topic, 60 for small talk, 1,200 out of scope, 150 emergencies and look-alikes; and 150 that
    followed on each topic."""
    counts = Counter(example.intent for example in examples if not example.situation)
    assert all(count >= 200 for intent, count in counts.items() if is_topic(intent))
    assert all(counts[intent] >= 60 for intent in SMALL_TALK)
    assert counts[OUT_OF_SCOPE] >= 1200
    assert counts[EMERGENCY] >= 150
    assert len(counts) == 21 + len(SMALL_TALK) + 2
    said = Counter(example.situation[0] for example in examples if example.situation)
    assert set(said) == {intent for intent in counts if is_topic(intent)} | {EMERGENCY, OUT_OF_SCOPE}
    assert min(said.values()) >= 150
    assert {example.intent for example in examples} - set(counts) == REPLIES


def test_no_line_stands_under_two_intents(examples: list[Example]) -> None:
    """A line has one meaning by itself, and one in each situation."""
    intents = defaultdict(set)
    for example in examples:
        intents[example.situation, plain(example.text)].add(example.intent)
    assert {text: names for text, names in intents.items() if len(names) > 1} == {}


def test_no_held_out_line_is_trained_on(examples: list[Example]) -> None:
    """The test files were written by other people, and nothing of them leaked."""
    trained = {plain(example.text) for example in examples}
    lines = [json.loads(line) for path in UNSEEN for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) >= 2700
    assert [line["text"] for line in lines if plain(line["text"]) in trained] == []


def test_no_held_out_reply_is_trained_on_in_its_situation(examples: list[Example]) -> None:
    """What was said after the same answer: "yes" is said everywhere."""
    trained = {(" ".join(example.situation), plain(example.text)) for example in examples}
    lines = [json.loads(line) for line in (HERE / "follow_ups.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) >= 700
    assert [line["text"] for line in lines if (line["after"], plain(line["text"])) in trained] == []


def test_no_line_holds_a_real_number_or_code(examples: list[Example]) -> None:
    """Only numbers set aside for fiction, and no six digits in a row."""
    for example in examples:
        assert not re.search(r"(?<!\d)\d{6}(?!\d)", example.text), example.text
        for number in re.findall(r"\d{3}-\d{3}-\d{4}", example.text):
            assert "-555-01" in number, example.text


@pytest.mark.parametrize("examples", ["    hello\n", ""])
def test_a_broken_block_is_named(tmp_path: Path, examples: str) -> None:
    """A line without its dash, or no line at all, is refused with its file."""
    (tmp_path / "x.yml").write_text(
        f'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n{examples}', encoding="utf-8"
    )
    with pytest.raises(ValueError, match=r"x\.yml"):
        read_examples(tmp_path)
