"""Measures understanding: what was asked against what was made of it, in figures that a practice can read.

Strict: a question is right only when it was answered with its topic, and an out-of-scope text when it was refused.
With choices: a question also counts when the assistant asked between two topics and the right one was among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Protocol

from bot.nlu.intents import EMERGENCY, OUT_OF_SCOPE, is_topic
from bot.nlu.situation import Situation, metadata_of


class Judgement(Protocol):
    """What evaluation reads of a verdict (`bot.nlu.decision.Verdict`, or an engine's `Understanding`)."""

    @property
    def decision(self) -> str: ...
    @property
    def intent(self) -> str: ...
    @property
    def candidates(self) -> tuple[str, ...]: ...


Triple = tuple[str, str, Judgement]
ASKED = "(asked between two)"


@dataclass(frozen=True, slots=True)
class IntentFigures:
    """One row of the table. Shares are 0 to 1; `asked` counts right pairs."""

    intent: str
    lines: int
    right: int
    asked: int
    refused: int
    precision: float
    f1: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures over a file. Shares are 0 to 1."""

    lines: int
    accuracy: float
    accuracy_with_choices: float
    topic_accuracy: float
    topic_accuracy_with_choices: float
    macro_f1: float
    out_of_scope_recall: float
    false_accepts: int
    emergencies_missed: int
    false_emergencies: int
    asked: int
    per_intent: tuple[IntentFigures, ...]
    confusion: dict[tuple[str, str], int]
    mistakes: tuple[tuple[str, str, str], ...]


def outcome(judgement: Judgement) -> str:
    """The intent answered; `out_of_scope` when nothing was; or that it was asked between two."""
    if str(judgement.decision) == "answer":
        return judgement.intent
    return ASKED if str(judgement.decision) == "ask" else OUT_OF_SCOPE


def measure(triples: Iterable[Triple]) -> Evaluation:
    """Figures over (text, expected intent, judgement).

    Raises:
        ValueError: nothing to measure.
    """
    rows = [(text, expected, outcome(judged), tuple(judged.candidates)) for text, expected, judged in triples]
    if not rows:
        raise ValueError("there is nothing to measure: the file holds no lines")
    confusion = Counter((expected, got) for _, expected, got, _ in rows)
    fair = [row for row in rows if row[2] == ASKED and row[1] in row[3]]
    topics = [row for row in rows if is_topic(row[1])]
    outside = [row for row in rows if row[1] == OUT_OF_SCOPE]
    figures = tuple(_figures(intent, rows) for intent in sorted({row[1] for row in rows}))
    return Evaluation(
        lines=len(rows),
        accuracy=_share(sum(row[1] == row[2] for row in rows), len(rows)),
        accuracy_with_choices=_share(sum(row[1] == row[2] for row in rows) + len(fair), len(rows)),
        topic_accuracy=_share(sum(row[1] == row[2] for row in topics), len(topics)),
        topic_accuracy_with_choices=_share(
            sum(row[1] == row[2] or (row[2] == ASKED and row[1] in row[3]) for row in topics), len(topics)
        ),
        macro_f1=sum(row.f1 for row in figures) / len(figures),
        out_of_scope_recall=_share(sum(row[2] == OUT_OF_SCOPE for row in outside), len(outside)),
        false_accepts=sum(row[2] != OUT_OF_SCOPE for row in outside),
        emergencies_missed=sum(row[1] == EMERGENCY != row[2] for row in rows),
        false_emergencies=sum(row[2] == EMERGENCY != row[1] for row in rows),
        asked=sum(row[2] == ASKED for row in rows),
        per_intent=figures,
        confusion=dict(confusion),
        mistakes=tuple((row[0], row[1], row[2]) for row in rows if row[1] != row[2] and row not in fair),
    )


@dataclass(frozen=True, slots=True)
class Understood:
    """A judgement as read from Rasa's parse data."""

    decision: str
    intent: str
    candidates: tuple[str, ...]

    @classmethod
    def of(cls, parse: Mapping[str, Any]) -> Understood:
        """From the key `understanding` that the Decision component writes."""
        value = parse["understanding"]
        return cls(str(value["decision"]), str(value["intent"]), tuple(value["candidates"]))


def evaluate(
    lines: Iterable[tuple[str, str, Situation]],
    understand: Callable[[str, Mapping[str, Any]], Mapping[str, Any]],
    picture: Path | None = None,
) -> str:
    """Measure a trained model on labelled lines; the figures as text.

    Args:
        lines: text, expected intent, and what the text followed on, if anything.
        understand: a text's parse data (`bot.engine.understanding.load_understanding`).
        picture: where to write the confusion picture (SVG), if anywhere.

    Raises:
        ValueError: no lines.
    """
    result = measure(
        (text, intent, Understood.of(understand(text, metadata_of(situation)))) for text, intent, situation in lines
    )
    if picture:
        picture.write_text(confusion_picture(result), encoding="utf-8")
    return summary(result)


def _figures(intent: str, rows: Sequence[tuple[str, str, str, tuple[str, ...]]]) -> IntentFigures:
    own = [row for row in rows if row[1] == intent]
    right = sum(row[2] == intent for row in own)
    claimed = sum(row[2] == intent for row in rows)
    precision, recall = _share(right, claimed), _share(right, len(own))
    return IntentFigures(
        intent,
        len(own),
        right,
        sum(row[2] == ASKED and intent in row[3] for row in own),
        sum(row[2] == OUT_OF_SCOPE != intent for row in own),
        precision,
        2 * precision * recall / (precision + recall) if precision + recall else 0.0,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def summary(result: Evaluation) -> str:
    """The figures and the table as plain text."""
    head = [
        f"lines                          {result.lines}",
        f"accuracy                       {result.accuracy:.1%}   (with choices {result.accuracy_with_choices:.1%})",
        f"right topic                    {result.topic_accuracy:.1%}   "
        f"(with choices {result.topic_accuracy_with_choices:.1%})",
        f"macro-F1                       {result.macro_f1:.3f}",
        f"out-of-scope recall            {result.out_of_scope_recall:.1%}",
        f"false accepts                  {result.false_accepts}",
        f"emergencies missed / false     {result.emergencies_missed} / {result.false_emergencies}",
        f"asked between two              {result.asked}",
        "",
        f"{'intent':26}{'lines':>6}{'right':>7}{'asked':>7}{'refused':>9}{'precision':>11}{'F1':>7}",
    ]
    table = [
        f"{row.intent:26}{row.lines:>6}{row.right:>7}{row.asked:>7}{row.refused:>9}{row.precision:>11.1%}{row.f1:>7.3f}"
        for row in result.per_intent
    ]
    return "\n".join(head + table)


def confusion_picture(result: Evaluation) -> str:
    """An SVG: rows are what was asked, columns what was made of it; darker is more, mistakes in red."""
    rows = sorted({expected for expected, _ in result.confusion})
    columns = sorted({got for _, got in result.confusion} | set(rows))
    cell, left, top = 24, 190, 190
    width, height = left + cell * len(columns) + 10, top + cell * len(rows) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        "<title>What was asked (rows) and what was made of it (columns)</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for x, column in enumerate(columns):
        at = left + cell * x + 16
        parts.append(f'<text transform="translate({at},{top - 6}) rotate(-60)">{escape(column)}</text>')
    for y, row in enumerate(rows):
        total = sum(count for (expected, _), count in result.confusion.items() if expected == row)
        parts.append(f'<text x="{left - 6}" y="{top + cell * y + 16}" text-anchor="end">{escape(row)}</text>')
        for x, column in enumerate(columns):
            count = result.confusion.get((row, column), 0)
            if not count:
                continue
            colour = "#1a5fb4" if row == column else "#c01c28"
            parts.append(
                f'<rect x="{left + cell * x}" y="{top + cell * y}" width="{cell}" height="{cell}" fill="{colour}" '
                f'fill-opacity="{0.15 + 0.85 * count / total:.2f}"/>'
                f'<text x="{left + cell * x + 12}" y="{top + cell * y + 16}" text-anchor="middle" '
                f'fill="{"#fff" if count / total > 0.4 else "#000"}">{count}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])
